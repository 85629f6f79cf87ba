//! The one resampler: antialiased bicubic with a = -0.5 as Pillow's `BICUBIC`, its `BILINEAR` or its `LANCZOS`, 8 bits
//! between the passes.
//! No value of the golden arrays differs from Pillow's by more than 1 of 255, three in a million of real photos do by 2
//! (`tests/resize_parity.rs`).

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use sensorium_types::{FailureReason, ReasonKind};

use crate::{Filter, Fit, Rgb, reason};

/// A scaled image is held whole while it is at most this many times as long as the square that is cut out of it.
const MAX_STRIP: u64 = 16;

/// Scales an image to `width` x `height`, whatever its aspect, by the bicubic filter.
///
/// # Errors
/// [`ReasonKind::Corrupt`] if the image is empty or its pixels do not fit its sides.
pub fn resize_rgb(image: &Rgb, width: u32, height: u32) -> Result<Rgb, FailureReason> {
    scaled(image, (width, height), Filter::Bicubic)
}

fn scaled(image: &Rgb, size: (u32, u32), filter: Filter) -> Result<Rgb, FailureReason> {
    let (w, h) = (f64::from(image.width), f64::from(image.height));
    scaled_box(image, [0.0, 0.0, w, h], size, filter)
}

/// Scales the box `[left, top, width, height]` of an image by the bicubic filter.
///
/// # Errors
/// As [`resize_rgb`], also if the box leaves the image.
pub fn crop_resize(image: &Rgb, area: [f64; 4], width: u32, height: u32) -> Result<Rgb, FailureReason> {
    scaled_box(image, area, (width, height), Filter::Bicubic)
}

