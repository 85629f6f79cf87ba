//! What comes out of a file: facts and parts.

use sensorium_types::{FailureReason, Modality, Payload, Span, Track};
use serde::{Deserialize, Serialize};

/// An image of 8-bit RGB.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rgb {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `height * width * 3` bytes, row by row.
    #[serde(with = "serde_bytes")]
    pub pixels: Vec<u8>,
}

impl std::fmt::Debug for Rgb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rgb({}x{})", self.width, self.height)
    }
}

/// What a part shows, sounds like or says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PartContent {
    /// Images of the encoder's size: one of an image, several of a video's part.
    Frames(Vec<Rgb>),
    /// Mono samples in [-1, 1] at the encoder's rate.
    Pcm(Vec<f32>),
    /// A passage.
    Text(String),
}

/// One part of an asset, which becomes one point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The track.
    pub track: Track,
    /// The place in the track, from 0.
    pub ordinal: u32,
    /// Where it lies; `None` for a whole image.
    pub span: Option<Span>,
    /// What it holds.
    pub content: PartContent,
    /// A JPEG of at most 320 px and 12 kB.
    #[serde(with = "serde_bytes")]
    pub thumb: Option<Vec<u8>>,
}

impl Part {
    /// Bytes of its content and thumbnail.
    pub fn bytes(&self) -> u64 {
        let content: usize = match &self.content {
            PartContent::Frames(frames) => frames.iter().map(|frame| frame.pixels.len()).sum(),
            PartContent::Pcm(samples) => std::mem::size_of_val(samples.as_slice()),
            PartContent::Text(text) => text.len(),
        };
        (content + self.thumb.as_ref().map_or(0, Vec::len)) as u64
    }
}

/// What a file is, without its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// What it is.
    pub modality: Modality,
    /// Its media type, for instance `image/jpeg`.
    pub mime: String,
    /// Facts found in it (CONTRACTS.md section 4), without those of the file system.
    pub facts: Payload,
    /// What is doubtful about its parts, or why some are missing, though those that came are good to be kept.
    pub warning: Option<FailureReason>,
}

/// A decoded file.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// What it is.
    pub modality: Modality,
    /// Its media type, for instance `image/jpeg`.
    pub mime: String,
    /// Facts found in it (CONTRACTS.md section 4), without those of the file system.
    pub facts: Payload,
    /// See [`Head::warning`].
    pub warning: Option<FailureReason>,
    /// Its parts, in order of track and ordinal; never empty.
    pub parts: Vec<Part>,
}
