//! Still images: bytes to an upright RGB image, its facts, one part.
//!
//! | file | holds |
//! | --- | --- |
//! | `jpeg.rs`, `segments.rs` | JPEG by libjpeg-turbo, at a reduced DCT scale where the image is large; its segments |
//! | `still.rs`, `bounds.rs` | the formats of the `image` crate, and what one may take |
//! | `tiff.rs` | TIFFs that the `image` crate refuses or shows wrong: palettes, measurements, CMYK in planes |
//! | `heif.rs` | what the boxes of HEIC and AVIF say, for ffmpeg to decode |
//! | `moving.rs` | animated GIF, PNG and WebP, frame by frame |
//! | `damage.rs` | what is kept of images that are cut short |
//! | `alpha.rs`, `flat.rs` | transparency; images of one colour that have too many bytes |
//! | `exif.rs` | orientation, time, camera, place |
//! | `raw.rs` | the JPEG preview inside camera RAW files |
//!
//! ICC profiles are knowingly ignored: the encoders were trained on pixels without them, and the few images in wide
//! colour spaces lose saturation, not content. Transparent pixels lie over white.

mod alpha;
mod bounds;
mod damage;
mod exif;
mod flat;
mod heif;
mod jpeg;
mod moving;
mod raw;
mod segments;
mod still;
mod tiff;

use sensorium_types::{FailureReason, Modality, ReasonKind, Track};

use crate::job::Job;
use crate::resize::fit_turned;
use crate::sink::Sink;
use crate::thumb::{THUMB_SIDE, fit_inside, preview, thumbnail};
use crate::{EncoderSpec, Head, Limits, PartContent, Rgb, reason};

use self::exif::Exif;
pub(crate) use alpha::{Plane, flatten};
pub(crate) use heif::{Coded, Heif};
pub(crate) use moving::{Moving, frames};

/// A decoded image, perhaps scaled down, with the size that the file has.
pub(crate) struct Image {
    /// Pixels, not yet turned upright.
    pub rgb: Rgb,
    /// Columns of the file's image.
    pub width: u32,
    /// Rows of the file's image.
    pub height: u32,
    /// What is doubtful about the pixels, though they are kept.
    pub warning: Option<FailureReason>,
}

impl Image {
    /// An image that nothing is wrong with.
    pub(crate) fn new(rgb: Rgb, width: u32, height: u32) -> Self {
        Self { rgb, width, height, warning: None }
    }

    /// Adds a warning, unless there is one, where one colour has this many bytes of image data.
    pub(crate) fn doubt_if_flat(&mut self, image_data: u64) {
        let size = (self.width, self.height);
        self.warning = self.warning.take().or_else(|| flat::warning(&self.rgb, size, image_data));
    }
}

/// Sides below which an image is never scaled while it is decoded: twice what encoder and thumbnail want, and what who looks at it wants.
pub(crate) fn wanted_side(spec: &EncoderSpec) -> u32 {
    (2 * spec.image_size.max(THUMB_SIDE)).max(spec.preview_side.unwrap_or(0))
}

/// Checks an image's claimed sides before anything is allocated for it.
pub(crate) fn check_sides(width: u32, height: u32, limits: &Limits) -> Result<(), FailureReason> {
    check_pixels(width, height, limits)?;
    if width > limits.max_side || height > limits.max_side {
        return Err(too_large(width, height, limits));
    }
    Ok(())
}

/// Checks how many pixels an image claims, for a decoder that may scale its sides down.
fn check_pixels(width: u32, height: u32, limits: &Limits) -> Result<(), FailureReason> {
    if width == 0 || height == 0 {
        return Err(reason(ReasonKind::Corrupt, "the image has no pixels"));
    }
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(too_large(width, height, limits));
    }
    Ok(())
}

fn too_large(width: u32, height: u32, limits: &Limits) -> FailureReason {
    let (side, pixels) = (limits.max_side, limits.max_pixels);
    reason(
        ReasonKind::TooLarge,
        format!("{width} x {height} pixels, at most {side} a side and {pixels} in all"),
    )
}