fn scaled_box(
    image: &Rgb,
    area: [f64; 4],
    (width, height): (u32, u32),
    filter: Filter,
) -> Result<Rgb, FailureReason> {
    let wrong = |what: String| reason(ReasonKind::Corrupt, format!("cannot be scaled: {what}"));
    let [left, top, w, h] = area;
    if image.width == width && image.height == height && left == 0.0 && top == 0.0 && w == f64::from(width) {
        return Ok(image.clone());
    }
    let source = ImageRef::new(image.width, image.height, &image.pixels, PixelType::U8x3)
        .map_err(|error| wrong(error.to_string()))?;
    let filter = match filter {
        Filter::Bicubic => FilterType::CatmullRom,
        Filter::Bilinear => FilterType::Bilinear,
        Filter::Lanczos => FilterType::Lanczos3,
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    // Rows first, then columns, as Pillow does: values that overshoot are clipped in between, so the order shows.
    let mut rows = Image::new(width, image.height, PixelType::U8x3);
    let mut resizer = Resizer::new();
    let whole_columns = options.crop(left, 0.0, w, f64::from(image.height));
    resizer.resize(&source, &mut rows, &whole_columns).map_err(|error| wrong(error.to_string()))?;
    let mut target = Image::new(width, height, PixelType::U8x3);
    let whole_rows = options.crop(0.0, top, f64::from(width), h);
    resizer.resize(&rows, &mut target, &whole_rows).map_err(|error| wrong(error.to_string()))?;
    Ok(Rgb { width, height, pixels: target.into_vec() })
}

/// An image as an encoder wants it: a square of this side.
///
/// # Errors
/// As [`resize_rgb`].
///
/// # Source
/// [`Fit::Shortest`]: transformers `image_transforms.py`, `get_resize_output_image_size` and `center_crop`, which both
/// round down
pub fn fit_square(image: &Rgb, side: u32, fit: Fit, filter: Filter) -> Result<Rgb, FailureReason> {
    fit_turned(image, side, (fit, filter), |image| image)
}

/// As [`fit_square`] of the image once it is turned; what is turned is scaled before.
pub(crate) fn fit_turned(
    image: &Rgb,
    side: u32,
    (fit, filter): (Fit, Filter),
    turn: impl FnOnce(Rgb) -> Rgb,
) -> Result<Rgb, FailureReason> {
    match fit {
        Fit::Squash => scaled(image, (side, side), filter).map(turn),
        Fit::CropCentre => {
            let (w, h) = (f64::from(image.width), f64::from(image.height));
            let edge = w.min(h);
            let area = [(w - edge) / 2.0, (h - edge) / 2.0, edge, edge];
            scaled_box(image, area, (side, side), filter).map(turn)
        }
        Fit::Shortest { edge } => {
            let short = image.width.min(image.height);
            // At most as long as this many pixels in memory: what lies outside of the square is not scaled.
            let longer = |of: u32| u64::from(edge) * u64::from(of) / u64::from(short.max(1));
            middle(image, (longer(image.width), longer(image.height)), (side, filter), turn)
        }
    }
}

/// The middle square of an image that is thought of as scaled to a size and turned: where an odd number of pixels is left over,
/// the middle is not the same before. Of a long strip, only what can be seen in the square is scaled.
fn middle(
    image: &Rgb,
    (width, height): (u64, u64),
    (side, filter): (u32, Filter),
    turn: impl FnOnce(Rgb) -> Rgb,
) -> Result<Rgb, FailureReason> {
    let middle = |length: u64| length.saturating_sub(side.into()) / 2;
    let (left, top) = (middle(width), middle(height));
    let longest = MAX_STRIP * u64::from(side);
    if width > longest || height > longest {
        let scale = (image.width as f64 / width as f64, image.height as f64 / height as f64);
        let area = [
            left as f64 * scale.0,
            top as f64 * scale.1,
            f64::from(side) * scale.0,
            f64::from(side) * scale.1,
        ];
        return scaled_box(image, area, (side, side), filter).map(turn);
    }
    let size = (u32::try_from(width).unwrap_or(side), u32::try_from(height).unwrap_or(side));
    let whole = turn(scaled(image, size, filter)?);
    Ok(cut(&whole, (middle(whole.width.into()), middle(whole.height.into())), side))
}

/// A square out of an image in which it lies.
fn cut(image: &Rgb, (left, top): (u64, u64), side: u32) -> Rgb {
    let (line, from) = (image.width as usize * 3, usize::try_from(left).unwrap_or(0) * 3);
    let lines = image.pixels.chunks_exact(line.max(3)).skip(usize::try_from(top).unwrap_or(0));
    let wanted = side as usize * 3;
    let pixels =
        lines.take(side as usize).flat_map(|line| line.iter().skip(from).take(wanted)).copied().collect();
    Rgb { width: side, height: side, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_image_stays_flat() {
        let image = Rgb { width: 31, height: 17, pixels: [10, 200, 90].repeat(31 * 17) };
        let scaled = resize_rgb(&image, 8, 40).expect("scales");
        assert_eq!(scaled.pixels, [10, 200, 90].repeat(8 * 40));
    }

    #[test]
    fn the_middle_of_the_scaled_image_is_cut_out() {
        // Columns of a strip count up; scaled to itself, the middle begins where the reference's does.
        let (width, height) = (9, 4);
        let byte = |number: u32| u8::try_from(number).expect("small");
        let pixels = (0..height * width).flat_map(|at| [byte(at % width), byte(at / width), 7]).collect();
        let image = Rgb { width, height, pixels };
        let square = fit_square(&image, 4, Fit::Shortest { edge: 4 }, Filter::Bilinear).expect("scales");
        assert_eq!((square.width, square.height), (4, 4));
        // (9 - 4) / 2, rounded down.
        assert_eq!(square.pixels[..3], [2, 0, 7]);
        assert_eq!(square.pixels[45..], [5, 3, 7]);
    }

    #[test]
    fn a_long_strip_is_not_scaled_as_a_whole() {
        let (width, height) = (40_000, 2);
        let image = Rgb { width, height, pixels: [10, 200, 90].repeat((width * height) as usize) };
        for filter in [Filter::Bicubic, Filter::Bilinear, Filter::Lanczos] {
            let square = fit_square(&image, 64, Fit::Shortest { edge: 64 }, filter).expect("scales");
            assert_eq!(square.pixels, [10, 200, 90].repeat(64 * 64));
        }
    }

    #[test]
    fn pixels_that_do_not_fit_are_refused() {
        let image = Rgb { width: 10, height: 10, pixels: vec![0; 5] };
        assert!(resize_rgb(&image, 8, 8).is_err());
    }
}
