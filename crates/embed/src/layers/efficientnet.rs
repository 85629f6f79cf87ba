//! EfficientNet-Lite, the frozen photo stem.
//!
//! Channels lie last, so that a 1x1 convolution is a product over pixels. A block widens its input up to twelve times; its
//! wide rows are made a strip at a time, so that they stay in the second-level cache between the three convolutions:
//!
//! ```text
//! rows of x --1x1 + ReLU6--> strip (wide) --depthwise + ReLU6--> rows (wide) --1x1 (+ x)--> rows of the result
//! ```
//!
//! # Source
//! EfficientNet (arXiv:1905.11946), in the Lite variants: no squeeze-and-excite, ReLU6 for swish, stem and head of fixed
//! width; tensorflow/tpu `models/official/efficientnet/lite`.

use parking_lot::Mutex;
use sensorium_kernels::{Activation, DepthwiseConv, SamePadding, Strip};

use super::{Bits, Linear};
use crate::weights::Weights;
use crate::{EmbedError, stop};

/// Features of a grid cell.
pub(crate) const FEATURES: usize = 1280;
const STEM_CHANNELS: usize = 32;
const STEM_KERNEL: usize = 3;
const STEM_STRIDE: usize = 2;
const RGB: usize = 3;
/// Bytes of wide rows that are at hand at once: half of a second-level cache of 1 MB.
const STRIP_BYTES: usize = 512 << 10;
/// Blocks have widths that are multiples of this.
const WIDTH_STEP: usize = 8;

/// Which EfficientNet-Lite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Variant {
    Lite0,
    Lite2,
}

/// One stage of the base network: repeats, kernel, stride of the first block, expansion, channels out.
struct Stage {
    repeats: usize,
    kernel: usize,
    stride: usize,
    expand: usize,
    out: usize,
}

const fn stage(repeats: usize, kernel: usize, stride: usize, expand: usize, out: usize) -> Stage {
    Stage { repeats, kernel, stride, expand, out }
}

const STAGES: [Stage; 7] = [
    stage(1, 3, 1, 1, 16),
    stage(2, 3, 2, 6, 24),
    stage(2, 5, 2, 6, 40),
    stage(3, 3, 2, 6, 80),
    stage(3, 5, 1, 6, 112),
    stage(4, 5, 2, 6, 192),
    stage(1, 3, 1, 6, 320),
];

/// Sizes of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BlockPlan {
    kernel: usize,
    stride: usize,
    from: usize,
    wide: usize,
    out: usize,
}

impl Variant {
    /// How much wider and deeper than the base network, in tenths.
    const fn scaling(self) -> (usize, usize) {
        match self {
            Self::Lite0 => (10, 10),
            Self::Lite2 => (11, 12),
        }
    }

    /// The blocks. First and last stage keep their depth in the Lite variants.
    fn plan(self) -> Vec<BlockPlan> {
        let (width, depth) = self.scaling();
        let mut from = STEM_CHANNELS;
        let mut blocks = Vec::new();
        for (index, stage) in STAGES.iter().enumerate() {
            let fixed = index == 0 || index + 1 == STAGES.len();
            let repeats = if fixed { stage.repeats } else { (stage.repeats * depth).div_ceil(10) };
            let out = scaled_width(stage.out, width);
            for repeat in 0..repeats {
                let stride = if repeat == 0 { stage.stride } else { 1 };
                blocks.push(BlockPlan { kernel: stage.kernel, stride, from, wide: from * stage.expand, out });
                from = out;
            }
        }
        blocks
    }
}

/// To the nearest multiple of eight, but never down by more than a tenth.
fn scaled_width(width: usize, tenths: usize) -> usize {
    let scaled = width * tenths;
    let rounded = ((scaled + WIDTH_STEP * 5) / (WIDTH_STEP * 10) * WIDTH_STEP).max(WIDTH_STEP);
    if rounded * 100 < scaled * 9 { rounded + WIDTH_STEP } else { rounded }
}

/// The stem.
///
/// # Shapes
/// RGB (size, size, 3), normalized -> grid (G * G, 1280) with G = ceil(size / 32)
#[derive(Debug)]
pub(crate) struct PhotoStem {
    first: Linear,
    blocks: Vec<Block>,
    head: Linear,
    classifier: Linear,
    /// Buffers of images that are done, for the next ones.
    scratch: Mutex<Vec<Scratch>>,
}

