//! What an image may take that the `image` crate decodes.

use image::{ColorType, ImageDecoder};
use sensorium_types::{FailureReason, ReasonKind};

use super::check_sides;
use crate::{Limits, reason};

/// The decoders' own limits.
pub(super) fn bounds(limits: &Limits) -> image::Limits {
    let mut bounds = image::Limits::no_limits();
    bounds.max_alloc = Some(limits.max_decoded_bytes);
    bounds.max_image_width = Some(limits.max_side);
    bounds.max_image_height = Some(limits.max_side);
    bounds
}

/// Checks what an image claims before it is decoded: sides, and memory with the copy that a conversion to 8 bits
/// makes.
pub(super) fn check(decoder: &impl ImageDecoder, limits: &Limits) -> Result<(u32, u32), FailureReason> {
    let (width, height) = decoder.dimensions();
    check_sides(width, height, limits)?;
    let color = decoder.color_type();
    let in_place = matches!(color, ColorType::Rgb8 | ColorType::Rgba8);
    let copy = if in_place { 0 } else { 3 + u64::from(color.has_alpha()) };
    let size = decoder.total_bytes().saturating_add(u64::from(width) * u64::from(height) * copy);
    if size > limits.max_decoded_bytes {
        let detail = format!("{size} bytes when decoded, at most {}", limits.max_decoded_bytes);
        return Err(reason(ReasonKind::TooLarge, detail));
    }
    Ok((width, height))
}
