//! A small text encoder: pieces of words through our own Transformer.

use candle_core::{Result, Tensor};
use sensorium_kernels::dequantize_row;

use super::{Transformer, TransformerConfig, matrix};
use crate::EmbedError;
use crate::weights::Weights;

/// Word and position embeddings, pre-norm blocks. Pieces past the last position share it.
///
/// # Shapes
/// ids of each item -> (total, d)
///
/// # Source
/// `training/encoder_languages.py`; word embeddings are int8 rows with a scale each
#[derive(Debug)]
pub(crate) struct SmallTextEncoder {
    d: usize,
    words: Vec<i8>,
    word_scales: Vec<f32>,
    positions: Vec<f32>,
    transformer: Transformer,
}

impl SmallTextEncoder {
    /// Takes `PREFIX.words.weight`, `PREFIX.words.scale`, `PREFIX.pos` and `PREFIX.layers.*`.
    pub(crate) fn load(
        weights: &mut Weights,
        prefix: &str,
        config: &TransformerConfig,
    ) -> std::result::Result<Self, EmbedError> {
        let d = config.d;
        let name = |part: &str| format!("{prefix}.{part}");
        let rows = |shape: Vec<usize>| shape.first().copied().unwrap_or_default();
        let vocabulary = rows(weights.shape(&name("words.weight"))?);
        let positions = rows(weights.shape(&name("pos"))?);
        Ok(Self {
            d,
            words: weights.bytes(&name("words.weight"), &[vocabulary, d])?,
            word_scales: weights.floats(&name("words.scale"), &[vocabulary])?,
            positions: weights.floats(&name("pos"), &[positions, d])?,
            transformer: Transformer::load(weights, &name("layers"), config)?,
        })
    }

    pub(crate) fn forward(&self, items: &[&[u32]]) -> Result<Tensor> {
        let lengths: Vec<usize> = items.iter().map(|ids| ids.len()).collect();
        let total: usize = lengths.iter().sum();
        let mut rows = vec![0.0; total * self.d];
        let ids = items.iter().flat_map(|ids| ids.iter().enumerate());
        for (row, (position, id)) in rows.chunks_exact_mut(self.d).zip(ids) {
            self.embed(*id, position, row)?;
        }
        self.transformer.forward(matrix(rows, total, self.d)?, &lengths)
    }

    fn embed(&self, id: u32, position: usize, row: &mut [f32]) -> Result<()> {
        let at = id as usize * self.d;
        let (Some(codes), Some(scale)) = (self.words.get(at..at + self.d), self.word_scales.get(id as usize))
        else {
            candle_core::bail!("piece {id} is not in the vocabulary");
        };
        dequantize_row(codes, *scale, row);
        let last = (self.positions.len() / self.d.max(1)).saturating_sub(1);
        let place = self.positions.chunks_exact(self.d).nth(position.min(last)).unwrap_or_default();
        for (to, value) in row.iter_mut().zip(place) {
            *to += value;
        }
        Ok(())
    }
}