#[derive(Debug)]
struct Block {
    expand: Option<Linear>,
    depthwise: DepthwiseConv,
    project: Linear,
    residual: bool,
    wide: usize,
    out: usize,
}

#[derive(Debug, Default)]
struct Scratch {
    now: Vec<f32>,
    next: Vec<f32>,
    strip: Vec<f32>,
    filtered: Vec<f32>,
}

impl PhotoStem {
    /// Takes every weight of the file; `classes` are the classifier's, `bits` those of the convolutions over single places.
    pub(crate) fn load(
        weights: &mut Weights,
        variant: Variant,
        (classes, bits): (usize, Bits),
    ) -> Result<Self, EmbedError> {
        let patch = STEM_KERNEL * STEM_KERNEL * RGB;
        let weight = weights.floats("stem.weight", &[STEM_CHANNELS, RGB, STEM_KERNEL, STEM_KERNEL])?;
        let bias = weights.floats("stem.bias", &[STEM_CHANNELS])?;
        let plan = variant.plan();
        let last = plan.last().map_or(STEM_CHANNELS, |block| block.out);
        let blocks = plan
            .iter()
            .enumerate()
            .map(|(index, plan)| Block::load(weights, &format!("blocks.{index}"), plan, bits))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            first: Linear::new(&channels_last(&weight), bias, patch, Activation::Relu6),
            blocks,
            head: Linear::load_bits(weights, "head", (FEATURES, last), (Activation::Relu6, bits))?,
            classifier: Linear::load(weights, "classifier", (classes, FEATURES), Activation::Identity)?,
            scratch: Mutex::default(),
        })
    }

    /// The grid of one image.
    ///
    /// # Errors
    /// [`EmbedError::Cancelled`] if the caller gave up.
    pub(crate) fn forward(&self, pixels: &[f32], size: usize) -> Result<Vec<f32>, EmbedError> {
        let mut scratch = self.scratch.lock().pop().unwrap_or_default();
        self.first_layer(pixels, size, &mut scratch);
        let mut side = size.div_ceil(STEM_STRIDE);
        for block in &self.blocks {
            stop::check()?;
            side = block.forward(side, &mut scratch);
        }
        let grid = self.head.apply(&scratch.now);
        self.scratch.lock().push(scratch);
        Ok(grid)
    }

    /// Logits of the stem's own classes.
    ///
    /// # Shapes
    /// mean of a grid (1280) -> (classes)
    pub(crate) fn classify(&self, mean: &[f32]) -> Vec<f32> {
        self.classifier.apply(mean)
    }

    /// The 3x3 convolution of stride 2, as a product over rows of neighbours.
    fn first_layer(&self, pixels: &[f32], size: usize, scratch: &mut Scratch) {
        let padding = SamePadding::new(size, STEM_KERNEL, STEM_STRIDE);
        let patch = STEM_KERNEL * STEM_KERNEL * RGB;
        let line = size * RGB;
        scratch.now.resize(padding.out * padding.out * STEM_CHANNELS, 0.0);
        scratch.filtered.clear();
        scratch.filtered.resize(padding.out * patch, 0.0);
        for (y, out) in scratch.now.chunks_exact_mut(padding.out * STEM_CHANNELS).enumerate() {
            for (x, patch) in scratch.filtered.chunks_exact_mut(patch).enumerate() {
                for (down, taps) in patch.chunks_exact_mut(STEM_KERNEL * RGB).enumerate() {
                    let row = (y * STEM_STRIDE + down).checked_sub(padding.before);
                    let source =
                        row.and_then(|row| pixels.get(row * line..(row + 1) * line)).unwrap_or_default();
                    gather(source, (x * STEM_STRIDE) as isize - padding.before as isize, taps);
                }
            }
            self.first.apply_into(&scratch.filtered, None, out);
        }
    }
}

/// Pixels `first..` of a row, zeros outside of it.
fn gather(row: &[f32], first: isize, taps: &mut [f32]) {
    for (tap, column) in taps.chunks_exact_mut(RGB).zip(first..) {
        let at = usize::try_from(column).unwrap_or(usize::MAX / RGB) * RGB;
        match row.get(at..at.saturating_add(RGB)) {
            Some(pixel) => tap.copy_from_slice(pixel),
            None => tap.fill(0.0),
        }
    }
}

