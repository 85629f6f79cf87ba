//! Each caption of the stamps' audio looks for an audio clip that bears it, among those audio clips.

use sensorium_types::Modality;

use super::gallery::gallery;
use super::ranks::{all_captions, of_captions};
use crate::eval::corpus::Corpus;
use crate::eval::report::Figures;

/// The source of such rows.
const SOURCE: &str = "stamps";

pub(super) fn measure(corpus: &Corpus) -> anyhow::Result<Option<Figures>> {
    let members = gallery(corpus, |item| {
        item.modality == Some(Modality::Audio) && item.row.source.as_deref() == Some(SOURCE)
    });
    of_captions(corpus, &all_captions(&members), &members)
}
