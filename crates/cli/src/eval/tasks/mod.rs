//! The tasks: one file each. A new one is a file here, a [`TaskName`], and a row in CONTRACTS.md section 9.

mod bias;
mod by_label;
mod calibration;
mod caption_to_audio;
mod gallery;
mod image_to_audio;
mod image_to_text;
mod label_to_audio;
mod label_to_image;
mod labels;
mod ranks;
mod rerank;
mod text_to_audio;
mod text_to_image;
mod text_to_text;
mod text_to_video;

use super::corpus::Corpus;
use super::report::Figures;
use crate::args::task::TaskName;

/// Measures a task; `None` if the split has no data for it.
pub(super) fn measure(task: TaskName, corpus: &Corpus) -> anyhow::Result<Option<Figures>> {
    match task {
        TaskName::TextToImage => text_to_image::measure(corpus),
        TaskName::ImageToText => image_to_text::measure(corpus),
        TaskName::TextToVideo => text_to_video::measure(corpus),
        TaskName::TextToAudio => text_to_audio::measure(corpus),
        TaskName::CaptionToAudio => caption_to_audio::measure(corpus),
        TaskName::ImageToAudio => Ok(image_to_audio::measure(corpus)),
        TaskName::Rerank => rerank::measure(corpus),
        TaskName::Calibration => calibration::measure(corpus),
        TaskName::Bias => bias::measure(corpus),
        TaskName::TextToText => text_to_text::measure(corpus),
        TaskName::LabelToImage => label_to_image::measure(corpus),
        TaskName::LabelToAudio => label_to_audio::measure(corpus),
    }
}
