//! Our own Transformer: pre-norm residual blocks.

use candle_core::{Result, Tensor};
use candle_nn::Module;
use sensorium_kernels::Activation;

use super::attention::SelfAttention;
use super::{LayerNorm, Linear};
use crate::EmbedError;
use crate::weights::Weights;

/// Sizes of a Transformer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransformerConfig {
    /// Width of a token.
    pub(crate) d: usize,
    /// Heads of attention.
    pub(crate) heads: usize,
    /// Blocks.
    pub(crate) layers: usize,
    /// Width inside the feed-forward.
    pub(crate) ffn: usize,
    /// Of the layer norms.
    pub(crate) norm_eps: f32,
}

/// Blocks `0` and so on of `x + attention(norm(x))`, then `x + feed_forward(norm(x))`.
///
/// # Shapes
/// (total, d), lengths of the items -> (total, d)
///
/// # Source
/// arXiv:1706.03762 with the norms before (arXiv:2002.04745), GELU by tanh
#[derive(Debug)]
pub(crate) struct Transformer {
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    heads: usize,
    norm1: LayerNorm,
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl Transformer {
    /// Takes the weights below `NAME.0` and so on.
    pub(crate) fn load(
        weights: &mut Weights<'_>,
        name: &str,
        config: &TransformerConfig,
    ) -> std::result::Result<Self, EmbedError> {
        let blocks = (0..config.layers)
            .map(|layer| Block::load(weights, &format!("{name}.{layer}"), config))
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self { blocks })
    }

    pub(crate) fn forward(&self, x: Tensor, lengths: &[usize]) -> Result<Tensor> {
        self.blocks.iter().try_fold(x, |x, block| block.forward(&x, lengths))
    }
}

impl Block {
    fn load(
        weights: &mut Weights<'_>,
        name: &str,
        config: &TransformerConfig,
    ) -> std::result::Result<Self, EmbedError> {
        let TransformerConfig { d, heads, layers: _, ffn, norm_eps } = *config;
        let plain = Activation::Identity;
        Ok(Self {
            heads,
            norm1: LayerNorm::load(weights, &format!("{name}.norm1"), d, norm_eps)?,
            qkv: Linear::load(weights, &format!("{name}.attn.qkv"), (3 * d, d), plain)?,
            out: Linear::load(weights, &format!("{name}.attn.out"), (d, d), plain)?,
            norm2: LayerNorm::load(weights, &format!("{name}.norm2"), d, norm_eps)?,
            fc1: Linear::load(weights, &format!("{name}.mlp.fc1"), (ffn, d), Activation::GeluTanh)?,
            fc2: Linear::load(weights, &format!("{name}.mlp.fc2"), (d, ffn), plain)?,
        })
    }

    fn forward(&self, x: &Tensor, lengths: &[usize]) -> Result<Tensor> {
        let attention = SelfAttention { lengths, heads: self.heads };
        let mixed = attention.forward(&self.qkv.forward(&self.norm1.forward(x)?)?)?;
        let x = self.out.forward_add(&mixed, x)?;
        let inner = self.fc1.forward(&self.norm2.forward(&x)?)?;
        self.fc2.forward_add(&inner, &x)
    }
}
