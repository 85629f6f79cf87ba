//! Each distinct caption looks for any video that has it, among all videos. Captions are resampled one by one.

use std::collections::HashSet;

use sensorium_types::Modality;

use super::gallery::gallery;
use super::ranks::{Asked, of_captions};
use crate::eval::corpus::Corpus;
use crate::eval::report::Figures;

pub(super) fn measure(corpus: &Corpus) -> anyhow::Result<Option<Figures>> {
    let members = gallery(corpus, |item| item.modality == Some(Modality::Video));
    let mut seen = HashSet::new();
    let captions = members.iter().flat_map(|member| member.captions.iter().copied());
    let asked: Vec<Asked<'_>> = captions
        .filter(|caption| seen.insert(*caption))
        .enumerate()
        .map(|(group, text)| Asked { text, group })
        .collect();
    of_captions(corpus, &asked, &members)
}
