//! PNG, GIF, WebP, BMP, TIFF, PNM and QOI through the `image` crate, with its allocation limits.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};
use sensorium_types::{FailureReason, ReasonKind};

use super::{Picture, check_sides};
use crate::{Limits, Rgb, reason};

fn format_of(mime: &str) -> Option<ImageFormat> {
    match mime {
        "image/png" => Some(ImageFormat::Png),
        "image/gif" => Some(ImageFormat::Gif),
        "image/webp" => Some(ImageFormat::WebP),
        "image/bmp" => Some(ImageFormat::Bmp),
        "image/tiff" => Some(ImageFormat::Tiff),
        "image/qoi" => Some(ImageFormat::Qoi),
        "image/x-portable-anymap" => Some(ImageFormat::Pnm),
        _ => None,
    }
}

pub(super) fn decode(bytes: &[u8], mime: &str, limits: &Limits) -> Result<Picture, FailureReason> {
    let format = format_of(mime).ok_or_else(|| reason(ReasonKind::Unsupported, mime))?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut bounds = image::Limits::no_limits();
    bounds.max_alloc = Some(limits.max_decoded_bytes);
    bounds.max_image_width = Some(limits.max_side);
    bounds.max_image_height = Some(limits.max_side);
    reader.limits(bounds);
    let decoder = reader.into_decoder().map_err(failure)?;
    let (width, height) = decoder.dimensions();
    check_sides(width, height, limits)?;
    if decoder.total_bytes() > limits.max_decoded_bytes {
        let detail = format!("{} bytes when decoded, at most {}", decoder.total_bytes(), limits.max_decoded_bytes);
        return Err(reason(ReasonKind::TooLarge, detail));
    }
    let image = DynamicImage::from_decoder(decoder).map_err(failure)?;
    Ok(Picture { rgb: over_white(&image), width, height })
}

/// What an error of the `image` crate means to us.
fn failure(error: ImageError) -> FailureReason {
    let kind = match &error {
        ImageError::Limits(_) => ReasonKind::TooLarge,
        ImageError::Unsupported(_) => ReasonKind::Unsupported,
        ImageError::Decoding(_) | ImageError::Encoding(_) | ImageError::Parameter(_) | ImageError::IoError(_) => {
            ReasonKind::Corrupt
        }
    };
    reason(kind, error.to_string())
}

/// Blends transparent pixels over white.
fn over_white(image: &DynamicImage) -> Rgb {
    let (width, height) = (image.width(), image.height());
    if !image.color().has_alpha() {
        return Rgb { width, height, pixels: image.to_rgb8().into_raw() };
    }
    let rgba = image.to_rgba8().into_raw();
    let mut pixels = Vec::with_capacity(rgba.len() / 4 * 3);
    for pixel in rgba.chunks_exact(4) {
        if let [red, green, blue, alpha] = pixel {
            for colour in [red, green, blue] {
                let blended = u32::from(*colour) * u32::from(*alpha) + 255 * (255 - u32::from(*alpha));
                pixels.push(u8::try_from((blended + 127) / 255).unwrap_or(u8::MAX));
            }
        }
    }
    Rgb { width, height, pixels }
}

/// Whether a PNG, GIF or WebP moves: it has more than one frame.
pub(crate) fn is_animated(bytes: &[u8], mime: &str) -> bool {
    match mime {
        "image/png" => PngDecoder::new(Cursor::new(bytes)).is_ok_and(|png| png.is_apng().unwrap_or(false)),
        "image/webp" => WebPDecoder::new(Cursor::new(bytes)).is_ok_and(|webp| webp.has_animation()),
        "image/gif" => {
            GifDecoder::new(Cursor::new(bytes)).is_ok_and(|gif| gif.into_frames().take(2).filter(Result::is_ok).count() == 2)
        }
        _ => false,
    }
}
