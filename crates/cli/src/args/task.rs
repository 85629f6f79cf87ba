//! The tasks of `eval`, by name.

use std::fmt;
use std::str::FromStr;

/// A task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskName {
    /// Captions find their photos.
    TextToImage,
    /// Photos find their captions.
    ImageToText,
    /// Captions find their videos.
    TextToVideo,
    /// Labels find animal sounds.
    TextToAudio,
    /// Captions find stamps' audio.
    CaptionToAudio,
    /// Images of animals find their audio.
    ImageToAudio,
    /// Captions find their photos, with the best read once more.
    Rerank,
    /// What one cut-off lets through, for each pair of contents.
    Calibration,
    /// Captions of men and women, boys and girls, young and old.
    Bias,
    /// Captions find their texts.
    TextToText,
    /// Labels find images, bare, in the plural and in a sentence, source by source.
    LabelToImage,
    /// The same of audio.
    LabelToAudio,
}

/// A name that is no task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown task {received:?}, expected one of {}", TaskName::ALL.map(TaskName::name).join(", "))]
pub(crate) struct UnknownTask {
    received: String,
}

impl TaskName {
    /// Every task, in the order of the report.
    pub(crate) const ALL: [Self; 12] = [
        Self::TextToImage,
        Self::ImageToText,
        Self::TextToVideo,
        Self::TextToAudio,
        Self::CaptionToAudio,
        Self::ImageToAudio,
        Self::Rerank,
        Self::Calibration,
        Self::Bias,
        Self::TextToText,
        Self::LabelToImage,
        Self::LabelToAudio,
    ];

    /// The name in reports and on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::TextToImage => "text_to_image",
            Self::ImageToText => "image_to_text",
            Self::TextToVideo => "text_to_video",
            Self::TextToAudio => "text_to_audio",
            Self::CaptionToAudio => "caption_to_audio",
            Self::ImageToAudio => "image_to_audio",
            Self::Rerank => "rerank",
            Self::Calibration => "calibration",
            Self::Bias => "bias",
            Self::TextToText => "text_to_text",
            Self::LabelToImage => "label_to_image",
            Self::LabelToAudio => "label_to_audio",
        }
    }
}

impl FromStr for TaskName {
    type Err = UnknownTask;

    fn from_str(name: &str) -> Result<Self, UnknownTask> {
        let known = Self::ALL.into_iter().find(|task| task.name() == name);
        known.ok_or_else(|| UnknownTask { received: name.to_owned() })
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
