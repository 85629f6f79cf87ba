//! Each photo looks for any of its captions among all captions.

use rayon::prelude::*;
use sensorium_types::Modality;

use super::gallery::gallery;
use super::ranks::figures;
use crate::eval::corpus::Corpus;
use crate::eval::metrics::rank;
use crate::eval::report::Figures;
use crate::eval::scoring::best;

pub(super) fn measure(corpus: &Corpus) -> anyhow::Result<Option<Figures>> {
    let members = gallery(corpus, |item| item.modality == Some(Modality::Image));
    let photos: Vec<_> = members.iter().filter(|member| !member.captions.is_empty()).collect();
    let captions: Vec<&str> = photos.iter().flat_map(|photo| photo.captions.iter().copied()).collect();
    if captions.is_empty() {
        return Ok(None);
    }
    let vectors = corpus.texts(&captions)?;
    let ranks: Vec<(usize, Option<usize>)> = photos
        .par_iter()
        .enumerate()
        .map(|(group, photo)| {
            // A still has one point; a photo that failed asks nothing.
            let Some(query) = photo.points.first() else { return (group, None) };
            let scores: Vec<(f32, bool)> = captions
                .iter()
                .zip(&vectors)
                .filter_map(|(caption, vector)| {
                    let score = best(query, std::slice::from_ref(vector), corpus.scale())?;
                    Some((score, photo.bears(caption)))
                })
                .collect();
            (group, rank(scores.iter().copied()))
        })
        .collect();
    Ok(Some(figures(&ranks, captions.len())))
}
