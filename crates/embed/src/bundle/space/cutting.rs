//! How media are cut and sized for the encoders of a bundle: each tower's own view of its medium.

use sensorium_types::Modality;
use serde::Serialize;

use super::manifest::{CutRow, EncoderRow, Filter, Manifest, Operation, ResizeMode, fact};
use crate::EmbedError;

/// Words of a text passage, where the bundle says nothing.
const DEFAULT_PASSAGE_WORDS: u32 = 120;
/// Words that neighbouring passages share, where the bundle says nothing.
const DEFAULT_PASSAGE_OVERLAP: u32 = 20;
/// Window of an audio clip, where the bundle says nothing.
const DEFAULT_AUDIO_WINDOW_MS: u32 = 5_000;
/// Longest part of a video, where the bundle says nothing.
const DEFAULT_VIDEO_WINDOW_MS: u32 = 10_000;
/// Frames a second of a video, where the bundle says nothing.
const DEFAULT_VIDEO_FPS: f32 = 1.0;
/// The view of images in a bundle that encodes none.
const UNSEEN: (u32, Fit, ImageFilter) = (224, Fit::Squash, ImageFilter::Bicubic);
/// Largest side of an image that an encoder may ask for, in pixels.
const MAX_IMAGE_SIZE: u32 = 4096;

/// How media are cut and sized for the encoders of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cutting {
    /// Whether images are encoded; what follows of their view is of no use else.
    pub images: bool,
    /// Side of the square that images are brought to, in pixels.
    pub image_size: u32,
    /// How they are brought to it.
    pub fit: Fit,
    /// By which filter.
    pub filter: ImageFilter,
    /// Windows of audio; `None` for a bundle without an audio encoder.
    pub audio: Option<AudioCutting>,
    /// Parts of videos.
    pub video: VideoCutting,
    /// Passages of texts.
    pub text: TextCutting,
}

/// How an image becomes a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Both sides are scaled on their own.
    Squash,
    /// The middle is cut out, and scaled.
    CropCentre,
    /// The image is scaled until its shorter side has so many pixels, and the middle cut out of that.
    Shortest {
        /// Pixels of the shorter side.
        edge: u32,
    },
}

/// The filter that images are scaled by; each is widened with the scale, and counts eight bits between its two passes, as
/// Pillow does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageFilter {
    /// Cubic with a = -0.5.
    Bicubic,
    /// A triangle.
    Bilinear,
    /// Lanczos of three lobes.
    Lanczos,
}

/// Windows of an audio clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AudioCutting {
    /// Samples a second, mono.
    pub sample_rate_hz: u32,
    /// Length of a window.
    pub window_ms: u32,
    /// From the start of one window to the next.
    pub hop_ms: u32,
}

/// Parts of a video.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct VideoCutting {
    /// Frames a second that are looked at.
    pub fps: f32,
    /// Longest part.
    pub window_ms: u32,
}

/// Passages of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TextCutting {
    /// Most words.
    pub max_words: u32,
    /// Words that neighbours share.
    pub overlap_words: u32,
}

/// What a manifest says of cutting, checked.
pub(super) fn cutting(manifest: &Manifest) -> Result<Cutting, EmbedError> {
    let cut = |modality| manifest.encoder(modality).map(|encoder| &encoder.cut);
    let (text, video) = (cut(Modality::Text), cut(Modality::Video));
    let image =
        manifest.encoder(Modality::Image).map(|encoder| image_view(&encoder.preprocess)).transpose()?;
    let (image_size, fit, filter) = image.unwrap_or(UNSEEN);
    let cutting = Cutting {
        images: image.is_some(),
        image_size,
        fit,
        filter,
        audio: manifest.encoder(Modality::Audio).map(audio_windows).transpose()?,
        video: VideoCutting {
            fps: video.and_then(|cut| cut.fps).unwrap_or(DEFAULT_VIDEO_FPS),
            window_ms: video.and_then(|cut| cut.window_ms).unwrap_or(DEFAULT_VIDEO_WINDOW_MS),
        },
        text: TextCutting {
            max_words: text.and_then(|cut| cut.words).unwrap_or(DEFAULT_PASSAGE_WORDS),
            overlap_words: text.and_then(|cut| cut.overlap).unwrap_or(DEFAULT_PASSAGE_OVERLAP),
        },
    };
    let sizes = [cutting.image_size, cutting.video.window_ms, cutting.text.max_words];
    if sizes.contains(&0) || cutting.video.fps.is_nan() || cutting.video.fps <= 0.0 {
        return Err(fact(format!("sizes of parts that are 0: {cutting:?}")));
    }
    if cutting.text.overlap_words >= cutting.text.max_words {
        return Err(fact("passages that overlap wholly".to_owned()));
    }
    Ok(cutting)
}

/// Side, fit and filter of images.
fn image_view(operations: &[Operation]) -> Result<(u32, Fit, ImageFilter), EmbedError> {
    let (mut resize, mut crop) = (None, None);
    for operation in operations {
        match operation {
            Operation::Resize { mode, size, filter } => resize = Some((*mode, *size, *filter)),
            Operation::Crop { size } => crop = Some(*size),
            Operation::Normalise { .. }
            | Operation::Resample { .. }
            | Operation::Logmel { .. }
            | Operation::Fill { .. }
            | Operation::Pad { .. } => {}
        }
    }
    let (mode, size, filter) = resize.ok_or_else(|| fact("no resize for images".to_owned()))?;
    let (side, fit) = match (mode, crop) {
        (ResizeMode::Squash, None) => (size, Fit::Squash),
        (ResizeMode::Crop, None) => (size, Fit::CropCentre),
        (ResizeMode::Shortest, Some(crop)) if crop <= size => (crop, Fit::Shortest { edge: size }),
        (mode, crop) => {
            return Err(fact(format!("a resize of the mode {mode:?} to {size} with a crop to {crop:?}")));
        }
    };
    if size > MAX_IMAGE_SIZE {
        return Err(fact(format!("images of {size} pixels a side, at most {MAX_IMAGE_SIZE} are taken")));
    }
    let filter = match filter {
        Filter::Bicubic => ImageFilter::Bicubic,
        Filter::Bilinear => ImageFilter::Bilinear,
        Filter::Lanczos => ImageFilter::Lanczos,
    };
    Ok((side, fit, filter))
}

/// Windows of audio.
fn audio_windows(encoder: &EncoderRow) -> Result<AudioCutting, EmbedError> {
    let rate = encoder.preprocess.iter().find_map(|operation| match operation {
        Operation::Resample { hz } => Some(*hz),
        Operation::Crop { .. }
        | Operation::Normalise { .. }
        | Operation::Resize { .. }
        | Operation::Logmel { .. }
        | Operation::Fill { .. }
        | Operation::Pad { .. } => None,
    });
    let CutRow { window_ms, hop_ms, .. } = &encoder.cut;
    let window_ms = window_ms.unwrap_or(DEFAULT_AUDIO_WINDOW_MS);
    let cutting = AudioCutting {
        sample_rate_hz: rate.ok_or_else(|| fact("no sample rate for audio".to_owned()))?,
        window_ms,
        hop_ms: hop_ms.unwrap_or(window_ms / 2),
    };
    let AudioCutting { sample_rate_hz, window_ms, hop_ms } = cutting;
    if [sample_rate_hz, window_ms, hop_ms].contains(&0) {
        return Err(fact(format!("sizes of parts that are 0: {cutting:?}")));
    }
    Ok(cutting)
}
