//! Images whose file is cut short or damaged: what could be read is kept, as browsers show it, with a warning.
//!
//! Of most formats of the `image` crate the pixels before the damage are in the buffer when the decoder gives up. WebP and
//! TIFF leave nothing there.

use std::io::Cursor;

use image::{ColorType, DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader};
use sensorium_types::{FailureReason, ReasonKind};

use super::bounds::{bounds, check};
use crate::{Limits, reason};

/// What stands where nothing was read: grey, as libjpeg leaves it.
const EMPTY: u8 = 0x80;
/// The least part of the rows that must have been read, as one in so many.
const LEAST_PART: usize = 8;

/// What an image says of itself that was kept though its file is damaged.
pub(super) fn warning() -> FailureReason {
    reason(ReasonKind::Corrupt, "the file is cut short or damaged: what could be read is kept")
}

/// Whether a RIFF (a WebP) says that it has more bytes.
pub(super) fn lacks_bytes(bytes: &[u8]) -> bool {
    match bytes {
        [b'R', b'I', b'F', b'F', a, b, c, d, rest @ ..] => {
            u64::from(u32::from_le_bytes([*a, *b, *c, *d])) > rest.len() as u64
        }
        _ => false,
    }
}

/// What can be read of an image whose decoder gives up; `None` if that is too little.
pub(super) fn salvage(bytes: &[u8], format: ImageFormat, limits: &Limits) -> Option<DynamicImage> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(bounds(limits));
    let decoder = reader.into_decoder().ok()?;
    let (width, height) = check(&decoder, limits).ok()?;
    let (color, length) = (decoder.color_type(), usize::try_from(decoder.total_bytes()).ok()?);
    let mut samples = vec![EMPTY; length];
    if decoder.read_image(&mut samples).is_err() {
        let rows = samples.chunks(length.div_ceil(height as usize).max(1));
        let read = rows.filter(|row| row.iter().any(|sample| *sample != EMPTY)).count();
        if read * LEAST_PART < height as usize {
            return None;
        }
        if matches!(color, ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16) {
            // Only PNG has these here, and it swaps the bytes of a sample last: the first is the greater.
            samples = samples.into_iter().step_by(2).collect();
        }
    }
    match color {
        ColorType::L8 | ColorType::L16 => {
            ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageLuma8)
        }
        ColorType::La8 | ColorType::La16 => {
            ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageLumaA8)
        }
        ColorType::Rgb8 | ColorType::Rgb16 => {
            ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageRgb8)
        }
        ColorType::Rgba8 | ColorType::Rgba16 => {
            ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageRgba8)
        }
        ColorType::Rgb32F | ColorType::Rgba32F | _ => None,
    }
}
