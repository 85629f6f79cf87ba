//! Each distinct still and label of the derived films looks for clips of the label among the animal sounds.

use std::collections::BTreeSet;
use std::path::Path;

use super::gallery::gallery;
use super::labels::{Asked, figures};
use super::text_to_audio::is_animal_sound;
use crate::eval::corpus::Corpus;
use crate::eval::report::Figures;

pub(super) fn measure(corpus: &Corpus) -> Option<Figures> {
    let members = gallery(corpus, is_animal_sound);
    let pairs: BTreeSet<(&Path, &str)> = corpus
        .items
        .iter()
        .filter_map(|item| Some((item.row.still.as_deref()?, item.row.label.as_deref()?)))
        .collect();
    let asked: Vec<Asked<'_>> = pairs
        .into_iter()
        .map(|(still, label)| Asked { label, query: corpus.still(still).first().cloned() })
        .collect();
    figures(corpus, &asked, &members)
}
