//! The text tower.

use std::sync::Arc;

use sensorium_onnx::{Input, Values};
use sensorium_types::Modality;

use super::super::wrong_batch;
use super::config::OnnxTextConfig;
use super::model::{Model, OnnxFile};
use super::ports::TextPorts;
use crate::tokenizer::{Filled, Tokenizer};
use crate::{Batch, EmbedError, Embedding, Encoder, stop};

/// Texts to unit vectors.
#[derive(Debug)]
pub(crate) struct OnnxTextEncoder {
    model: Model,
    ports: TextPorts,
    dim: usize,
    tokenizer: Arc<Tokenizer>,
}

impl OnnxTextEncoder {
    /// Loads a file onto so many threads. The tokenizer fills texts up to the length of the configuration.
    pub(crate) fn load(
        file: &OnnxFile,
        config: &OnnxTextConfig,
        (tokenizer, dim): (Arc<Tokenizer>, usize),
        threads: usize,
    ) -> Result<Self, EmbedError> {
        let fills = tokenizer.fills();
        let (model, ports) =
            Model::load(file, threads, |offered| TextPorts::of(offered, config, dim)?.filled_by(fills))?;
        Ok(Self { model, ports, dim, tokenizer })
    }

    fn vector(&self, text: &str) -> Result<Embedding, EmbedError> {
        stop::check()?;
        let Filled { ids, own } = self.tokenizer.filled(text)?;
        let dims = [1, ids.len()];
        let mask: Vec<u32> = (0..ids.len()).map(|place| u32::from(own.contains(&place))).collect();
        let mut inputs = vec![Input { port: &self.ports.ids, dims: &dims, values: Values::Ids(&ids) }];
        if let Some(port) = &self.ports.mask {
            inputs.push(Input { port, dims: &dims, values: Values::Ids(&mask) });
        }
        self.model.vector(&inputs, (&self.ports.vector, self.dim), Modality::Text)
    }
}

impl Encoder for OnnxTextEncoder {
    fn modality(&self) -> Modality {
        Modality::Text
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError> {
        let Batch::Texts(texts) = batch else { return Err(wrong_batch(self.modality(), &batch)) };
        texts.iter().map(|text| self.vector(text)).collect()
    }
}
