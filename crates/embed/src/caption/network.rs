//! The network: a grid to a memory, tokens to logits.

use candle_core::Tensor;
use candle_nn::Module;
use sensorium_kernels::Activation;

use super::layer::{DecoderLayer, LayerConfig};
use super::state::{Cache, Line};
use crate::layers::{LayerNorm, Linear, Transformer, TransformerConfig, matrix, rows_of};
use crate::memory::Memory;
use crate::weights::Weights;
use crate::{EmbedError, Grid, stop};

/// What all weights begin with.
const PREFIX: &str = "caption";
/// Of the layer norms, where the bundle says nothing: PyTorch's own.
const DEFAULT_NORM_EPS: f32 = 1e-5;
/// Largest size that a bundle may name.
const MAX_SIZE: usize = 1 << 20;

/// Sizes of the decoder.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub(crate) struct CaptionConfig {
    /// Places of the grid; of an audio clip, of the longest.
    pub(crate) places: usize,
    /// Numbers of a place.
    pub(crate) features: usize,
    /// Width of a token.
    pub(crate) d: usize,
    /// Heads of attention.
    pub(crate) heads: usize,
    /// Blocks over the grid.
    pub(crate) encoder: usize,
    /// Blocks over the words.
    pub(crate) layers: usize,
    /// Width inside the feed-forward.
    pub(crate) ffn: usize,
    /// Tokens that the decoder knows.
    pub(crate) vocab: usize,
    /// Most tokens of a caption.
    pub(crate) max_tokens: usize,
    /// Of the layer norms.
    #[serde(default = "default_norm_eps")]
    pub(crate) norm_eps: f32,
}

const fn default_norm_eps() -> f32 {
    DEFAULT_NORM_EPS
}

impl CaptionConfig {
    /// What cannot be, in words.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let Self { places, features, d, heads, encoder, layers, ffn, vocab, max_tokens, norm_eps } = *self;
        if [places, features, d, heads, layers, ffn, max_tokens].contains(&0) || vocab < 3 {
            return Some("sizes that are 0, or no words");
        }
        if [places, features, d, encoder, layers, ffn, vocab, max_tokens]
            .into_iter()
            .any(|size| size > MAX_SIZE)
            || heads > d
        {
            return Some("sizes that are too large");
        }
        if !d.is_multiple_of(heads) {
            return Some("heads that do not divide d");
        }
        (!norm_eps.is_finite() || norm_eps <= 0.0).then_some("norm_eps that is no small number above 0")
    }
}

/// ```text
/// grid (places, features) -> norm, projection, positions -> encoder -> norm -> keys and values of each layer: Memory
/// ids (T) -> words + positions -> layers, over Cache and Memory -> norm -> words^T + bias -> logits (T, vocab)
/// ```
#[derive(Debug)]
pub(super) struct Network {
    config: CaptionConfig,
    in_norm: LayerNorm,
    in_proj: Linear,
    positions: Tensor,
    encoder: Transformer,
    mem_norm: LayerNorm,
    blank: Memory,
    words: Vec<f32>,
    text_positions: Vec<f32>,
    layers: Vec<DecoderLayer>,
    out_norm: LayerNorm,
    head: Linear,
}

impl Network {
    /// Takes every weight of the file; beside the network, the id in the tokenizer's vocabulary of each of its tokens.
    pub(super) fn load(mut weights: Weights, config: &CaptionConfig) -> Result<(Self, Vec<i32>), EmbedError> {
        let CaptionConfig { places, features, d, heads, encoder, layers, ffn, vocab, max_tokens, norm_eps } =
            *config;
        let name = |part: &str| format!("{PREFIX}.{part}");
        let own = &mut weights;
        let ids = own.whole(&name("vocab"), &[vocab])?;
        let words = own.floats(&name("words"), &[vocab, d])?;
        let bias = own.floats(&name("out_bias"), &[vocab])?;
        let blank = own.floats(&name("blank"), &[1, d])?;
        let positions = own.floats(&name("pos"), &[places, d])?;
        let blocks = TransformerConfig { d, heads, layers: encoder, ffn, norm_eps };
        let layer = LayerConfig { d, heads, ffn, norm_eps };
        let layers = (0..layers)
            .map(|index| DecoderLayer::load(own, &name(&format!("layers.{index}")), &layer))
            .collect::<Result<Vec<_>, _>>()?;
        let network = Self {
            config: *config,
            in_norm: LayerNorm::load(own, &name("in_norm"), features, norm_eps)?,
            in_proj: Linear::load(own, &name("in_proj"), (d, features), Activation::Identity)?,
            positions: matrix(positions, places, d)?,
            encoder: Transformer::load(own, &name("encoder"), &blocks)?,
            mem_norm: LayerNorm::load(own, &name("mem_norm"), d, norm_eps)?,
            blank: remember(&layers, &blank),
            text_positions: own.floats(&name("text_pos"), &[max_tokens, d])?,
            out_norm: LayerNorm::load(own, &name("out_norm"), d, norm_eps)?,
            head: Linear::new(&words, bias, d, Activation::Identity),
            words,
            layers,
        };
        weights.finish()?;
        Ok((network, ids))
    }

    pub(super) fn config(&self) -> &CaptionConfig {
        &self.config
    }

    /// What the decoder looks at of an image or an audio clip.
    pub(super) fn memory(&self, grid: &Grid) -> Result<Memory, EmbedError> {
        let features = matrix(grid.features.clone(), grid.places(), grid.width)?;
        // Short audio has fewer places than the longest.
        let positions = self.positions.narrow(0, 0, grid.places())?;
        let places = self.in_proj.forward_add(&self.in_norm.forward(&features)?, &positions)?;
        let places = self.encoder.forward(places, &[grid.places()])?;
        Ok(remember(&self.layers, &self.mem_norm.apply(&rows_of(&places)?)))
    }

    /// What it looks at with nothing to see or hear: one place that it learned.
    pub(super) fn blank(&self) -> &Memory {
        &self.blank
    }

    /// The cache before the first token.
    pub(super) fn cache(&self) -> Cache {
        Cache::new(self.layers.len())
    }

    /// Reads the next ids of every line into its cache.
    ///
    /// # Shapes
    /// lines of T tokens each -> logits of what follows each token, (total T, vocab), lines below one another
    pub(super) fn read(&self, lines: &mut [Line<'_>]) -> Result<Vec<f32>, EmbedError> {
        let d = self.config.d;
        let mut x = Vec::with_capacity(lines.iter().map(|line| line.ids.len() * d).sum());
        for line in lines.iter() {
            let first = line.cache.tokens(d);
            for (place, id) in (first..).zip(line.ids) {
                let (Some(word), Some(position)) =
                    (row(&self.words, *id as usize, d), row(&self.text_positions, place, d))
                else {
                    let source = format!("token {id} at {place}: no such word or place").into();
                    return Err(EmbedError::Compute { source });
                };
                x.extend(word.iter().zip(position).map(|(word, position)| word + position));
            }
        }
        for (index, layer) in self.layers.iter().enumerate() {
            stop::check()?;
            x = layer.forward(index, x, lines);
        }
        Ok(self.head.apply(&self.out_norm.apply(&x)))
    }
}

fn remember(layers: &[DecoderLayer], places: &[f32]) -> Memory {
    Memory { layers: layers.iter().map(|layer| layer.remember(places)).collect() }
}

fn row(rows: &[f32], index: usize, d: usize) -> Option<&[f32]> {
    let from = index.checked_mul(d)?;
    rows.get(from..from.checked_add(d)?)
}
