//! Depthwise convolution over rows of an NHWC image, with bias and ReLU6.
//!
//! Channels lie side by side, so that a vector holds sixteen of them, and their 9 or 25 weights stay in registers while
//! the kernel walks along a row. Rows above and below the image are one row of zeros; the few pixels at the left and
//! right edges leave out the taps that fall outside.
//!
//! The image may be a strip: the rows of a taller image that are at hand (see [`Strip`]).

#![expect(
    unsafe_code,
    clippy::indexing_slicing,
    reason = "arrays of constant length, pointers within checked bounds"
)]

use std::ops::Range;

use crate::level::{Level, dispatch};
use crate::simd::Vector;

/// TensorFlow's SAME padding along one axis: the odd pixel goes to the end.
///
/// # Source
/// TensorFlow, `tf.nn.convolution`: `out = ceil(size / stride)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamePadding {
    /// Pixels of padding before the first.
    pub before: usize,
    /// Size of the result.
    pub out: usize,
}

impl SamePadding {
    /// The padding of an axis.
    pub const fn new(size: usize, kernel: usize, stride: usize) -> Self {
        let out = size.div_ceil(stride);
        let needed = (out.saturating_sub(1)) * stride + kernel;
        Self { before: needed.saturating_sub(size) / 2, out }
    }
}

/// Rows of an image that are at hand.
#[derive(Debug, Clone, Copy)]
pub struct Strip<'a> {
    /// The rows, `(rows, width, channels)`.
    pub values: &'a [f32],
    /// Which row of the image is the first one here.
    pub first_row: usize,
    /// Height of the whole image.
    pub height: usize,
    /// Width of the image.
    pub width: usize,
}

/// A depthwise convolution with SAME padding, bias and ReLU6.
#[derive(Debug, Clone)]
pub struct DepthwiseConv {
    level: Level,
    kernel: usize,
    stride: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl DepthwiseConv {
    /// A convolution of this square kernel, 3 or 5 wide.
    ///
    /// # Shapes
    /// weights (kernel * kernel, channels), bias (channels)
    ///
    /// # Panics
    /// If the kernel is another or the lengths do not fit.
    pub fn new(kernel: usize, stride: usize, weights: Vec<f32>, bias: Vec<f32>) -> Self {
        Self::new_at(Level::best(), kernel, stride, weights, bias)
    }

    pub(crate) fn new_at(
        level: Level,
        kernel: usize,
        stride: usize,
        weights: Vec<f32>,
        bias: Vec<f32>,
    ) -> Self {
        assert!(kernel == 3 || kernel == 5, "a kernel of 3 or 5");
        assert!(stride > 0, "a stride of at least 1");
        assert_eq!(weights.len(), kernel * kernel * bias.len(), "one weight a tap and channel");
        Self { level, kernel, stride, weights, bias }
    }

    /// Channels in and out.
    pub fn channels(&self) -> usize {
        self.bias.len()
    }

    /// Width of the square kernel.
    pub fn kernel(&self) -> usize {
        self.kernel
    }

    /// Pixels between neighbouring windows.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The rows of the image that these rows of the result look at.
    pub fn rows_needed(&self, rows: Range<usize>, height: usize) -> Range<usize> {
        let padding = SamePadding::new(height, self.kernel, self.stride);
        let start = (rows.start * self.stride).saturating_sub(padding.before);
        let last = rows.end.saturating_sub(1) * self.stride + self.kernel;
        start..last.saturating_sub(padding.before).min(height)
    }

    /// Some rows of the result.
    ///
    /// # Shapes
    /// a strip with [`DepthwiseConv::rows_needed`] -> out (rows, ceil(width / stride), channels)
    ///
    /// # Panics
    /// If the strip lacks a row, or a length does not fit.
    pub fn apply(&self, strip: Strip<'_>, rows: Range<usize>, out: &mut [f32]) {
        let channels = self.channels();
        let (down, along) = (
            SamePadding::new(strip.height, self.kernel, self.stride),
            SamePadding::new(strip.width, self.kernel, self.stride),
        );
        assert!(rows.start <= rows.end && rows.end <= down.out, "rows of the result");
        assert_eq!(out.len(), rows.len() * along.out * channels, "room for the rows asked for");
        if out.is_empty() {
            return;
        }
        let line = strip.width * channels;
        assert!(strip.values.len().is_multiple_of(line), "whole rows of the image");
        let needed = self.rows_needed(rows.clone(), strip.height);
        let end = strip.first_row + strip.values.len() / line;
        assert!(strip.first_row <= needed.start && needed.end <= end, "rows {needed:?} are at hand");
        let zeros = vec![0.0; line];
        let job = &Job { conv: self, strip, down, along, zeros: &zeros };
        for (row, out) in rows.zip(out.chunks_exact_mut(along.out * channels)) {
            dispatch!(self.level, [job: &Job<'_>, row: usize, out: &mut [f32]] -> (), |V| match job.conv.kernel {
                3 => one_row::<V, 3, 9>(job, row, out),
                _ => one_row::<V, 5, 25>(job, row, out),
            });
        }
    }
}

#[derive(Debug)]
struct Job<'a> {
    conv: &'a DepthwiseConv,
    strip: Strip<'a>,
    down: SamePadding,
    along: SamePadding,
    zeros: &'a [f32],
}

