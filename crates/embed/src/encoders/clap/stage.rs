//! Blocks over windows of patches, and the merge behind them.

use rayon::prelude::*;
use sensorium_kernels::{Activation, softmax_rows};

use super::config::{HtsatConfig, StageSizes};
use super::windows::{Window, Windows, relative_bias};
use crate::EmbedError;
use crate::layers::{Bits, Head, LayerNorm, Linear, Scratch, shared_threads};
use crate::weights::Weights;

/// Rows that go through a block together: each weight is read once for the patches of several windows.
const CHUNK_ROWS: usize = 512;
/// Of the norms before a merge, which no configuration names.
pub(super) const PLAIN_EPS: f32 = 1e-5;

/// Blocks of one width, and what halves the sides of the square behind them.
///
/// # Source
/// arXiv:2103.14030, section 3.1
#[derive(Debug)]
pub(super) struct Stage {
    side: usize,
    d: usize,
    /// Without a shift, and with one where a square has several windows.
    windows: [Windows; 2],
    blocks: Vec<Block>,
    merge: Option<Merge>,
}

impl Stage {
    /// Takes the weights below `NAME`.
    pub(super) fn load(
        weights: &mut Weights,
        name: &str,
        (config, sizes): (&HtsatConfig, StageSizes),
        merges: bool,
    ) -> Result<Self, EmbedError> {
        let StageSizes { side, d, depth, .. } = sizes;
        let window = config.window;
        let shift = if side <= window { 0 } else { window / 2 };
        let blocks = (0..depth)
            .map(|block| Block::load(weights, &format!("{name}.blocks.{block}"), config, sizes))
            .collect::<Result<_, _>>()?;
        let merge = if merges { Some(Merge::load(weights, &format!("{name}.downsample"), d)?) } else { None };
        let windows = [Windows::new(side, window, 0), Windows::new(side, window, shift)];
        Ok(Self { side, d, windows, blocks, merge })
    }

    /// Shows what leaves each block, and the merge.
    ///
    /// # Shapes
    /// (side^2, d) -> ((side / 2)^2, 2 d) with a merge, else as before
    pub(super) fn forward(&self, mut x: Vec<f32>, seen: &mut dyn FnMut(&[f32])) -> Vec<f32> {
        for (block, windows) in self.blocks.iter().zip(self.windows.iter().cycle()) {
            x = block.forward(&x, windows);
            seen(&x);
        }
        let Some(merge) = &self.merge else { return x };
        let merged = merge.forward(&x, self.side, self.d);
        seen(&merged);
        merged
    }
}

