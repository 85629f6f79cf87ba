//! JPEG by libjpeg-turbo. A large picture is decoded at the smallest DCT scale that leaves both sides wanted.

use sensorium_types::{FailureReason, ReasonKind};
use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat, ScalingFactor};

use super::{Picture, check_sides};
use crate::{Limits, Rgb, reason};

/// Progressive scans of one picture; thousands of empty ones are an attack.
const MAX_SCANS: u32 = 500;
const SCALES: [(usize, usize); 4] = [(1, 8), (1, 4), (1, 2), (1, 1)];

/// Decodes a JPEG so that both sides keep at least `wanted` pixels (or all that they have).
pub(super) fn decode(bytes: &[u8], wanted: u32, limits: &Limits) -> Result<Picture, FailureReason> {
    let corrupt = |error: turbojpeg::Error| reason(ReasonKind::Corrupt, error.to_string());
    let mut decoder = Decompressor::new().map_err(corrupt)?;
    decoder.set_scan_limit(MAX_SCANS).map_err(corrupt)?;
    let header = decoder.read_header(bytes).map_err(corrupt)?;
    let side = |edge: usize| u32::try_from(edge).unwrap_or(u32::MAX);
    let (width, height) = (side(header.width), side(header.height));
    check_sides(width, height, limits)?;

    let lossless = header.is_lossless;
    let scale = SCALES
        .into_iter()
        .map(|(num, denom)| ScalingFactor::new(num, denom))
        .find(|scale| {
            let enough = |edge: usize| scale.scale(edge) >= (wanted as usize).min(edge);
            enough(header.width) && enough(header.height)
        })
        .filter(|_| !lossless)
        .unwrap_or(ScalingFactor::ONE);
    if !lossless {
        decoder.set_scaling_factor(scale).map_err(corrupt)?;
    }
    let (w, h) = (scale.scale(header.width), scale.scale(header.height));
    let cmyk = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let (format, channels) = if cmyk { (PixelFormat::CMYK, 4) } else { (PixelFormat::RGB, 3) };
    let size = (w as u64) * (h as u64) * channels;
    if size > limits.max_decoded_bytes {
        return Err(reason(ReasonKind::TooLarge, format!("{size} bytes when decoded, at most {}", limits.max_decoded_bytes)));
    }
    let pitch = w * if cmyk { 4 } else { 3 };
    let mut pixels = vec![0_u8; pitch * h];
    let image = Image { pixels: pixels.as_mut_slice(), width: w, pitch, height: h, format };
    decoder.decompress(bytes, image).map_err(corrupt)?;
    let pixels = if cmyk { inverted_cmyk_to_rgb(&pixels) } else { pixels };
    Ok(Picture { rgb: Rgb { width: side(w), height: side(h), pixels }, width, height })
}

/// CMYK as Adobe's programs store it in JPEG: every channel inverted.
fn inverted_cmyk_to_rgb(pixels: &[u8]) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(pixels.len() / 4 * 3);
    for pixel in pixels.chunks_exact(4) {
        if let [c, m, y, k] = pixel {
            for ink in [c, m, y] {
                let light = u16::from(*ink) * u16::from(*k) / 255;
                rgb.push(u8::try_from(light).unwrap_or(u8::MAX));
            }
        }
    }
    rgb
}
