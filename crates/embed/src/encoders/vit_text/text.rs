//! The text tower.

use std::sync::Arc;

use sensorium_types::Modality;

use super::super::chunks::chunks;
use super::super::{unit_rows, wrong_batch};
use super::config::{TextPool, VitTextConfig};
use super::image::projection;
use super::names::{TextNames, no_part_of_text};
use crate::layers::{Bits, BlockForm, LayerNorm, Linear, Transformer};
use crate::threads::Threads;
use crate::tokenizer::Tokenizer;
use crate::weights::{RowTable, Weights};
use crate::{Batch, EmbedError, Embedding, Encoder};

/// Tokens that go through the blocks together.
const CHUNK_TOKENS: usize = 512;

/// Texts to unit vectors.
///
/// Nothing is padded that the model does not want so: a causal tower's vector is that of the first token that ends the
/// text, and depends on no token behind it.
#[derive(Debug)]
pub(crate) struct VitTextEncoder {
    config: VitTextConfig,
    dim: usize,
    tokenizer: Arc<Tokenizer>,
    tokens: RowTable,
    positions: Vec<f32>,
    blocks: Transformer,
    norm: LayerNorm,
    projection: Linear,
    threads: Threads,
}

/// A text's tokens, and of which its vector is made.
#[derive(Debug)]
struct Tokens {
    ids: Vec<u32>,
    at: usize,
}

/// Refuses a tokenizer that ends no text as the tower wants it: every text's vector would be made of the wrong token.
pub(crate) fn check_end(config: &VitTextConfig, tokenizer: &Tokenizer) -> Result<(), EmbedError> {
    let empty = tokenizer.ids("")?;
    match (config.pool, config.end) {
        (TextPool::End, Some(end)) if !empty.contains(&end) => {
            let what =
                format!("the tokenizer does not end a text with the token {end}, as the model wants it");
            Err(EmbedError::ManifestFact { what })
        }
        (TextPool::End | TextPool::Highest | TextPool::Last, _) => Ok(()),
    }
}

impl VitTextEncoder {
    /// Takes every weight of the tower.
    pub(crate) fn load(
        mut weights: Weights,
        config: &VitTextConfig,
        (tokenizer, dim): (Arc<Tokenizer>, usize),
        threads: Threads,
    ) -> Result<Self, EmbedError> {
        let VitTextConfig {
            vocabulary,
            positions,
            d,
            norm_eps,
            activation,
            causal,
            projection_bias,
            precision,
            ..
        } = *config;
        let names = TextNames::find(&weights)?;
        weights.ignore(no_part_of_text);
        let own = &mut weights;
        let bits = precision.of(Bits::Kept);
        let form = BlockForm { names: names.block, activation: activation.into(), causal, bits };
        let encoder = Self {
            config: *config,
            dim,
            tokenizer,
            tokens: own.rows(&names.tokens, [vocabulary, d])?,
            positions: own.floats(&names.positions, &[positions, d])?,
            blocks: Transformer::load_as(own, &names.blocks, &config.blocks(), form)?,
            norm: LayerNorm::load(own, &names.norm, d, norm_eps)?,
            projection: projection(own, &names.projection, (dim, d), projection_bias)?,
            threads,
        };
        weights.finish()?;
        check_end(config, &encoder.tokenizer)?;
        Ok(encoder)
    }

    fn tokens(&self, text: &str) -> Result<Tokens, EmbedError> {
        let mut ids = self.tokenizer.ids(text)?;
        ids.truncate(self.config.positions);
        Ok(self.tokens_of(ids))
    }

    fn tokens_of(&self, mut ids: Vec<u32>) -> Tokens {
        let last = ids.len().saturating_sub(1);
        let at = match self.config.pool {
            TextPool::End => ids.iter().position(|id| Some(*id) == self.config.end),
            TextPool::Highest => {
                let highest = ids.iter().max();
                ids.iter().position(|id| Some(id) == highest)
            }
            TextPool::Last => None,
        };
        let at = at.unwrap_or(last);
        if self.config.causal {
            ids.truncate(at + 1);
        }
        Tokens { ids, at }
    }

    fn chunk(&self, items: &[Tokens], seen: &mut dyn FnMut(&[f32])) -> Result<Vec<Embedding>, EmbedError> {
        let d = self.config.d;
        let lengths: Vec<usize> = items.iter().map(|item| item.ids.len()).collect();
        let total: usize = lengths.iter().sum();
        let mut rows = vec![0.0; total * d];
        let ids = items.iter().flat_map(|item| item.ids.iter().zip(self.positions.chunks_exact(d)));
        for (row, (id, position)) in rows.chunks_exact_mut(d).zip(ids) {
            self.tokens.read(*id as usize, row)?;
            for (to, value) in row.iter_mut().zip(position) {
                *to += value;
            }
        }
        seen(&rows);
        let x = self.blocks.apply(rows, &lengths, seen)?;
        let mut pooled = Vec::with_capacity(items.len() * d);
        let mut rest = x.as_slice();
        for item in items {
            let (own, after) = rest.split_at(item.ids.len() * d);
            pooled.extend(own.iter().skip(item.at * d).take(d));
            rest = after;
        }
        unit_rows(Modality::Text, &self.projection.apply(&self.norm.apply(&pooled)), self.dim)
    }

    /// What leaves the embedding and each block for these tokens, and their vector: for tests.
    #[cfg(test)]
    pub(crate) fn seen(&self, ids: Vec<u32>) -> (Vec<Vec<f32>>, Embedding) {
        let mut states = Vec::new();
        let tokens = [self.tokens_of(ids)];
        let vector = self.chunk(&tokens, &mut |state| states.push(state.to_vec())).unwrap();
        (states, vector.into_iter().next().unwrap())
    }
}

impl Encoder for VitTextEncoder {
    fn modality(&self) -> Modality {
        Modality::Text
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError> {
        let Batch::Texts(texts) = batch else { return Err(wrong_batch(self.modality(), &batch)) };
        let items = self.threads.map(texts, |text| self.tokens(text))?;
        let chunks = chunks(&items, |item| item.ids.len(), (self.threads.count(), CHUNK_TOKENS));
        let made = self.threads.map(&chunks, |chunk| self.chunk(chunk, &mut |_| ()))?;
        Ok(made.into_iter().flatten().collect())
    }
}
