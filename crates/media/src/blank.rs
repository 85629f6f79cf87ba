//! Images on which nothing is to be seen.

use crate::Rgb;

/// Deviation of the brightness, of 0 to 255, below which an image is blank; a black video after compression has 0 to 2.
const MIN_DEVIATION: f64 = 3.0;
/// About how many pixels are looked at.
const SAMPLES: usize = 20_000;

/// Whether an image is one flat colour.
pub(crate) fn is_blank(image: &Rgb) -> bool {
    // An odd step that no common width divides, so that the samples do not stand in columns.
    let step = (image.pixels.len() / 3 / SAMPLES).max(1) | 1;
    let (mut count, mut sums, mut squares) = (0.0_f64, [0.0_f64; 3], [0.0_f64; 3]);
    for pixel in image.pixels.chunks_exact(3).step_by(step) {
        count += 1.0;
        for ((value, sum), square) in pixel.iter().zip(&mut sums).zip(&mut squares) {
            *sum += f64::from(*value);
            *square += f64::from(*value).powi(2);
        }
    }
    let count = count.max(1.0);
    sums.iter()
        .zip(&squares)
        .all(|(sum, square)| square / count - (sum / count).powi(2) < MIN_DEVIATION.powi(2))
}

/// Whether every pixel of an image is the same, but for rounding.
pub(crate) fn is_uniform(image: &Rgb) -> bool {
    let Some((first, rest)) = image.pixels.as_chunks::<3>().0.split_first() else { return false };
    rest.iter().all(|pixel| pixel.iter().zip(first).all(|(value, of_first)| value.abs_diff(*of_first) <= 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pixel_that_differs_is_no_uniform_image() {
        let mut image = Rgb { width: 64, height: 64, pixels: vec![128; 64 * 64 * 3] };
        image.pixels[300] = 127;
        assert!(is_uniform(&image));
        image.pixels[5001] = 120;
        assert!(!is_uniform(&image) && is_blank(&image));
    }

    #[test]
    fn flat_images_are_blank_and_patterns_are_not() {
        let image = |pixels| Rgb { width: 64, height: 64, pixels };
        assert!(is_blank(&image(vec![0; 64 * 64 * 3])));
        assert!(is_blank(&image([200, 30, 90].repeat(64 * 64))));
        assert!(is_blank(&image([16, 17, 18, 17, 16, 18].repeat(32 * 64))));
        assert!(!is_blank(&image([0, 0, 0, 255, 255, 255].repeat(32 * 64))), "a fine pattern");
        let mut line = vec![0; 64 * 64 * 3];
        line[64 * 3 * 30..64 * 3 * 31].fill(200);
        assert!(!is_blank(&image(line)), "one bright line");
    }
}
