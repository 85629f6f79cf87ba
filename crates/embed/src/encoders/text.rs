//! Sentences: an encoder, the mean over its tokens.

use std::sync::Arc;

use sensorium_kernels::{Activation, l2_normalize, mean_of_rows};
use sensorium_types::Modality;

use super::chunks::chunks;
use super::{finite, wrong_batch};
use crate::layers::{BertConfig, BertEncoder, Linear, SmallTextEncoder, TransformerConfig, rows_of};
use crate::threads::Threads;
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;
use crate::{Batch, EmbedError, Embedding, Encoder};

/// Tokens that go through the layers together: enough that each weight is read once for many rows, few enough that
/// their rows stay in the cache.
const CHUNK_TOKENS: usize = 512;

/// What all weights of a small encoder's file begin with.
const PREFIX: &str = "languages";

/// MiniLM's sizes.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub(crate) struct TextConfig {
    /// The encoder's.
    #[serde(flatten)]
    pub(crate) encoder: BertConfig,
}

/// Sizes of a small encoder.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub(crate) struct SmallTextConfig {
    pub(crate) d: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) ffn: usize,
    pub(crate) norm_eps: f32,
}

/// What makes rows of tokens.
#[derive(Debug)]
pub(crate) enum TokenEncoder {
    /// MiniLM. Its rows have the width of the space.
    Bert(BertEncoder),
    /// A small Transformer, and the map of the mean of its rows into the space.
    Small(Box<SmallTextEncoder>, Linear),
}

/// Texts to vectors.
///
/// # Source
/// sentence-transformers `all-MiniLM-L6-v2`: mean pooling over the tokens, then L2; a small one maps the mean linearly
/// before that
#[derive(Debug)]
pub(crate) struct TextEncoder {
    tokenizer: Arc<Tokenizer>,
    encoder: TokenEncoder,
    /// Width of a token.
    width: usize,
    dim: usize,
    threads: Threads,
}

impl TokenEncoder {
    /// MiniLM. Takes every weight of the file.
    pub(crate) fn load_bert(mut weights: Weights, config: &TextConfig) -> Result<Self, EmbedError> {
        let encoder = BertEncoder::load(&mut weights, &config.encoder)?;
        weights.finish()?;
        Ok(Self::Bert(encoder))
    }

    /// A small Transformer. Takes every weight of the file.
    pub(crate) fn load_small(
        mut weights: Weights,
        config: &SmallTextConfig,
        dim: usize,
    ) -> Result<Self, EmbedError> {
        let SmallTextConfig { d, heads, layers, ffn, norm_eps } = *config;
        let sizes = TransformerConfig { d, heads, layers, ffn, norm_eps };
        let encoder = SmallTextEncoder::load(&mut weights, PREFIX, &sizes)?;
        let map = Linear::load(&mut weights, &format!("{PREFIX}.out_proj"), (dim, d), Activation::Identity)?;
        weights.finish()?;
        Ok(Self::Small(Box::new(encoder), map))
    }
}

impl TextEncoder {
    /// Joins a tokenizer with what makes rows of its tokens.
    pub(crate) fn new(
        tokenizer: Arc<Tokenizer>,
        encoder: TokenEncoder,
        (width, dim): (usize, usize),
        threads: Threads,
    ) -> Self {
        Self { tokenizer, encoder, width, dim, threads }
    }

    /// Most tokens of a text; `None` where any number will do.
    pub(crate) fn max_tokens(&self) -> Option<usize> {
        match &self.encoder {
            TokenEncoder::Bert(encoder) => Some(encoder.max_tokens()),
            TokenEncoder::Small(..) => None,
        }
    }

    fn chunk(&self, items: &[&[u32]]) -> Result<Vec<Embedding>, EmbedError> {
        let (rows, map) = match &self.encoder {
            TokenEncoder::Bert(encoder) => (encoder.forward(items)?, None),
            TokenEncoder::Small(encoder, map) => (encoder.forward(items)?, Some(map)),
        };
        let rows = rows_of(&rows)?;
        let mut rest = rows.as_slice();
        items
            .iter()
            .map(|ids| {
                let (item, after) = rest.split_at(ids.len() * self.width);
                rest = after;
                let mut vector = vec![0.0; self.width];
                mean_of_rows(item, &mut vector);
                if let Some(map) = map {
                    vector = map.apply(&vector);
                }
                l2_normalize(&mut vector);
                finite(Modality::Text, vector)
            })
            .collect()
    }
}

impl Encoder for TextEncoder {
    fn modality(&self) -> Modality {
        Modality::Text
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError> {
        let Batch::Texts(texts) = batch else { return Err(wrong_batch(self.modality(), &batch)) };
        let ids = self.threads.map(texts, |text| self.tokenizer.ids(text))?;
        let items: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let chunks = chunks(&items, |ids| ids.len(), (self.threads.count(), CHUNK_TOKENS));
        Ok(self.threads.map(&chunks, |chunk| self.chunk(chunk))?.into_iter().flatten().collect())
    }
}
