//! JPEG by libjpeg-turbo. A large image is decoded at the smallest DCT scale that leaves both sides wanted.

use sensorium_types::{FailureReason, ReasonKind};
use turbojpeg::{Colorspace, Decompressor, PixelFormat, ScalingFactor};

use super::{Image, check_pixels, check_sides, damage, segments};
use crate::{Limits, Rgb, blank, reason};

/// Progressive scans of one image; thousands of empty ones are an attack.
const MAX_SCANS: u32 = 500;
/// Scales for which libjpeg-turbo has SIMD code.
const SCALES: [(usize, usize); 4] = [(1, 8), (1, 4), (1, 2), (1, 1)];
/// What libjpeg says of damage behind which it goes on: cameras write such files, and browsers show them. The binding
/// tells warnings from errors only by their words.
const WARNINGS: [&str; 6] = [
    "Corrupt JPEG data",
    "Premature end of JPEG",
    "Inconsistent progression sequence",
    "Invalid SOS parameters",
    "Unknown Adobe color transform",
    "unknown JFIF revision",
];

/// Warnings behind which every pixel is there.
const HARMLESS: [&str; 3] = ["extraneous bytes", "Unknown Adobe color transform", "unknown JFIF revision"];

/// Decodes a JPEG so that both sides keep at least `wanted` pixels (or all that they have).
pub(super) fn decode(bytes: &[u8], wanted: u32, limits: &Limits) -> Result<Image, FailureReason> {
    let corrupt = |error: turbojpeg::Error| reason(ReasonKind::Corrupt, error.to_string());
    let mut decoder = Decompressor::new().map_err(corrupt)?;
    decoder.set_scan_limit(MAX_SCANS).map_err(corrupt)?;
    let header = decoder.read_header(bytes).map_err(corrupt)?;
    let (width, height) = (side(header.width), side(header.height));
    check_pixels(width, height, limits)?;

    let enough = |edge: usize, scale: &ScalingFactor| scale.scale(edge) >= (wanted as usize).min(edge);
    let fits = |edge: usize, scale: &ScalingFactor| scale.scale(edge) <= limits.max_side as usize;
    let both = |rule: &dyn Fn(usize, &ScalingFactor) -> bool, scale: &ScalingFactor| {
        rule(header.width, scale) && rule(header.height, scale)
    };
    let scales = SCALES.map(|(num, denom)| ScalingFactor::new(num, denom));
    // The smallest that leaves enough; of a strip, the largest whose long side can be held.
    let scale = scales
        .iter()
        .find(|scale| both(&enough, scale) && both(&fits, scale))
        .or_else(|| scales.iter().rfind(|scale| both(&fits, scale)))
        .filter(|_| !header.is_lossless)
        .copied()
        .unwrap_or(ScalingFactor::ONE);
    if !header.is_lossless {
        decoder.set_scaling_factor(scale).map_err(corrupt)?;
    }
    let (w, h) = (scale.scale(header.width), scale.scale(header.height));
    check_sides(side(w), side(h), limits)?;
    let cmyk = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let (format, channels) = if cmyk { (PixelFormat::CMYK, 4) } else { (PixelFormat::RGB, 3) };
    let size = w as u64 * h as u64 * channels as u64;
    if size > limits.max_decoded_bytes {
        let detail = format!("{size} bytes when decoded, at most {}", limits.max_decoded_bytes);
        return Err(reason(ReasonKind::TooLarge, detail));
    }
    let mut pixels = vec![0_u8; w * channels * h];
    let image =
        turbojpeg::Image { pixels: pixels.as_mut_slice(), width: w, pitch: w * channels, height: h, format };
    let damage = decoder.decompress(bytes, image).err();
    if let Some(error) = &damage
        && !WARNINGS.iter().any(|warning| error.to_string().contains(warning))
    {
        let memory = error.to_string().contains("memory");
        return Err(reason(
            if memory { ReasonKind::TooLarge } else { ReasonKind::Corrupt },
            error.to_string(),
        ));
    }
    if cmyk {
        let inverted = is_inverted(bytes, &pixels);
        cmyk_to_rgb(&mut pixels, inverted);
    }
    let rgb = Rgb { width: side(w), height: side(h), pixels };
    match damage {
        Some(error) if blank::is_blank(&rgb) => Err(corrupt(error)),
        Some(error) if loses_pixels(&error) => {
            Ok(Image { warning: Some(damage::warning()), ..Image::new(rgb, width, height) })
        }
        Some(_) | None => Ok(Image::new(rgb, width, height)),
    }
}

/// Whether a warning is of more than odd markers and filling bytes, which many cameras write.
fn loses_pixels(warning: &turbojpeg::Error) -> bool {
    let words = warning.to_string();
    !HARMLESS.iter().any(|harmless| words.contains(harmless))
}

/// Columns and rows of a JPEG that can be decoded here; `None` for others (the lossless ones hold a camera's raw
/// data).
pub(super) fn size_of(bytes: &[u8]) -> Option<(u32, u32)> {
    let header = Decompressor::new().ok()?.read_header(bytes).ok()?;
    (!header.is_lossless).then(|| (side(header.width), side(header.height)))
}

fn side(edge: usize) -> u32 {
    u32::try_from(edge).unwrap_or(u32::MAX)
}

/// Whether the inks of CMYK are stored inverted, as Adobe's programs do and say by their marker.
///
/// Without the marker nothing tells: libjpeg hands on what is stored, browsers and Pillow take all inks for inverted.
/// Separations use little black, so the reading with less of it is taken, and a tie goes as in browsers.
fn is_inverted(bytes: &[u8], inks: &[u8]) -> bool {
    if segments::has_adobe_marker(bytes) {
        return true;
    }
    let pixels = inks.as_chunks::<4>().0;
    let black: u64 = pixels.iter().map(|[_, _, _, black]| u64::from(*black)).sum();
    2 * black >= 255 * pixels.len() as u64
}

/// Four inks to three colours, in place.
fn cmyk_to_rgb(pixels: &mut Vec<u8>, inverted: bool) {
    let light = |ink: u8| if inverted { ink } else { 255 - ink };
    super::compact(pixels, |[c, m, y, k]| {
        [c, m, y].map(|ink| {
            let product = u16::from(light(ink)) * u16::from(light(k)) / 255;
            u8::try_from(product).unwrap_or(u8::MAX)
        })
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inks_become_colours() {
        let mut pixels = vec![255, 0, 255, 255, 0, 0, 0, 0];
        cmyk_to_rgb(&mut pixels, true);
        assert_eq!(pixels, [255, 0, 255, 0, 0, 0]);
        let mut pixels = vec![0, 255, 0, 0];
        cmyk_to_rgb(&mut pixels, false);
        assert_eq!(pixels, [255, 0, 255]);
    }

    #[test]
    fn without_a_marker_the_reading_with_less_black_is_taken() {
        let bare = b"\xFF\xD8\xFF\xDA\0\x02\xFF\xD9";
        assert!(!is_inverted(bare, &[0, 200, 0, 10, 0, 200, 0, 90]));
        assert!(is_inverted(bare, &[255, 55, 255, 245, 255, 55, 255, 165]));
        let adobe = b"\xFF\xD8\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\0\xFF\xDA\0\x02";
        assert!(is_inverted(adobe, &[0, 200, 0, 10]), "the marker decides");
    }
}
