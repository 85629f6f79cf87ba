//! "the sound of a {label}" looks for the clips of the label among the animal sounds.

use std::collections::BTreeSet;

use super::gallery::gallery;
use super::labels::{Asked, figures};
use crate::eval::corpus::{Corpus, Item};
use crate::eval::report::Figures;

/// The source of such rows.
const SOURCE: &str = "animal_sounds";

/// Whether a row is an animal's sound.
pub(super) fn is_animal_sound(item: &Item) -> bool {
    item.row.source.as_deref() == Some(SOURCE)
}

/// How a label is asked for.
pub(super) fn question(label: &str) -> String {
    format!("the sound of a {label}")
}

pub(super) fn measure(corpus: &Corpus) -> anyhow::Result<Option<Figures>> {
    let members = gallery(corpus, is_animal_sound);
    let labels: BTreeSet<&str> = members.iter().filter_map(|member| member.label).collect();
    let texts: Vec<String> = labels.iter().map(|label| question(label)).collect();
    let queries = corpus.texts(&texts)?;
    let asked: Vec<Asked<'_>> =
        labels.into_iter().zip(queries).map(|(label, query)| Asked { label, query: Some(query) }).collect();
    Ok(figures(corpus, &asked, &members))
}
