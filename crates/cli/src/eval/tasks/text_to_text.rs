//! Each caption looks for its own text, or another that bears the same caption, among all texts of the split: a translation
//! for what it translates, if captions and texts are of two languages.

use sensorium_types::Modality;

use super::gallery::gallery;
use super::ranks::{all_captions, of_captions};
use crate::eval::corpus::Corpus;
use crate::eval::report::Figures;

pub(super) fn measure(corpus: &Corpus) -> anyhow::Result<Option<Figures>> {
    let members = gallery(corpus, |item| item.modality == Some(Modality::Text));
    of_captions(corpus, &all_captions(&members), &members)
}