/// Decodes a JPEG.
pub(crate) fn decode_jpeg(bytes: &[u8], job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let mut image = jpeg::decode(bytes, wanted_side(job.spec), job.limits)?;
    image.doubt_if_flat(flat::image_data(bytes, job.mime));
    put(image, exif::read(bytes), job.mime, job.spec, sink)
}

/// Decodes one of the formats of the `image` crate.
pub(crate) fn decode_still(bytes: &[u8], job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    if job.mime == "image/tiff" && raw::is_camera_raw(bytes) {
        return decode_raw(bytes, job, sink);
    }
    let mut image = if job.mime == "image/tiff" {
        decode_tiff(bytes, job.limits)?
    } else {
        still::decode(bytes, job.mime, job.limits)?
    };
    image.doubt_if_flat(flat::image_data(bytes, job.mime));
    put(image, exif::read(bytes), job.mime, job.spec, sink)
}

/// A TIFF by the `image` crate, or by our own reader where that one refuses it or takes its alpha for another.
fn decode_tiff(bytes: &[u8], limits: &Limits) -> Result<Image, FailureReason> {
    if tiff::is_premultiplied(bytes) {
        return tiff::decode(bytes, limits);
    }
    match still::decode(bytes, "image/tiff", limits) {
        Err(refused) if refused.kind == ReasonKind::Unsupported => tiff::decode(bytes, limits),
        decoded => decoded,
    }
}

/// Decodes the preview of a camera RAW file.
pub(crate) fn decode_raw(bytes: &[u8], job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let preview = raw::preview(bytes)
        .ok_or_else(|| reason(ReasonKind::DecoderMissing, "camera RAW without an embedded JPEG preview"))?;
    let image = jpeg::decode(preview, wanted_side(job.spec), job.limits)?;
    let (outer, inner) = (exif::read(bytes), exif::read(preview));
    let mut found = Exif { orientation: outer.orientation, facts: inner.facts };
    if outer.orientation == 1 {
        found.orientation = inner.orientation;
    }
    found.facts.merge(outer.facts);
    put(image, found, "image/x-dcraw", job.spec, sink)
}

/// Puts out a decoded image, turned upright as `exif` says, with its facts.
pub(crate) fn put(
    image: Image,
    exif: Exif,
    mime: &str,
    spec: &EncoderSpec,
    sink: &mut Sink,
) -> Result<Head, FailureReason> {
    let Image { rgb, width, height, warning } = image;
    let Exif { orientation, mut facts } = exif;
    let (width, height) = if orientation >= 5 { (height, width) } else { (width, height) };
    facts.set("width", width);
    facts.set("height", height);
    // Turned after scaling: a few pixels instead of all.
    let view = (spec.image_fit, spec.image_filter);
    let frame = fit_turned(&rgb, spec.image_size, view, |small| exif::turn(small, orientation))?;
    let shown = |side| fit_inside(&rgb, side).map(|small| exif::turn(small, orientation));
    let thumb = match spec.preview_side {
        None => shown(THUMB_SIDE).and_then(|small| thumbnail(&small)),
        Some(side) => shown(side).and_then(|large| preview(&large, side)),
    };
    sink.put(Track::Image, None, PartContent::Frames(vec![frame]), thumb)?;
    Ok(Head { modality: Modality::Image, mime: mime.to_owned(), facts, warning })
}

/// Turns pixels of four bytes into pixels of three, in place.
fn compact(pixels: &mut Vec<u8>, convert: impl Fn([u8; 4]) -> [u8; 3]) {
    let count = pixels.len() / 4;
    for at in 0..count {
        let Some([a, b, c, d]) = pixels.get(at * 4..at * 4 + 4) else { break };
        let three = convert([*a, *b, *c, *d]);
        if let Some(place) = pixels.get_mut(at * 3..at * 3 + 3) {
            place.copy_from_slice(&three);
        }
    }
    pixels.truncate(count * 3);
}

#[cfg(test)]
mod tests;