impl Job<'_> {
    /// Where the image's row lies, or zeros for a row outside of it.
    fn row(&self, row: Option<usize>) -> *const f32 {
        match row {
            Some(row) if row < self.strip.height => {
                let line = self.zeros.len();
                let at = (row - self.strip.first_row) * line;
                self.strip.values[at..at + line].as_ptr()
            }
            _ => self.zeros.as_ptr(),
        }
    }
}

/// # Safety
/// `TAPS == KERNEL * KERNEL`, and the machine has the vector. The lengths were checked by [`DepthwiseConv::apply`].
#[inline(always)]
unsafe fn one_row<V: Vector, const KERNEL: usize, const TAPS: usize>(
    job: &Job<'_>,
    row: usize,
    out: &mut [f32],
) {
    let (conv, stride) = (job.conv, job.conv.stride);
    let (channels, width) = (conv.channels(), job.strip.width);
    let before = job.along.before;
    let lines: [*const f32; KERNEL] =
        std::array::from_fn(|tap| job.row((row * stride + tap).checked_sub(job.down.before)));
    // Windows that lie wholly inside: `x * stride >= before` and `x * stride - before + KERNEL <= width`.
    let inner_start = before.div_ceil(stride).min(job.along.out);
    let inner_end = if width + before >= KERNEL {
        ((width + before - KERNEL) / stride + 1).min(job.along.out)
    } else {
        0
    };
    let inner_end = inner_end.max(inner_start);
    let (weights, bias) = (conv.weights.as_ptr(), conv.bias.as_ptr());
    let out = out.as_mut_ptr();
    for first in (0..channels).step_by(V::LANES) {
        let count = channels - first;
        // SAFETY: `first < channels`; a vector past the last channel is masked. Each pixel touched lies inside its line.
        unsafe {
            let bias = load::<V>(bias.add(first), count);
            let mut taps = [V::splat(0.0); TAPS];
            for (tap, weight) in taps.iter_mut().enumerate() {
                *weight = load(weights.add(tap * channels + first), count);
            }
            for x in (0..inner_start).chain(inner_end..job.along.out) {
                let mut sum = bias;
                for (down, line) in lines.iter().enumerate() {
                    for along in 0..KERNEL {
                        let Some(at) = (x * stride + along).checked_sub(before) else { continue };
                        if at < width {
                            let value: V = load(line.add(at * channels + first), count);
                            sum = value.mul_add(taps[down * KERNEL + along], sum);
                        }
                    }
                }
                store_clamped(sum, out.add(x * channels + first), count);
            }
            for x in inner_start..inner_end {
                let at = (x * stride - before) * channels + first;
                // Two calls, so that whole vectors are loaded without a mask.
                let sum = if count >= V::LANES {
                    window::<V, KERNEL, TAPS>(&lines, at, channels, &taps, bias, V::LANES)
                } else {
                    window::<V, KERNEL, TAPS>(&lines, at, channels, &taps, bias, count)
                };
                store_clamped(sum, out.add(x * channels + first), count);
            }
        }
    }
}

/// # Safety
/// `min(count, LANES)` floats are readable.
#[inline(always)]
unsafe fn load<V: Vector>(from: *const f32, count: usize) -> V {
    // SAFETY: the caller gives that many floats.
    unsafe { if count >= V::LANES { V::load(from) } else { V::load_first(from, count) } }
}

/// # Safety
/// `min(count, LANES)` floats are writable.
#[inline(always)]
unsafe fn store_clamped<V: Vector>(sum: V, to: *mut f32, count: usize) {
    // SAFETY: the caller gives room for that many floats.
    unsafe {
        let sum = sum.max(V::splat(0.0)).min(V::splat(6.0));
        if count >= V::LANES { sum.store(to) } else { sum.store_first(to, count) }
    }
}

