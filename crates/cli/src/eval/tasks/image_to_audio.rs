//! Each distinct still and label of the derived videos looks for clips of the label among the animal sounds.

use std::collections::BTreeSet;
use std::path::Path;

use super::gallery::gallery;
use super::labels::{Asked, figures};
use super::text_to_audio::is_animal_sound;
use crate::eval::corpus::Corpus;
use crate::eval::report::Figures;

/// Each distinct still with a label, in order.
pub(super) fn stills(corpus: &Corpus) -> BTreeSet<(&Path, &str)> {
    let items = corpus.items.iter();
    items.filter_map(|item| Some((item.row.still.as_deref()?, item.row.label.as_deref()?))).collect()
}

pub(super) fn measure(corpus: &Corpus) -> Option<Figures> {
    let members = gallery(corpus, is_animal_sound);
    let asked: Vec<Asked<'_>> = stills(corpus)
        .into_iter()
        .map(|(still, label)| Asked { label, query: corpus.still(still).first().cloned() })
        .collect();
    figures(corpus, &asked, &members)
}
