//! The text tower.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use candle_nn::Module;
use sensorium_kernels::Activation;
use sensorium_types::Modality;

use super::super::chunks::chunks;
use super::super::{unit_rows, wrong_batch};
use super::config::RobertaConfig;
use super::projection::{Projection, no_part_of_text};
use crate::layers::{Bits, LayerNorm, Linear, PostNormTransformer, matrix, rows_of};
use crate::threads::Threads;
use crate::tokenizer::Tokenizer;
use crate::weights::{RowTable, Weights};
use crate::{Batch, EmbedError, Embedding, Encoder};

/// Tokens that go through the blocks together.
const CHUNK_TOKENS: usize = 512;
pub(super) const PREFIX: &str = "text_model";
pub(super) const PROJECTION: &str = "text_projection";

/// Texts to unit vectors: RoBERTa, a layer with tanh over its first token, and the projection. Nothing is padded.
///
/// # Source
/// arXiv:1907.11692; transformers `models/clap/modeling_clap.py`, `ClapTextModelWithProjection`
#[derive(Debug)]
pub(crate) struct RobertaEncoder {
    config: RobertaConfig,
    dim: usize,
    tokenizer: Arc<Tokenizer>,
    words: RowTable,
    /// Position embeddings with the embedding of token type 0 added.
    positions: Vec<f32>,
    norm: LayerNorm,
    blocks: PostNormTransformer,
    pooler: Linear,
    projection: Projection,
    threads: Threads,
}

impl RobertaEncoder {
    /// Takes every weight of the tower.
    pub(crate) fn load(
        mut weights: Weights,
        config: &RobertaConfig,
        (tokenizer, dim): (Arc<Tokenizer>, usize),
        threads: Threads,
    ) -> Result<Self, EmbedError> {
        weights.ignore(no_part_of_text);
        let own = &mut weights;
        let name = |part: &str| format!("{PREFIX}.{part}");
        let RobertaConfig { vocabulary, positions, d, norm_eps, activation, projection, .. } = *config;
        let places = own.floats(&name("embeddings.position_embeddings.weight"), &[positions, d])?;
        let types = name("embeddings.token_type_embeddings.weight");
        let count = own.shape(&types)?.first().copied().unwrap_or_default();
        let types = own.floats(&types, &[count, d])?;
        let typed = |row: &[f32]| row.iter().zip(&types).map(|(place, of_type)| place + of_type).collect();
        let encoder = Self {
            config: *config,
            dim,
            tokenizer,
            words: own.rows(&name("embeddings.word_embeddings.weight"), [vocabulary, d])?,
            positions: places.chunks_exact(d).flat_map::<Vec<f32>, _>(typed).collect(),
            norm: LayerNorm::load(own, &name("embeddings.LayerNorm"), d, norm_eps)?,
            blocks: PostNormTransformer::load(
                own,
                &name("encoder.layer"),
                &config.blocks(),
                (activation.into(), Bits::Kept),
            )?,
            pooler: Linear::load_kept(own, &name("pooler.dense"), (d, d), Activation::Identity)?,
            projection: Projection::load(own, PROJECTION, (dim, d), projection)?,
            threads,
        };
        weights.finish()?;
        check_begin(config, &encoder.tokenizer)?;
        Ok(encoder)
    }

    /// Adds up what stands for a text's tokens. Tokens that pad have the place of padding, and count as no place for those behind.
    fn embed_ids(&self, ids: &[u32], rows: &mut [f32]) -> Result<(), EmbedError> {
        let RobertaConfig { d, pad, .. } = self.config;
        let mut place = pad as usize;
        for (row, id) in rows.chunks_exact_mut(d).zip(ids) {
            let own = if *id == pad {
                pad as usize
            } else {
                place += 1;
                place
            };
            self.words.read(*id as usize, row)?;
            let Some(position) = self.positions.get(own * d..(own + 1) * d) else {
                let source = format!("position {own} is past the longest text").into();
                return Err(EmbedError::Compute { source });
            };
            for (to, value) in row.iter_mut().zip(position) {
                *to += value;
            }
        }
        Ok(())
    }

    fn chunk(&self, items: &[Vec<u32>], seen: &mut dyn FnMut(&Tensor)) -> Result<Vec<Embedding>, EmbedError> {
        let d = self.config.d;
        let lengths: Vec<usize> = items.iter().map(Vec::len).collect();
        let total: usize = lengths.iter().sum();
        let mut rows = vec![0.0; total * d];
        let (mut rest, mut first, mut firsts) = (rows.as_mut_slice(), 0, Vec::with_capacity(items.len()));
        for ids in items {
            let (own, behind) = rest.split_at_mut(ids.len() * d);
            self.embed_ids(ids, own)?;
            firsts.extend(u32::try_from(first));
            (rest, first) = (behind, first + ids.len());
        }
        let x = self.norm.forward(&matrix(rows, total, d)?)?;
        seen(&x);
        let x = self.blocks.forward_seen(x, &lengths, seen)?;
        let firsts = rows_of(&x.index_select(&Tensor::new(firsts, &Device::Cpu)?, 0)?)?;
        let pooled: Vec<f32> = self.pooler.apply(&firsts).into_iter().map(f32::tanh).collect();
        unit_rows(Modality::Text, &self.projection.apply(&pooled), self.dim)
    }

    /// What leaves the embedding and each block for these tokens, and their vector: for tests.
    #[cfg(test)]
    pub(crate) fn seen(&self, ids: Vec<u32>) -> (Vec<Vec<f32>>, Embedding) {
        let mut states = Vec::new();
        let vector = self.chunk(&[ids], &mut |state| states.push(rows_of(state).unwrap())).unwrap();
        (states, vector.into_iter().next().unwrap())
    }
}

/// That the tokenizer begins texts as the model wants it: else every text's vector would be made of a word.
pub(crate) fn check_begin(config: &RobertaConfig, tokenizer: &Tokenizer) -> Result<(), EmbedError> {
    let begin = config.begin;
    if tokenizer.ids("")?.first() == Some(&begin) {
        return Ok(());
    }
    let what = format!("the tokenizer does not begin a text with the token {begin}, as the model wants it");
    Err(EmbedError::ManifestFact { what })
}

impl Encoder for RobertaEncoder {
    fn modality(&self) -> Modality {
        Modality::Text
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError> {
        let Batch::Texts(texts) = batch else { return Err(wrong_batch(self.modality(), &batch)) };
        let items = self.threads.map(texts, |text| self.tokenizer.ids(text))?;
        let chunks = chunks(&items, Vec::len, (self.threads.count(), CHUNK_TOKENS));
        let made = self.threads.map(&chunks, |chunk| self.chunk(chunk, &mut |_| ()))?;
        Ok(made.into_iter().flatten().collect())
    }
}
