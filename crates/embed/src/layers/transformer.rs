//! Transformers with the norms before: our own, and those of CLIP and its like.

use candle_core::{Result, Tensor};
use sensorium_kernels::Activation;

use super::attention::SelfAttention;
use super::{Bits, LayerNorm, Linear, matrix, rows_of};
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

impl TransformerConfig {
    /// What cannot be, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let Self { d, heads, layers: _, ffn, norm_eps } = *self;
        if d == 0 || heads == 0 || !d.is_multiple_of(heads) {
            return Some(format!("{heads} heads of attention in a width of {d}"));
        }
        if ffn == 0 {
            return Some("a feed-forward of no width".to_owned());
        }
        (!norm_eps.is_finite() || norm_eps < 0.0).then(|| format!("norms of the epsilon {norm_eps}"))
    }

    /// Millions of multiply-adds of an item of so many rows, roughly.
    pub(crate) fn cost(&self, rows: usize) -> u64 {
        const MILLION: u64 = 1_000_000;
        let Self { d, heads: _, layers, ffn, norm_eps: _ } = *self;
        let (d, ffn, layers, rows) = (d as u64, ffn as u64, layers as u64, rows as u64);
        let widths = d.saturating_mul(4).saturating_add(ffn.saturating_mul(2));
        let seen = d.saturating_mul(2).saturating_mul(rows);
        let block = d.saturating_mul(widths).saturating_add(seen);
        block.saturating_mul(layers).saturating_mul(rows).div_ceil(MILLION).max(1)
    }
}

/// What differs between Transformers of the same sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockForm {
    /// How the weights of a block are called.
    pub(crate) names: BlockNames,
    /// Inside the feed-forward.
    pub(crate) activation: Activation,
    /// Each row sees itself and those before it only.
    pub(crate) causal: bool,
    /// Of the matrices.
    pub(crate) bits: Bits,
}

impl BlockForm {
    /// Our own: GELU by tanh, every row sees all.
    pub(crate) const OWN: Self = Self {
        names: BlockNames::Own,
        activation: Activation::GeluTanh,
        causal: false,
        bits: Bits::ThirtyTwo,
    };
}

/// How the weights of a block are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockNames {
    /// As our own training does.
    Own,
    /// As transformers' `models/clip` and `models/siglip` do.
    Hf,
    /// As open_clip's `transformer.py` does, after OpenAI's CLIP: the three matrices of attention are one.
    OpenClip,
    /// As timm's `vision_transformer.py` does.
    Timm,
}

impl BlockNames {
    /// First norm, output of attention, second norm, and the two layers of the feed-forward.
    const fn parts(self) -> [&'static str; 5] {
        match self {
            Self::Own => ["norm1", "attn.out", "norm2", "mlp.fc1", "mlp.fc2"],
            Self::Hf => ["layer_norm1", "self_attn.out_proj", "layer_norm2", "mlp.fc1", "mlp.fc2"],
            Self::OpenClip => ["ln_1", "attn.out_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"],
            Self::Timm => ["norm1", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"],
        }
    }
}

/// Blocks `0` and so on of `x + attention(norm(x))`, then `x + feed_forward(norm(x))`.
///
/// # Shapes
/// (total, d), lengths of the items -> (total, d)
///
/// # Source
/// arXiv:1706.03762 with the norms before (arXiv:2002.04745)
#[derive(Debug)]
pub(crate) struct Transformer {
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    heads: usize,
    causal: bool,
    norm1: LayerNorm,
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl Transformer {
    /// One of our own. Takes the weights below `NAME.0` and so on.
    pub(crate) fn load(
        weights: &mut Weights,
        name: &str,
        config: &TransformerConfig,
    ) -> std::result::Result<Self, EmbedError> {
        Self::load_as(weights, name, config, BlockForm::OWN)
    }

    /// One of a form. Takes the weights below `NAME.0` and so on.
    pub(crate) fn load_as(
        weights: &mut Weights,
        name: &str,
        config: &TransformerConfig,
        form: BlockForm,
    ) -> std::result::Result<Self, EmbedError> {
        let blocks = (0..config.layers)
            .map(|layer| Block::load(weights, &format!("{name}.{layer}"), config, form))
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self { blocks })
    }

    /// Takes the weights that [`Transformer::load_as`] takes, without reading one.
    pub(crate) fn expect_as(
        weights: &mut Weights,
        name: &str,
        config: &TransformerConfig,
        names: BlockNames,
    ) -> std::result::Result<(), EmbedError> {
        let TransformerConfig { d, heads: _, layers, ffn, norm_eps: _ } = *config;
        for layer in 0..layers {
            let name = format!("{name}.{layer}");
            let [norm1, out, norm2, fc1, fc2] = names.parts().map(|part| format!("{name}.{part}"));
            LayerNorm::expect(weights, &norm1, d)?;
            let parts = attention_parts(&name, names);
            let outputs = 3 * d / parts.len();
            for (weight, bias) in parts {
                weights.expect(&weight, &[outputs, d])?;
                weights.expect(&bias, &[outputs])?;
            }
            Linear::expect(weights, &out, (d, d))?;
            LayerNorm::expect(weights, &norm2, d)?;
            Linear::expect(weights, &fc1, (ffn, d))?;
            Linear::expect(weights, &fc2, (d, ffn))?;
        }
        Ok(())
    }

