//! Thumbnails: JPEG, longest side at most 320 px, at most 12 kB; waveforms for audio; images to be looked at.

use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use crate::{Rgb, resize_rgb};

/// Longest side of a thumbnail in pixels.
pub(crate) const THUMB_SIDE: u32 = 320;
/// Most bytes of a thumbnail.
pub(crate) const THUMB_BYTES: usize = 12_000;
/// Qualities that are tried until the thumbnail is small enough; then its sides are halved.
const QUALITIES: [i32; 4] = [80, 65, 50, 30];
/// Most bytes of an image that is to be looked at.
pub(crate) const PREVIEW_BYTES: usize = 8 << 20;
/// Qualities that are tried for it.
const PREVIEW_QUALITIES: [i32; 3] = [88, 75, 50];
const WAVE: (u32, u32) = (320, 80);

/// A thumbnail of an image; `None` only if it cannot be encoded.
pub(crate) fn thumbnail(image: &Rgb) -> Option<Vec<u8>> {
    squeezed(image, THUMB_SIDE, (&QUALITIES, THUMB_BYTES))
}

/// An image to be looked at, its longest side at most `side`; `None` only if it cannot be encoded.
pub(crate) fn preview(image: &Rgb, side: u32) -> Option<Vec<u8>> {
    squeezed(image, side, (&PREVIEW_QUALITIES, PREVIEW_BYTES))
}

/// The image as a JPEG of at most so many bytes, in the first of these qualities that gives it; else smaller.
fn squeezed(image: &Rgb, mut side: u32, (qualities, bytes): (&[i32], usize)) -> Option<Vec<u8>> {
    while side >= 20 {
        let small = fit_inside(image, side)?;
        for quality in qualities {
            let jpeg = encode(&small, *quality)?;
            if jpeg.len() <= bytes {
                return Some(jpeg);
            }
        }
        side /= 2;
    }
    None
}

/// The image scaled so that its longest side is at most `side`; never enlarged.
pub(crate) fn fit_inside(image: &Rgb, side: u32) -> Option<Rgb> {
    let longest = image.width.max(image.height);
    if longest <= side {
        return Some(image.clone());
    }
    let scaled = |edge: u32| {
        let length = u64::from(edge) * u64::from(side) / u64::from(longest);
        u32::try_from(length).unwrap_or(side).max(1)
    };
    resize_rgb(image, scaled(image.width), scaled(image.height)).ok()
}

fn encode(image: &Rgb, quality: i32) -> Option<Vec<u8>> {
    let mut compressor = Compressor::new().ok()?;
    compressor.set_quality(quality).ok()?;
    compressor.set_subsamp(Subsamp::Sub2x2).ok()?;
    let (width, height) = (image.width as usize, image.height as usize);
    let image =
        Image { pixels: image.pixels.as_slice(), width, pitch: width * 3, height, format: PixelFormat::RGB };
    compressor.compress_to_vec(image).ok()
}

/// The waveform of an audio clip as a thumbnail: dark bars on white, one for each column.
pub(crate) fn waveform(samples: &[f32]) -> Option<Vec<u8>> {
    let (width, height) = WAVE;
    let mut pixels = vec![255_u8; width as usize * height as usize * 3];
    let columns = width as usize;
    let step = samples.len().div_ceil(columns).max(1);
    for (column, chunk) in samples.chunks(step).take(columns).enumerate() {
        let peak = chunk.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs())).min(1.0);
        let half = f64::from(height) / 2.0;
        let reach = (f64::from(peak) * (half - 1.0)).max(0.5);
        for row in 0..height {
            if (f64::from(row) + 0.5 - half).abs() <= reach {
                let start = (row as usize * columns + column) * 3;
                if let Some(pixel) = pixels.get_mut(start..start + 3) {
                    pixel.copy_from_slice(&[40, 70, 110]);
                }
            }
        }
    }
    encode(&Rgb { width, height, pixels }, 70)
}

/// A thumbnail of ours as pixels, its longest side at most `side`; `None` if it is no JPEG of a thumbnail's size.
pub fn decode_thumbnail(jpeg: &[u8], side: u32) -> Option<Rgb> {
    let header = turbojpeg::read_header(jpeg).ok()?;
    let most = THUMB_SIDE as usize;
    if header.width > most || header.height > most {
        return None;
    }
    let image = turbojpeg::decompress(jpeg, PixelFormat::RGB).ok()?;
    let edge = |length: usize| u32::try_from(length).ok();
    fit_inside(&Rgb { width: edge(image.width)?, height: edge(image.height)?, pixels: image.pixels }, side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_squeezed_below_the_limit() {
        let mut state = 1_u32;
        let pixels = (0..900 * 500 * 3)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            })
            .collect();
        let thumb = thumbnail(&Rgb { width: 900, height: 500, pixels }).expect("encodes");
        assert!(thumb.len() <= THUMB_BYTES, "{}", thumb.len());
        let header = turbojpeg::read_header(&thumb).expect("a JPEG");
        assert!(header.width.max(header.height) <= 320);
    }

    #[test]
    fn an_image_to_be_looked_at_is_as_large_as_was_asked_and_never_enlarged() {
        let image = Rgb { width: 900, height: 300, pixels: vec![90; 900 * 300 * 3] };
        for (side, expected) in [(600, (600, 200)), (2048, (900, 300))] {
            let jpeg = preview(&image, side).expect("encodes");
            let header = turbojpeg::read_header(&jpeg).expect("a JPEG");
            assert_eq!((header.width, header.height), expected);
        }
    }

    #[test]
    fn a_waveform_is_a_small_jpeg() {
        let samples: Vec<f32> = (0_u16..8000).map(|i| (f32::from(i) * 0.05).sin()).collect();
        assert!(waveform(&samples).expect("encodes").len() <= THUMB_BYTES);
        assert!(waveform(&[]).is_some());
    }
}
