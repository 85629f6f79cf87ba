//! What the encoders ask of a decoder. The numbers come from a bundle; the defaults are those of the default bundle.

use serde::{Deserialize, Serialize};

/// How an image of any aspect becomes a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// The whole image, both sides scaled.
    Squash,
    /// The largest centred square.
    CropCentre,
    /// Scaled until the shorter side has so many pixels; the middle of that.
    Shortest {
        /// Pixels of the shorter side, no fewer than the square's.
        edge: u32,
    },
}

/// The filter that images are scaled by, widened with the scale as Pillow's are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Cubic with a = -0.5.
    Bicubic,
    /// A triangle.
    Bilinear,
    /// Lanczos of three lobes.
    Lanczos,
}

/// Windows over an audio clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSpec {
    /// Length of a window in milliseconds.
    pub window_ms: u64,
    /// From the start of one window to the next, in milliseconds.
    pub hop_ms: u64,
}

/// Sampling and cutting of a video.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VideoSpec {
    /// Frames a second that are embedded.
    pub fps: f32,
    /// Longest part of a shot, in milliseconds.
    pub window_ms: u64,
    /// Most frames of one part that are embedded.
    pub max_frames_per_part: usize,
}

/// Passages of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassageSpec {
    /// Most words of a passage.
    pub max_words: usize,
    /// Words that a passage shares with the one before it.
    pub overlap_words: usize,
}

/// Sizes, rates and windows of every modality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderSpec {
    /// Side of the square images, in pixels.
    pub image_size: u32,
    /// How images become squares.
    pub image_fit: Fit,
    /// By which filter.
    pub image_filter: Filter,
    /// Sample rate of audio.
    pub sample_rate_hz: u32,
    /// Cutting of audio.
    pub audio: WindowSpec,
    /// Cutting of videos.
    pub video: VideoSpec,
    /// Cutting of texts.
    pub text: PassageSpec,
    /// Only what is heard is wanted: frames of videos are not decoded, and what has no audio fails.
    pub only_audio: bool,
    /// An image is wanted to be looked at: in place of a thumbnail it gives a JPEG whose longest side is at most so many pixels, and
    /// what is no image fails.
    pub preview_side: Option<u32>,
    /// Nothing that is heard is wanted: soundtracks are not decoded, and what holds only audio fails.
    pub no_audio: bool,
    /// Nothing that is seen is wanted: images fail, and so does a video without audio; of any other, only what is heard is decoded.
    pub no_images: bool,
}

impl EncoderSpec {
    /// The same for who wants only what is heard, whatever the encoders want.
    pub(crate) fn of_audio(&self) -> Self {
        Self { only_audio: true, no_audio: false, no_images: false, ..self.clone() }
    }
}

impl Default for EncoderSpec {
    fn default() -> Self {
        Self {
            image_size: 260,
            image_fit: Fit::Squash,
            image_filter: Filter::Bicubic,
            sample_rate_hz: 16_000,
            audio: WindowSpec { window_ms: 5_000, hop_ms: 2_500 },
            video: VideoSpec { fps: 1.0, window_ms: 10_000, max_frames_per_part: 4 },
            text: PassageSpec { max_words: 120, overlap_words: 20 },
            only_audio: false,
            preview_side: None,
            no_audio: false,
            no_images: false,
        }
    }
}