    pub(crate) fn forward(&self, x: Tensor, lengths: &[usize]) -> Result<Tensor> {
        let (rows, d) = x.dims2()?;
        matrix(self.apply(rows_of(&x)?, lengths, &mut |_| ())?, rows, d)
    }

    /// The blocks over rows in a slice; shows what leaves each of them.
    pub(crate) fn apply(
        &self,
        x: Vec<f32>,
        lengths: &[usize],
        seen: &mut dyn FnMut(&[f32]),
    ) -> Result<Vec<f32>> {
        let mut rows = Rows { x, ..Rows::default() };
        for block in &self.blocks {
            block.forward(&mut rows, lengths)?;
            seen(&rows.x);
        }
        Ok(rows.x)
    }
}

/// The rows of a batch, and room for what is made of them in a block: the same for all blocks, for memory that is fresh from
/// the system costs more to touch than some layers take.
#[derive(Debug, Default)]
struct Rows {
    x: Vec<f32>,
    normed: Vec<f32>,
    /// Queries, keys and values, then the inside of the feed-forward.
    wide: Vec<f32>,
    mixed: Vec<f32>,
}

impl Block {
    fn load(
        weights: &mut Weights,
        name: &str,
        config: &TransformerConfig,
        form: BlockForm,
    ) -> std::result::Result<Self, EmbedError> {
        let TransformerConfig { d, heads, layers: _, ffn, norm_eps } = *config;
        let BlockForm { names, activation, causal, bits } = form;
        let plain = Activation::Identity;
        let [norm1, out, norm2, fc1, fc2] = names.parts().map(|part| format!("{name}.{part}"));
        Ok(Self {
            heads,
            causal,
            norm1: LayerNorm::load(weights, &norm1, d, norm_eps)?,
            qkv: attention_in(weights, name, d, form)?,
            out: Linear::load_bits(weights, &out, (d, d), (plain, bits))?,
            norm2: LayerNorm::load(weights, &norm2, d, norm_eps)?,
            fc1: Linear::load_bits(weights, &fc1, (ffn, d), (activation, bits))?,
            fc2: Linear::load_bits(weights, &fc2, (d, ffn), (plain, bits))?,
        })
    }

    fn forward(&self, rows: &mut Rows, lengths: &[usize]) -> Result<()> {
        let Rows { x, normed, wide, mixed } = rows;
        let (len, d) = (x.len(), self.qkv.inputs());
        let count = len / d.max(1);
        normed.resize(len, 0.0);
        mixed.resize(len, 0.0);
        wide.resize(count * self.qkv.outputs().max(self.fc1.outputs()), 0.0);

        self.norm1.apply_into(x, normed);
        let (qkv, _) = wide.split_at_mut(count * self.qkv.outputs());
        self.qkv.apply_into(normed, None, qkv);
        let attention = SelfAttention { lengths, heads: self.heads, causal: self.causal };
        attention.apply_into(qkv, self.qkv.outputs(), mixed)?;
        self.out.apply_into(mixed, Some(x), normed);
        std::mem::swap(x, normed);

        self.norm2.apply_into(x, normed);
        let (inner, _) = wide.split_at_mut(count * self.fc1.outputs());
        self.fc1.apply_into(normed, None, inner);
        self.fc2.apply_into(inner, Some(x), mixed);
        std::mem::swap(x, mixed);
        Ok(())
    }
}

/// Weights and biases of queries, keys and values.
fn attention_parts(name: &str, names: BlockNames) -> Vec<(String, String)> {
    match names {
        BlockNames::Own | BlockNames::Timm => {
            vec![(format!("{name}.attn.qkv.weight"), format!("{name}.attn.qkv.bias"))]
        }
        BlockNames::OpenClip => {
            vec![(format!("{name}.attn.in_proj_weight"), format!("{name}.attn.in_proj_bias"))]
        }
        BlockNames::Hf => ["q_proj", "k_proj", "v_proj"]
            .map(|part| (format!("{name}.self_attn.{part}.weight"), format!("{name}.self_attn.{part}.bias")))
            .to_vec(),
    }
}

/// Queries, keys and values in one product, in however many weights they lie.
fn attention_in(
    weights: &mut Weights,
    name: &str,
    d: usize,
    form: BlockForm,
) -> std::result::Result<Linear, EmbedError> {
    let parts = attention_parts(name, form.names);
    Linear::joined(weights, &parts, (3 * d / parts.len(), d), form.bits)
}