/// `(out, RGB, taps)` as `(out, taps, RGB)`.
fn channels_last(weight: &[f32]) -> Vec<f32> {
    let taps = STEM_KERNEL * STEM_KERNEL;
    weight
        .chunks_exact(RGB * taps)
        .flat_map(|filter| (0..taps).flat_map(move |tap| filter.iter().skip(tap).step_by(taps).copied()))
        .collect()
}

impl Block {
    fn load(weights: &mut Weights, name: &str, plan: &BlockPlan, bits: Bits) -> Result<Self, EmbedError> {
        let BlockPlan { kernel, stride, from, wide, out } = *plan;
        let linear = |weights: &mut Weights, part: &str, sizes, activation| {
            Linear::load_bits(weights, &format!("{name}.{part}"), sizes, (activation, bits))
        };
        let expand =
            (wide != from).then(|| linear(weights, "expand", (wide, from), Activation::Relu6)).transpose()?;
        let taps = weights.floats(&format!("{name}.dw.weight"), &[kernel * kernel, wide])?;
        let bias = weights.floats(&format!("{name}.dw.bias"), &[wide])?;
        Ok(Self {
            expand,
            depthwise: DepthwiseConv::new(kernel, stride, taps, bias),
            project: linear(weights, "project", (out, wide), Activation::Identity)?,
            residual: stride == 1 && from == out,
            wide,
            out,
        })
    }

    /// Replaces `scratch.now`, a square of this side, by the block's result, and gives the side of that.
    fn forward(&self, side: usize, scratch: &mut Scratch) -> usize {
        let Scratch { now, next, strip, filtered } = scratch;
        let (stride, kernel) = (self.depthwise.stride(), self.depthwise.kernel());
        let out_side = side.div_ceil(stride);
        next.resize(out_side * out_side * self.out, 0.0);
        let line = side * self.wide;
        let rows_at_once = (STRIP_BYTES / (4 * line)).max(kernel);
        let step = ((rows_at_once - kernel) / stride + 1).min(out_side);
        let out_line = out_side * self.out;
        let in_line = now.len() / side;
        // Rows of the strip that are made already.
        let mut made = 0..0;
        for (index, out) in next.chunks_mut(step * out_line).enumerate() {
            let rows = index * step..index * step + out.len() / out_line;
            let needed = self.depthwise.rows_needed(rows.clone(), side);
            let source = match &self.expand {
                None => Strip { values: now, first_row: 0, height: side, width: side },
                Some(expand) => {
                    let kept = needed.start.max(made.start)..made.end;
                    let from = (kept.start - made.start) * line;
                    strip.resize(strip.len().max(needed.len() * line), 0.0);
                    strip.copy_within(from..from + kept.len() * line, 0);
                    let input = slice(now, kept.end * in_line..needed.end * in_line);
                    let fresh = kept.len() * line..needed.len() * line;
                    expand.apply_into(input, None, strip.get_mut(fresh).unwrap_or_default());
                    made = needed.clone();
                    let values = slice(strip, 0..needed.len() * line);
                    Strip { values, first_row: needed.start, height: side, width: side }
                }
            };
            filtered.resize(rows.len() * out_side * self.wide, 0.0);
            self.depthwise.apply(source, rows.clone(), filtered);
            let residual = self.residual.then(|| slice(now, rows.start * in_line..rows.end * in_line));
            self.project.apply_into(filtered, residual, out);
        }
        std::mem::swap(now, next);
        out_side
    }
}

fn slice(values: &[f32], range: std::ops::Range<usize>) -> &[f32] {
    values.get(range).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_have_the_known_widths_and_depths() {
        let widths = |variant: Variant| variant.plan().iter().map(|block| block.out).collect::<Vec<_>>();
        assert_eq!(
            widths(Variant::Lite0),
            [16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320]
        );
        let lite2 = widths(Variant::Lite2);
        assert_eq!(lite2.len(), 21);
        assert_eq!(
            [lite2[0], lite2[1], lite2[4], lite2[7], lite2[11], lite2[15], lite2[20]],
            [16, 24, 48, 88, 120, 208, 352]
        );
    }
}
