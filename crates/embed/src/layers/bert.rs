//! BERT's encoder, as MiniLM has it.

use candle_core::{Result, Tensor};
use candle_nn::Module;
use sensorium_kernels::{Activation, dequantize_row};

use super::post_norm::PostNormTransformer;
use super::{Bits, LayerNorm, Precision, TransformerConfig, matrix};
use crate::EmbedError;
use crate::weights::Weights;

const WORDS: &str = "embeddings.word_embeddings.weight";
const POSITIONS: &str = "embeddings.position_embeddings.weight";
const TOKEN_TYPES: &str = "embeddings.token_type_embeddings.weight";

/// Sizes of a BERT.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub(crate) struct BertConfig {
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
    /// Of the blocks' products.
    #[serde(default)]
    pub(crate) precision: Precision,
}

/// Word, position and type embeddings and post-norm blocks; token type 0 everywhere.
///
/// # Shapes
/// ids of each item -> (total, d)
///
/// # Source
/// arXiv:1810.04805; weight names as in transformers `models/bert/modeling_bert.py`. Word embeddings are int8 rows with a
/// scale each, which are widened when a token asks for them; all other matrices have sixteen bits a weight, as in their file.
#[derive(Debug)]
pub(crate) struct BertEncoder {
    d: usize,
    words: Vec<i8>,
    word_scales: Vec<f32>,
    /// Position embeddings with the embedding of token type 0 added.
    positions: Vec<f32>,
    norm: LayerNorm,
    blocks: PostNormTransformer,
}

impl BertEncoder {
    /// Takes every weight of the file.
    pub(crate) fn load(weights: &mut Weights, config: &BertConfig) -> std::result::Result<Self, EmbedError> {
        let d = config.d;
        let rows = |shape: Vec<usize>| shape.first().copied().unwrap_or_default();
        let vocabulary = rows(weights.shape(WORDS)?);
        let longest = rows(weights.shape(POSITIONS)?);
        let words = weights.bytes(WORDS, &[vocabulary, d])?;
        let word_scales = weights.floats("embeddings.word_embeddings.scale", &[vocabulary])?;
        let mut positions = weights.floats(POSITIONS, &[longest, d])?;
        let types = rows(weights.shape(TOKEN_TYPES)?);
        let token_types = weights.floats(TOKEN_TYPES, &[types, d])?;
        for row in positions.chunks_exact_mut(d) {
            for (position, token_type) in row.iter_mut().zip(&token_types) {
                *position += token_type;
            }
        }
        let norm = LayerNorm::load(weights, "embeddings.LayerNorm", d, config.norm_eps)?;
        let BertConfig { d: _, heads, layers, ffn, norm_eps, precision } = *config;
        let sizes = TransformerConfig { d, heads, layers, ffn, norm_eps };
        let form = (Activation::Gelu, precision.of(Bits::Sixteen));
        let blocks = PostNormTransformer::load(weights, "encoder.layer", &sizes, form)?;
        Ok(Self { d, words, word_scales, positions, norm, blocks })
    }

    /// Most tokens of an item.
    pub(crate) fn max_tokens(&self) -> usize {
        self.positions.len() / self.d.max(1)
    }

    pub(crate) fn forward(&self, items: &[&[u32]]) -> Result<Tensor> {
        let lengths: Vec<usize> = items.iter().map(|ids| ids.len()).collect();
        let total: usize = lengths.iter().sum();
        let mut rows = vec![0.0; total * self.d];
        let ids = items.iter().flat_map(|ids| ids.iter().enumerate());
        for (row, (position, id)) in rows.chunks_exact_mut(self.d).zip(ids) {
            self.embed(*id, position, row)?;
        }
        let x = self.norm.forward(&matrix(rows, total, self.d)?)?;
        self.blocks.forward(x, &lengths)
    }

    fn embed(&self, id: u32, position: usize, row: &mut [f32]) -> Result<()> {
        let at = id as usize * self.d;
        let (Some(codes), Some(scale)) = (self.words.get(at..at + self.d), self.word_scales.get(id as usize))
        else {
            candle_core::bail!("token {id} is not in the vocabulary");
        };
        let Some(place) = self.positions.get(position * self.d..(position + 1) * self.d) else {
            candle_core::bail!("position {position} is past the longest text");
        };
        dequantize_row(codes, *scale, row);
        for (to, value) in row.iter_mut().zip(place) {
            *to += value;
        }
        Ok(())
    }
}
