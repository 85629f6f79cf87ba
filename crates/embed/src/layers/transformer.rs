//! Transformers with the norms before: our own, and those of CLIP and its like.

use candle_core::{Result, Tensor};
use sensorium_kernels::Activation;

use super::attention::SelfAttention;
use super::{LayerNorm, Linear, matrix, rows_of};
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

/// What differs between Transformers of the same sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockForm {
    /// How the weights of a block are called.
    pub(crate) names: BlockNames,
    /// Inside the feed-forward.
    pub(crate) activation: Activation,
    /// Each row sees itself and those before it only.
    pub(crate) causal: bool,
    /// Matrices that are kept in sixteen bits stay so: they take half of the memory, and lose nothing.
    pub(crate) keep_halves: bool,
}

impl BlockForm {
    /// Our own: GELU by tanh, every row sees all.
    pub(crate) const OWN: Self =
        Self { names: BlockNames::Own, activation: Activation::GeluTanh, causal: false, keep_halves: false };
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
        let BlockForm { names, activation, causal, keep_halves } = form;
        let plain = Activation::Identity;
        let [norm1, out, norm2, fc1, fc2] = names.parts().map(|part| format!("{name}.{part}"));
        let linear = |weights: &mut Weights, name: &str, sizes, activation| {
            let half = keep_halves && weights.is_half(&format!("{name}.weight"));
            let layer = Linear::load(weights, name, sizes, activation)?;
            Ok::<Linear, EmbedError>(if half { layer.halved() } else { layer })
        };
        Ok(Self {
            heads,
            causal,
            norm1: LayerNorm::load(weights, &norm1, d, norm_eps)?,
            qkv: attention_in(weights, name, d, form)?,
            out: linear(weights, &out, (d, d), plain)?,
            norm2: LayerNorm::load(weights, &norm2, d, norm_eps)?,
            fc1: linear(weights, &fc1, (ffn, d), activation)?,
            fc2: linear(weights, &fc2, (d, ffn), plain)?,
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

/// Queries, keys and values in one product, in however many weights they lie.
fn attention_in(
    weights: &mut Weights,
    name: &str,
    d: usize,
    form: BlockForm,
) -> std::result::Result<Linear, EmbedError> {
    let parts: Vec<(String, String)> = match form.names {
        BlockNames::Own | BlockNames::Timm => {
            vec![(format!("{name}.attn.qkv.weight"), format!("{name}.attn.qkv.bias"))]
        }
        BlockNames::OpenClip => {
            vec![(format!("{name}.attn.in_proj_weight"), format!("{name}.attn.in_proj_bias"))]
        }
        BlockNames::Hf => ["q_proj", "k_proj", "v_proj"]
            .map(|part| (format!("{name}.self_attn.{part}.weight"), format!("{name}.self_attn.{part}.bias")))
            .to_vec(),
    };
    let outputs = 3 * d / parts.len();
    let half = form.keep_halves && parts.iter().all(|(weight, _)| weights.is_half(weight));
    let (mut weight, mut bias) = (Vec::new(), Vec::new());
    for (weight_name, bias_name) in parts {
        weight.extend(weights.floats(&weight_name, &[outputs, d])?);
        bias.extend(weights.floats(&bias_name, &[outputs])?);
    }
    let layer = Linear::new(&weight, bias, d, Activation::Identity);
    Ok(if half { layer.halved() } else { layer })
}