/// One window inside the image; a sum for each row of the kernel, so that they overlap in time.
///
/// # Safety
/// All taps lie inside the lines, with `min(count, LANES)` floats readable at each.
#[inline(always)]
unsafe fn window<V: Vector, const KERNEL: usize, const TAPS: usize>(
    lines: &[*const f32; KERNEL],
    at: usize,
    channels: usize,
    taps: &[V; TAPS],
    bias: V,
    count: usize,
) -> V {
    // SAFETY: the caller keeps every tap inside its line.
    unsafe {
        let mut sums = [V::splat(0.0); KERNEL];
        sums[0] = bias;
        for down in 0..KERNEL {
            for along in 0..KERNEL {
                let value: V = load(lines[down].add(at + along * channels), count);
                sums[down] = value.mul_add(taps[down * KERNEL + along], sums[down]);
            }
        }
        let mut sum = sums[0];
        for more in &sums[1..] {
            sum = sum.add(*more);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    struct Case {
        height: usize,
        width: usize,
        channels: usize,
        kernel: usize,
        stride: usize,
    }

    /// The definition in f64, with the sum of magnitudes for the error bound.
    fn exact(case: &Case, input: &[f32], weights: &[f32], bias: &[f32], at: [usize; 3]) -> (f64, f64) {
        let [y, x, c] = at;
        let (down, along) = (
            SamePadding::new(case.height, case.kernel, case.stride),
            SamePadding::new(case.width, case.kernel, case.stride),
        );
        let (mut sum, mut magnitude) = (f64::from(bias[c]), f64::from(bias[c]).abs());
        for i in 0..case.kernel {
            for j in 0..case.kernel {
                let row = (y * case.stride + i).checked_sub(down.before).filter(|row| *row < case.height);
                let column =
                    (x * case.stride + j).checked_sub(along.before).filter(|column| *column < case.width);
                if let (Some(row), Some(column)) = (row, column) {
                    let value = input[(row * case.width + column) * case.channels + c];
                    let product =
                        f64::from(value) * f64::from(weights[(i * case.kernel + j) * case.channels + c]);
                    sum += product;
                    magnitude += product.abs();
                }
            }
        }
        (sum.clamp(0.0, 6.0), magnitude)
    }

    #[test]
    fn convolutions_are_within_their_error_bound_whole_and_in_strips() {
        let mut random = Random::new(9);
        for level in Level::available() {
            for (height, width, channels) in
                [(9, 9, 48), (7, 10, 17), (1, 1, 3), (2, 3, 33), (12, 5, 16), (4, 31, 8)]
            {
                for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
                    let case = Case { height, width, channels, kernel, stride };
                    let input = random.floats(height * width * channels);
                    let weights = random.floats(kernel * kernel * channels);
                    let bias = random.floats(channels);
                    let conv = DepthwiseConv::new_at(level, kernel, stride, weights.clone(), bias.clone());
                    let (rows, columns) = (height.div_ceil(stride), width.div_ceil(stride));
                    let mut whole = vec![f32::NAN; rows * columns * channels];
                    let strip = Strip { values: &input, first_row: 0, height, width };
                    conv.apply(strip, 0..rows, &mut whole);
                    for (i, value) in whole.iter().enumerate() {
                        let at = [i / channels / columns, i / channels % columns, i % channels];
                        let (expected, magnitude) = exact(&case, &input, &weights, &bias, at);
                        let bound = (kernel * kernel + 2) as f64 * f64::from(f32::EPSILON) * magnitude;
                        let error = (f64::from(*value) - expected).abs();
                        assert!(
                            error <= bound,
                            "{level:?} {height}x{width}x{channels} {kernel}/{stride} at {at:?}"
                        );
                    }
                    let line = width * channels;
                    for row in 0..rows {
                        let needed = conv.rows_needed(row..row + 1, height);
                        let values = &input[needed.start * line..needed.end * line];
                        let mut part = vec![f32::NAN; columns * channels];
                        conv.apply(
                            Strip { values, first_row: needed.start, height, width },
                            row..row + 1,
                            &mut part,
                        );
                        assert_eq!(part, whole[row * columns * channels..][..columns * channels]);
                    }
                }
            }
        }
    }

    #[test]
    fn the_odd_pixel_of_the_padding_goes_to_the_end() {
        assert_eq!(SamePadding::new(260, 3, 2), SamePadding { before: 0, out: 130 });
        assert_eq!(SamePadding::new(65, 3, 2), SamePadding { before: 1, out: 33 });
        assert_eq!(SamePadding::new(9, 5, 1), SamePadding { before: 2, out: 9 });
    }

    #[test]
    #[should_panic(expected = "are at hand")]
    fn a_strip_that_lacks_a_row_is_refused() {
        let conv = DepthwiseConv::new(3, 1, vec![0.0; 9], vec![0.0]);
        let strip = Strip { values: &[0.0; 4], first_row: 0, height: 4, width: 2 };
        conv.apply(strip, 1..2, &mut [0.0; 2]);
    }
}