/// `x + attention(norm(x))` within windows, then `x + feed_forward(norm(x))`.
#[derive(Debug)]
struct Block {
    d: usize,
    heads: usize,
    /// (heads, patches, patches) of a window.
    bias: Vec<f32>,
    norm1: LayerNorm,
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl Block {
    fn load(
        weights: &mut Weights,
        name: &str,
        config: &HtsatConfig,
        StageSizes { d, heads, ffn, .. }: StageSizes,
    ) -> Result<Self, EmbedError> {
        let HtsatConfig { window, norm_eps, activation, .. } = *config;
        let (part, plain) = (|part: &str| format!("{name}.{part}"), Activation::Identity);
        let ways = 2 * window - 1;
        let table =
            weights.floats(&part("attention.self.relative_position_bias_table"), &[ways * ways, heads])?;
        let inputs = ["query", "key", "value"].map(|of| {
            let of = part(&format!("attention.self.{of}"));
            (format!("{of}.weight"), format!("{of}.bias"))
        });
        Ok(Self {
            d,
            heads,
            bias: relative_bias(&table, window, heads),
            norm1: LayerNorm::load(weights, &part("layernorm_before"), d, norm_eps)?,
            qkv: Linear::joined(weights, &inputs, (d, d), Bits::Kept)?,
            out: Linear::load_kept(weights, &part("attention.output.dense"), (d, d), plain)?,
            norm2: LayerNorm::load(weights, &part("layernorm_after"), d, norm_eps)?,
            fc1: Linear::load_kept(weights, &part("intermediate.dense"), (ffn, d), activation.into())?,
            fc2: Linear::load_kept(weights, &part("output.dense"), (d, ffn), plain)?,
        })
    }

    /// Runs of windows, side by side where there are threads for them: nothing but attention looks at other rows than its own.
    fn forward(&self, x: &[f32], windows: &Windows) -> Vec<f32> {
        let each = windows.each();
        // Each row passes four matrices of its own width, and two of the width within.
        let threads =
            shared_threads(x.len() / self.d, (4 * self.d + 2 * self.fc1.outputs(), self.d)).unwrap_or(1);
        let run = (CHUNK_ROWS / windows.size()).clamp(1, each.len().div_ceil(threads).max(1));
        let call = |run: &[Window<'_>]| self.run(x, run);
        let made: Vec<Vec<f32>> = if threads > 1 {
            each.par_chunks(run).with_max_len(1).map(call).collect()
        } else {
            each.chunks(run).map(call).collect()
        };
        let mut out = vec![0.0; x.len()];
        let patches = each.iter().flat_map(|window| window.patches);
        for (patch, row) in patches.zip(made.iter().flat_map(|rows| rows.chunks_exact(self.d))) {
            if let Some(to) = out.get_mut(patch * self.d..(patch + 1) * self.d) {
                to.copy_from_slice(row);
            }
        }
        out
    }

    /// The rows of some windows, one window after another.
    fn run(&self, x: &[f32], windows: &[Window<'_>]) -> Vec<f32> {
        let d = self.d;
        let mut rows = Vec::with_capacity(windows.iter().map(|window| window.patches.len() * d).sum());
        for patch in windows.iter().flat_map(|window| window.patches) {
            rows.extend_from_slice(x.get(patch * d..(patch + 1) * d).unwrap_or_default());
        }
        let inputs = self.qkv.apply(&self.norm1.apply(&rows));
        let mut mixed = vec![0.0; rows.len()];
        let (mut item, mut place, mut scratch) = (inputs.as_slice(), mixed.as_mut_slice(), Scratch::new());
        for window in windows {
            let count = window.patches.len();
            let (own, behind) = item.split_at(3 * count * d);
            let (to, room) = place.split_at_mut(count * d);
            self.attend(own, to, window.mask, &mut scratch);
            (item, place) = (behind, room);
        }
        let mut attended = vec![0.0; rows.len()];
        self.out.apply_into(&mixed, Some(&rows), &mut attended);
        let inner = self.fc1.apply(&self.norm2.apply(&attended));
        self.fc2.apply_into(&inner, Some(&attended), &mut rows);
        rows
    }

    /// Attention within one window.
    fn attend(&self, item: &[f32], out: &mut [f32], mask: Option<&[f32]>, scratch: &mut Scratch) {
        let (d, size) = (self.d, self.d / self.heads);
        let patches = out.len() / d;
        for (index, bias) in self.bias.chunks_exact(patches * patches).enumerate() {
            let head = Head { index, d, size };
            let scores = scratch.scores(item, head);
            for (score, bias) in scores.iter_mut().zip(bias) {
                *score += bias;
            }
            for (score, added) in scores.iter_mut().zip(mask.unwrap_or_default()) {
                *score += added;
            }
            softmax_rows(scores, patches);
            scratch.mix(item, out, head);
        }
    }
}

/// Four neighbouring patches become one of twice their width.
#[derive(Debug)]
struct Merge {
    norm: LayerNorm,
    reduction: Linear,
}

impl Merge {
    fn load(weights: &mut Weights, name: &str, d: usize) -> Result<Self, EmbedError> {
        let norm = LayerNorm::load(weights, &format!("{name}.norm"), 4 * d, PLAIN_EPS)?;
        let name = format!("{name}.reduction.weight");
        let half = weights.is_half(&name);
        let weight = weights.floats(&name, &[2 * d, 4 * d])?;
        let reduction = Linear::new(&weight, vec![0.0; 2 * d], 4 * d, Activation::Identity);
        Ok(Self { norm, reduction: if half { reduction.halved() } else { reduction } })
    }

    fn forward(&self, x: &[f32], side: usize, d: usize) -> Vec<f32> {
        let mut joined = Vec::with_capacity(x.len());
        let places = (0..side).step_by(2).flat_map(|top| (0..side).step_by(2).map(move |left| (top, left)));
        for (top, left) in places {
            for (row, column) in [(top, left), (top + 1, left), (top, left + 1), (top + 1, left + 1)] {
                let at = (row * side + column) * d;
                joined.extend_from_slice(x.get(at..at + d).unwrap_or_default());
            }
        }
        self.reduction.apply(&self.norm.apply(&joined))
    }
}
