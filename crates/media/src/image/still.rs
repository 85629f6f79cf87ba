//! PNG, GIF, WebP, BMP, TIFF, PNM and QOI through the `image` crate, with its allocation limits.

use std::io::{self, Cursor};

use image::{DynamicImage, ImageError, ImageFormat, ImageReader};
use sensorium_types::{FailureReason, ReasonKind};

use super::bounds::{bounds, check};
use super::{Image, alpha, damage};
use crate::{Limits, Rgb, blank, reason};

fn format_of(mime: &str) -> Option<ImageFormat> {
    match mime {
        "image/png" | "image/apng" => Some(ImageFormat::Png),
        "image/gif" => Some(ImageFormat::Gif),
        "image/webp" => Some(ImageFormat::WebP),
        "image/bmp" => Some(ImageFormat::Bmp),
        "image/tiff" => Some(ImageFormat::Tiff),
        "image/qoi" => Some(ImageFormat::Qoi),
        "image/x-portable-anymap" => Some(ImageFormat::Pnm),
        _ => None,
    }
}

pub(super) fn decode(bytes: &[u8], mime: &str, limits: &Limits) -> Result<Image, FailureReason> {
    let format = format_of(mime).ok_or_else(|| reason(ReasonKind::Unsupported, mime))?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(bounds(limits));
    let decoder = reader.into_decoder().map_err(|error| refusal(error, bytes))?;
    let (width, height) = check(&decoder, limits)?;
    match DynamicImage::from_decoder(decoder).map_err(|error| refusal(error, bytes)) {
        Ok(image) => Ok(Image::new(over_white(image), width, height)),
        Err(refused) if refused.kind == ReasonKind::Corrupt => {
            let kept = damage::salvage(bytes, format, limits).map(over_white);
            let kept = kept.filter(|rgb| !blank::is_blank(rgb)).ok_or(refused)?;
            Ok(Image { warning: Some(damage::warning()), ..Image::new(kept, width, height) })
        }
        Err(refused) => Err(refused),
    }
}

/// What an error means of bytes that may be cut short without the decoder's seeing it.
pub(super) fn refusal(error: ImageError, bytes: &[u8]) -> FailureReason {
    let refused = failure(error);
    if refused.kind == ReasonKind::Corrupt && damage::lacks_bytes(bytes) { cut_short() } else { refused }
}

fn cut_short() -> FailureReason {
    reason(ReasonKind::Corrupt, "the file is cut short, too little of the image is there")
}

/// What an error of the `image` crate means to us.
pub(super) fn failure(error: ImageError) -> FailureReason {
    let cut = io::ErrorKind::UnexpectedEof;
    let kind = match &error {
        ImageError::IoError(error) if error.kind() == cut => {
            return cut_short();
        }
        ImageError::Limits(_) => ReasonKind::TooLarge,
        ImageError::Unsupported(_) => ReasonKind::Unsupported,
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::IoError(_) => ReasonKind::Corrupt,
    };
    reason(kind, error.to_string())
}

/// An image as RGB over white, in place where the pixels have 8 bits already.
fn over_white(image: DynamicImage) -> Rgb {
    let (width, height) = (image.width(), image.height());
    if !image.color().has_alpha() {
        return Rgb { width, height, pixels: image.into_rgb8().into_raw() };
    }
    let mut pixels = image.into_rgba8().into_raw();
    alpha::flatten(&mut pixels);
    Rgb { width, height, pixels }
}
