//! What encoders take.

use sensorium_types::{Language, Modality};

/// An image at the size of the image encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// RGB, three bytes a pixel, row by row.
    pub pixels: Vec<u8>,
}

/// One thing to encode.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A query or a passage, in whatever language it seems to be; the empty text has a vector as well.
    Text(String),
    /// The same in a language that is known.
    TextIn(Language, String),
    /// Frames of one part: one for an image, several for a video. The vector is the mean of the frames' unit vectors,
    /// normalized.
    Frames(Vec<Image>),
    /// Mono samples at the rate that the bundle's [`crate::Cutting`] names, within -1..=1. What is longer than the
    /// encoder's window is cut.
    Audio(Vec<f32>),
}

/// What is wrong with an input.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InputFault {
    /// Frames without a frame.
    #[error("no frames")]
    NoFrames,
    /// An audio clip without a sample.
    #[error("no samples")]
    NoSamples,
    /// A sample that is not a number.
    #[error("sample {at} is not finite")]
    SampleNotFinite {
        /// Which sample, from 0.
        at: usize,
    },
    /// An image of another size than the encoder's.
    #[error("an image of {width}x{height} pixels in {bytes} bytes, expected {size}x{size} in RGB")]
    ImageSize {
        /// Width received.
        width: u32,
        /// Height received.
        height: u32,
        /// Bytes received.
        bytes: usize,
        /// Side of the square that the encoder takes.
        size: u32,
    },
}

impl Input {
    /// Checks what any encoder would refuse.
    pub(crate) fn check(&self, size: u32) -> Result<(), InputFault> {
        match self {
            Self::Text(_) | Self::TextIn(..) => Ok(()),
            Self::Frames(frames) if frames.is_empty() => Err(InputFault::NoFrames),
            Self::Frames(frames) => frames.iter().try_for_each(|frame| frame.check(size)),
            Self::Audio(samples) => check_audio(samples),
        }
    }

    /// What encodes it.
    pub(crate) fn modality(&self) -> Modality {
        match self {
            Self::Text(_) | Self::TextIn(..) => Modality::Text,
            Self::Frames(frames) if frames.len() > 1 => Modality::Video,
            Self::Frames(_) => Modality::Image,
            Self::Audio(_) => Modality::Audio,
        }
    }
}

/// Checks what any audio encoder would refuse.
pub(crate) fn check_audio(samples: &[f32]) -> Result<(), InputFault> {
    if samples.is_empty() {
        return Err(InputFault::NoSamples);
    }
    match samples.iter().position(|sample| !sample.is_finite()) {
        Some(at) => Err(InputFault::SampleNotFinite { at }),
        None => Ok(()),
    }
}

impl Image {
    pub(crate) fn check(&self, size: u32) -> Result<(), InputFault> {
        let side = size as usize;
        if self.width == size && self.height == size && self.pixels.len() == side * side * 3 {
            return Ok(());
        }
        let (width, height, bytes) = (self.width, self.height, self.pixels.len());
        Err(InputFault::ImageSize { width, height, bytes, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_found_and_said() {
        assert_eq!(Input::Frames(Vec::new()).check(2), Err(InputFault::NoFrames));
        assert_eq!(Input::Audio(Vec::new()).check(2), Err(InputFault::NoSamples));
        assert_eq!(Input::Audio(vec![0.0, f32::NAN]).check(2), Err(InputFault::SampleNotFinite { at: 1 }));
        let small = Image { width: 1, height: 2, pixels: vec![0; 6] };
        let fault = Input::Frames(vec![small]).check(2).unwrap_err();
        assert_eq!(fault.to_string(), "an image of 1x2 pixels in 6 bytes, expected 2x2 in RGB");
        assert_eq!(Input::Text(String::new()).check(2), Ok(()));
    }
}
