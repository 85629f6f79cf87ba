//! Transparency: pixels lie over white. An alpha that is zero throughout is no alpha: programs that fill the fourth
//! channel with zeros mean an opaque image.

use crate::Rgb;

/// What a channel of alpha does to the colours beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alpha {
    /// There is none.
    Opaque,
    /// Colours are as if nothing were transparent.
    Straight,
    /// Colours are multiplied by their alpha already.
    Premultiplied,
}

impl Alpha {
    /// One pixel over white.
    pub(crate) fn over_white(self, colour: [u8; 3], alpha: u8) -> [u8; 3] {
        let clear = 255 - alpha;
        match self {
            Self::Opaque => colour,
            Self::Straight => colour.map(|colour| {
                let blended = u32::from(colour) * u32::from(alpha) + 255 * u32::from(clear);
                u8::try_from((blended + 127) / 255).unwrap_or(u8::MAX)
            }),
            Self::Premultiplied => colour.map(|colour| colour.saturating_add(clear)),
        }
    }

    /// This kind of alpha, if any of its values is above zero.
    pub(crate) fn unless_zero(self, mut values: impl Iterator<Item = u8>) -> Self {
        if values.any(|alpha| alpha > 0) { self } else { Self::Opaque }
    }

    /// Turns RGBA into RGB over white, in place.
    pub(crate) fn flatten(self, pixels: &mut Vec<u8>) {
        super::compact(pixels, |[red, green, blue, alpha]| self.over_white([red, green, blue], alpha));
    }

    /// Lays an image over white by an alpha that was decoded on its own, perhaps in another size.
    pub(crate) fn lay(self, image: &mut Rgb, alpha: &Plane) {
        let alike = (image.width, image.height) == (alpha.width, alpha.height);
        let place = |at: usize, of: u32, to: u32| {
            let scaled = at as u64 * u64::from(to) / u64::from(of.max(1));
            usize::try_from(scaled).unwrap_or(usize::MAX)
        };
        let kind = self.unless_zero(alpha.levels.iter().copied());
        if kind == Self::Opaque {
            return;
        }
        let width = image.width as usize;
        for (at, pixel) in image.pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let from = if alike {
                at
            } else {
                let (x, y) = (at % width, at / width);
                place(y, image.height, alpha.height) * alpha.width as usize
                    + place(x, image.width, alpha.width)
            };
            *pixel = kind.over_white(*pixel, alpha.levels.get(from).copied().unwrap_or(u8::MAX));
        }
    }
}

/// RGBA of a whole image to RGB over white, in place.
pub(crate) fn flatten(pixels: &mut Vec<u8>) {
    let values = pixels.as_chunks::<4>().0.iter().map(|[_, _, _, alpha]| *alpha);
    Alpha::Straight.unless_zero(values).flatten(pixels);
}

/// One channel of an image.
#[derive(Debug)]
pub(crate) struct Plane {
    pub width: u32,
    pub height: u32,
    /// `height * width` levels, row by row.
    pub levels: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_pixels_show_white() {
        let mut pixels = vec![10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 128];
        flatten(&mut pixels);
        assert_eq!(pixels, [10, 20, 30, 255, 255, 255, 127, 127, 127]);
        assert_eq!(Alpha::Premultiplied.over_white([100, 0, 128], 128), [227, 127, 255]);
    }

    #[test]
    fn an_alpha_of_zeros_is_none() {
        let mut pixels = vec![10, 20, 30, 0, 1, 2, 3, 0];
        flatten(&mut pixels);
        assert_eq!(pixels, [10, 20, 30, 1, 2, 3]);
    }

    #[test]
    fn an_alpha_of_another_size_is_spread_over_the_image() {
        let mut image = Rgb { width: 4, height: 1, pixels: vec![0; 12] };
        Alpha::Straight.lay(&mut image, &Plane { width: 2, height: 1, levels: vec![255, 0] });
        assert_eq!(image.pixels, [0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255]);
        let before = image.clone();
        Alpha::Straight.lay(&mut image, &Plane { width: 4, height: 1, levels: vec![0; 4] });
        assert_eq!(image, before);
    }
}
