//! Each caption looks for its own photo, or another that bears the same caption, among all photos of the split.

use sensorium_types::Modality;

use super::gallery::gallery;
use super::ranks::{all_captions, of_captions};
use crate::eval::corpus::Corpus;
use crate::eval::report::Figures;

pub(super) fn measure(corpus: &Corpus) -> anyhow::Result<Option<Figures>> {
    let members = gallery(corpus, |item| item.modality == Some(Modality::Image));
    of_captions(corpus, &all_captions(&members), &members)
}
