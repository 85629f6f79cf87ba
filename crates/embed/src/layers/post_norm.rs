//! Transformers with the norms behind: BERT's, and RoBERTa's.

use candle_core::{Result, Tensor};
use candle_nn::Module;
use sensorium_kernels::Activation;

use super::attention::SelfAttention;
use super::{Bits, LayerNorm, Linear, TransformerConfig};
use crate::EmbedError;
use crate::weights::Weights;

/// Blocks `0` and so on of `norm(x + attention(x))`, then `norm(x + feed_forward(x))`.
///
/// # Shapes
/// (total, d), lengths of the items -> (total, d)
///
/// # Source
/// arXiv:1810.04805; weight names as in transformers `models/bert/modeling_bert.py`
#[derive(Debug)]
pub(crate) struct PostNormTransformer {
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    heads: usize,
    qkv: Linear,
    out: Linear,
    norm1: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    norm2: LayerNorm,
}

impl PostNormTransformer {
    /// Takes what [`PostNormTransformer::load`] does, by a header alone.
    pub(crate) fn expect(
        weights: &mut Weights,
        name: &str,
        config: &TransformerConfig,
    ) -> std::result::Result<(), EmbedError> {
        (0..config.layers).try_for_each(|layer| Block::expect(weights, &format!("{name}.{layer}"), config))
    }

    /// Takes the weights below `NAME.0` and so on.
    pub(crate) fn load(
        weights: &mut Weights,
        name: &str,
        config: &TransformerConfig,
        (activation, bits): (Activation, Bits),
    ) -> std::result::Result<Self, EmbedError> {
        let blocks = (0..config.layers)
            .map(|layer| Block::load(weights, &format!("{name}.{layer}"), config, (activation, bits)))
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self { blocks })
    }

    pub(crate) fn forward(&self, x: Tensor, lengths: &[usize]) -> Result<Tensor> {
        self.forward_seen(x, lengths, &mut |_| ())
    }

    /// The same, and shows what leaves each block.
    pub(crate) fn forward_seen(
        &self,
        x: Tensor,
        lengths: &[usize],
        seen: &mut dyn FnMut(&Tensor),
    ) -> Result<Tensor> {
        self.blocks.iter().try_fold(x, |x, block| {
            let x = block.forward(&x, lengths)?;
            seen(&x);
            Ok(x)
        })
    }
}

impl Block {
    /// Takes what [`Block::load`] does, by a header alone.
    fn expect(
        weights: &mut Weights,
        name: &str,
        config: &TransformerConfig,
    ) -> std::result::Result<(), EmbedError> {
        let TransformerConfig { d, ffn, .. } = *config;
        let part = |part: &str| format!("{name}.{part}");
        for of in ["query", "key", "value"] {
            Linear::expect(weights, &part(&format!("attention.self.{of}")), (d, d))?;
        }
        Linear::expect(weights, &part("attention.output.dense"), (d, d))?;
        LayerNorm::expect(weights, &part("attention.output.LayerNorm"), d)?;
        Linear::expect(weights, &part("intermediate.dense"), (ffn, d))?;
        Linear::expect(weights, &part("output.dense"), (d, ffn))?;
        LayerNorm::expect(weights, &part("output.LayerNorm"), d)
    }

    fn load(
        weights: &mut Weights,
        name: &str,
        config: &TransformerConfig,
        (activation, bits): (Activation, Bits),
    ) -> std::result::Result<Self, EmbedError> {
        let TransformerConfig { d, heads, layers: _, ffn, norm_eps } = *config;
        let plain = Activation::Identity;
        let part = |part: &str| format!("{name}.{part}");
        let linear = |weights: &mut Weights, of: &str, sizes, activation| {
            Linear::load_bits(weights, &part(of), sizes, (activation, bits))
        };
        let inputs = ["query", "key", "value"].map(|of| {
            let of = part(&format!("attention.self.{of}"));
            (format!("{of}.weight"), format!("{of}.bias"))
        });
        Ok(Self {
            heads,
            qkv: Linear::joined(weights, &inputs, (d, d), bits)?,
            out: linear(weights, "attention.output.dense", (d, d), plain)?,
            norm1: LayerNorm::load(weights, &part("attention.output.LayerNorm"), d, norm_eps)?,
            fc1: linear(weights, "intermediate.dense", (ffn, d), activation)?,
            fc2: linear(weights, "output.dense", (d, ffn), plain)?,
            norm2: LayerNorm::load(weights, &part("output.LayerNorm"), d, norm_eps)?,
        })
    }

    fn forward(&self, x: &Tensor, lengths: &[usize]) -> Result<Tensor> {
        let attention = SelfAttention { lengths, heads: self.heads, causal: false };
        let mixed = attention.forward(&self.qkv.forward(x)?)?;
        let x = self.norm1.forward(&self.out.forward_add(&mixed, x)?)?;
        let inner = self.fc1.forward(&x)?;
        self.norm2.forward(&self.fc2.forward_add(&inner, &x)?)
    }
}
