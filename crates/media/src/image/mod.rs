//! Still pictures: bytes to an upright RGB picture, its facts, one part.
//!
//! | file | holds |
//! | --- | --- |
//! | `jpeg.rs` | JPEG by libjpeg-turbo, at a reduced DCT scale where the picture is large |
//! | `still.rs` | the formats of the `image` crate |
//! | `exif.rs` | orientation, time, camera, place |
//! | `raw.rs` | the JPEG preview inside camera RAW files |
//!
//! ICC profiles are knowingly ignored: the towers were trained on pixels without them, and the few pictures in wide
//! colour spaces lose saturation, not content. Transparent pixels lie over white.

mod exif;
mod jpeg;
mod raw;
mod still;

use sensorium_types::{FailureReason, Modality, Payload, ReasonKind, Track};

use crate::resize::square;
use crate::thumb::{fit_inside, thumbnail};
use crate::{Decoded, Limits, Part, PartContent, Rgb, TowerSpec, reason};

pub(crate) use still::is_animated;

/// A decoded picture, perhaps scaled down, with the size that the file has.
pub(crate) struct Picture {
    /// Pixels, not yet turned upright.
    pub rgb: Rgb,
    /// Columns of the file's picture.
    pub width: u32,
    /// Rows of the file's picture.
    pub height: u32,
}

/// Sides below which a picture is never scaled while it is decoded: twice what tower and thumbnail want.
pub(crate) fn wanted_side(spec: &TowerSpec) -> u32 {
    2 * spec.image_size.max(crate::thumb::THUMB_SIDE)
}

/// Checks a picture's claimed sides before anything is allocated for it.
pub(crate) fn check_sides(width: u32, height: u32, limits: &Limits) -> Result<(), FailureReason> {
    let pixels = u64::from(width) * u64::from(height);
    if width == 0 || height == 0 {
        return Err(reason(ReasonKind::Corrupt, "the picture has no pixels"));
    }
    if width > limits.max_side || height > limits.max_side || pixels > limits.max_pixels {
        return Err(reason(
            ReasonKind::TooLarge,
            format!("{width} x {height} pixels, at most {} a side and {} in all", limits.max_side, limits.max_pixels),
        ));
    }
    Ok(())
}

/// Decodes a JPEG.
pub(crate) fn decode_jpeg(bytes: &[u8], spec: &TowerSpec, limits: &Limits) -> Result<Decoded, FailureReason> {
    let picture = jpeg::decode(bytes, wanted_side(spec), limits)?;
    finish(picture, exif::read(bytes), "image/jpeg", spec)
}

/// Decodes one of the formats of the `image` crate, or the preview of a camera RAW file.
pub(crate) fn decode_still(
    bytes: &[u8],
    mime: &'static str,
    spec: &TowerSpec,
    limits: &Limits,
) -> Result<Decoded, FailureReason> {
    if mime == "image/tiff" && raw::is_camera_raw(bytes) {
        return decode_raw(bytes, spec, limits);
    }
    match still::decode(bytes, mime, limits) {
        Ok(picture) => finish(picture, exif::read(bytes), mime, spec),
        Err(_) if mime == "image/tiff" && raw::preview(bytes).is_some() => decode_raw(bytes, spec, limits),
        Err(error) => Err(error),
    }
}

fn decode_raw(bytes: &[u8], spec: &TowerSpec, limits: &Limits) -> Result<Decoded, FailureReason> {
    let preview = raw::preview(bytes)
        .ok_or_else(|| reason(ReasonKind::DecoderMissing, "camera RAW without an embedded JPEG preview"))?;
    let picture = jpeg::decode(preview, wanted_side(spec), limits)?;
    let mut found = exif::read(bytes);
    if found.orientation == 1 {
        found.orientation = exif::read(preview).orientation;
    }
    finish(picture, found, "image/x-dcraw", spec)
}

/// A picture that another program decoded.
pub(crate) fn from_pixels(rgb: Rgb, mime: &str, spec: &TowerSpec) -> Result<Decoded, FailureReason> {
    let (width, height) = (rgb.width, rgb.height);
    finish(Picture { rgb, width, height }, exif::Exif::default(), mime, spec)
}

fn finish(picture: Picture, exif: exif::Exif, mime: &str, spec: &TowerSpec) -> Result<Decoded, FailureReason> {
    let turned = exif.orientation >= 5;
    let (width, height) =
        if turned { (picture.height, picture.width) } else { (picture.width, picture.height) };
    let upright = exif::turn(picture.rgb, exif.orientation);
    let tower = square(&upright, spec.image_size, spec.image_fit)?;
    let mut facts: Payload = exif.facts;
    facts.set("width", width);
    facts.set("height", height);
    let thumb = fit_inside(&upright, crate::thumb::THUMB_SIDE).and_then(|small| thumbnail(&small));
    Ok(Decoded {
        modality: Modality::Image,
        mime: mime.to_owned(),
        facts,
        parts: vec![Part {
            track: Track::Image,
            ordinal: 0,
            span: None,
            content: PartContent::Frames(vec![tower]),
            thumb,
        }],
    })
}

#[cfg(test)]
mod tests;
