//! Sizes and choices of the two towers.

use serde::{Deserialize, Serialize};

use super::super::Act;
use crate::layers::TransformerConfig;
use crate::mel::PowerMelSpec;

/// Largest side of the square, and most tokens of a text: more is a mistake in a configuration.
const MAX_SIZE: usize = 4096;
/// Most stages; the widths double from one to the next.
const MAX_STAGES: usize = 8;
/// Largest side of a window, in patches.
const MAX_WINDOW: usize = 64;
const MILLION: u64 = 1_000_000;

/// The audio tower.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HtsatConfig {
    /// Mel bands of the spectrogram.
    pub(crate) mels: usize,
    /// Side of the square that it is folded to, a multiple of the bands.
    pub(crate) side: usize,
    /// Side of a patch.
    pub(crate) patch: usize,
    /// Side of a window, in patches.
    pub(crate) window: usize,
    /// Width of a patch in the first stage.
    pub(crate) d: usize,
    /// Blocks of each stage.
    pub(crate) depths: Vec<usize>,
    /// Heads of attention of each stage.
    pub(crate) heads: Vec<usize>,
    /// Width inside a feed-forward, of the width outside.
    pub(crate) mlp_ratio: f64,
    /// Of the norms of blocks.
    pub(crate) norm_eps: f32,
    /// Inside a feed-forward.
    pub(crate) activation: Act,
    /// Inside the projection.
    pub(crate) projection: Act,
}

/// Sizes of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StageSizes {
    /// Patches of a side.
    pub(super) side: usize,
    pub(super) d: usize,
    pub(super) heads: usize,
    pub(super) depth: usize,
    pub(super) ffn: usize,
}

impl HtsatConfig {
    /// How often the spectrogram is folded.
    pub(super) const fn folds(&self) -> usize {
        self.side / self.mels
    }

    /// Most frames of a spectrogram.
    pub(super) const fn most_frames(&self) -> usize {
        self.side * self.folds()
    }

    /// The stages in order.
    pub(super) fn stages(&self) -> impl Iterator<Item = StageSizes> + '_ {
        self.depths.iter().zip(&self.heads).enumerate().map(|(stage, (depth, heads))| {
            let d = self.d << stage;
            let side = (self.side / self.patch) >> stage;
            StageSizes { side, d, heads: *heads, depth: *depth, ffn: self.ffn(d) }
        })
    }

    /// Width of what the last stage leaves.
    pub(crate) fn features(&self) -> usize {
        self.d << self.depths.len().saturating_sub(1)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded down as the reference does; the ratio is checked"
    )]
    fn ffn(&self, d: usize) -> usize {
        (self.mlp_ratio * d as f64) as usize
    }

    /// What cannot be, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let Self { mels, side, patch, window, d, depths, heads, mlp_ratio, norm_eps, .. } = self;
        if *mels == 0 || *side == 0 || *side > MAX_SIZE || !side.is_multiple_of(*mels) {
            return Some(format!("{mels} bands folded to a square of {side}"));
        }
        if *patch == 0 || !side.is_multiple_of(*patch) {
            return Some(format!("patches of {patch} in a square of {side}"));
        }
        if !(2..=MAX_WINDOW).contains(window) || *d == 0 || *d > MAX_SIZE {
            return Some(format!("windows of {window} patches of a width of {d}"));
        }
        if depths.is_empty() || depths.len() > MAX_STAGES || depths.len() != heads.len() {
            return Some(format!("{} stages, and heads of {}", depths.len(), heads.len()));
        }
        if !(0.1..=64.0).contains(mlp_ratio) || !norm_eps.is_finite() || *norm_eps < 0.0 {
            return Some(format!(
                "a feed-forward of {mlp_ratio} times the width, norms of the epsilon {norm_eps}"
            ));
        }
        let halves = depths.len() - 1;
        if !(side / patch).is_multiple_of(1 << halves) {
            return Some(format!("{} patches of a side, halved {halves} times", side / patch));
        }
        self.stages().find_map(|StageSizes { side, d, heads, .. }| {
            if side == 0 || !side.is_multiple_of(*window) {
                return Some(format!("windows of {window} in {side} patches of a side"));
            }
            let fits = heads > 0 && d.is_multiple_of(heads);
            (!fits).then(|| format!("{heads} heads of attention in a width of {d}"))
        })
    }

    /// What the spectrogram has that this tower cannot take, if anything.
    pub(crate) fn unheard(&self, mel: &PowerMelSpec) -> Option<String> {
        let (frames, most) = (mel.frames(), self.most_frames());
        if mel.mels != self.mels {
            return Some(format!("{} mel bands, and takes {}", mel.mels, self.mels));
        }
        (frames < 2 || frames > most).then(|| format!("{frames} frames a clip, and takes 2 to {most}"))
    }

    /// Millions of multiply-adds of a clip, roughly.
    pub(crate) fn cost(&self) -> u64 {
        let stage = |StageSizes { side, d, depth, ffn, .. }: StageSizes| {
            let (tokens, d, ffn) = ((side * side) as u64, d as u64, ffn as u64);
            let seen = (self.window * self.window) as u64;
            let block = d.saturating_mul(4 * d + 2 * ffn + 2 * seen);
            let merge = 2 * d * d;
            tokens.saturating_mul(block.saturating_mul(depth as u64).saturating_add(merge))
        };
        self.stages().map(stage).fold(0, u64::saturating_add).div_ceil(MILLION).max(1)
    }
}

/// The text tower.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RobertaConfig {
    /// Tokens of the vocabulary.
    pub(crate) vocabulary: usize,
    /// Positions; the first of a text is the one behind that of padding.
    pub(crate) positions: usize,
    pub(crate) d: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) ffn: usize,
    pub(crate) norm_eps: f32,
    /// Inside a feed-forward.
    pub(crate) activation: Act,
    /// Inside the projection.
    pub(crate) projection: Act,
    /// The token that pads, which counts as no position.
    pub(crate) pad: u32,
    /// The token that begins a text, of which its vector is made.
    pub(crate) begin: u32,
}

impl RobertaConfig {
    pub(super) const fn blocks(&self) -> TransformerConfig {
        let Self { d, heads, layers, ffn, norm_eps, .. } = *self;
        TransformerConfig { d, heads, layers, ffn, norm_eps }
    }

    /// Most tokens of a text.
    pub(crate) const fn max_tokens(&self) -> usize {
        self.positions.saturating_sub(self.pad as usize + 1)
    }

    /// What cannot be, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.max_tokens() < 2 || self.positions > MAX_SIZE {
            return Some(format!("texts of {} tokens", self.max_tokens()));
        }
        self.blocks().fault()
    }

    /// Millions of multiply-adds of a token, roughly.
    pub(crate) fn cost(&self) -> u64 {
        self.blocks().cost(1)
    }
}
