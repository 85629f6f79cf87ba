//! Labels look for images: `dog`, `dogs`, `a photo of a dog`.

use sensorium_types::Modality;

use super::by_label::{Asking, measure as by_label};
use crate::eval::corpus::Corpus;
use crate::eval::report::Figures;

/// The figures' names, of each form in the order of `by_label`.
const NAMES: [[&str; 3]; 3] = [
    ["bare_r1", "bare_r5", "bare_r10"],
    ["plural_r1", "plural_r5", "plural_r10"],
    ["sentence_r1", "sentence_r5", "sentence_r10"],
];

pub(super) fn measure(corpus: &Corpus) -> anyhow::Result<Option<Figures>> {
    by_label(corpus, &Asking { modality: Modality::Image, sentence: "a photo of", names: NAMES })
}
