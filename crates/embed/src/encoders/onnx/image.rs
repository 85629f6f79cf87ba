//! The image tower.

use sensorium_onnx::{Input, Values};
use sensorium_types::Modality;

use super::super::{Levels, wrong_batch};
use super::config::OnnxImageConfig;
use super::model::{Model, OnnxFile};
use super::ports::{CHANNELS, ImagePorts};
use crate::{Batch, EmbedError, Embedding, Encoder, Image, stop};

/// Images to unit vectors.
#[derive(Debug)]
pub(crate) struct OnnxImageEncoder {
    model: Model,
    ports: ImagePorts,
    size: usize,
    dim: usize,
    levels: Levels,
}

impl OnnxImageEncoder {
    /// Loads a file onto so many threads.
    pub(crate) fn load(
        file: &OnnxFile,
        config: &OnnxImageConfig,
        (levels, dim): (Levels, usize),
        threads: usize,
    ) -> Result<Self, EmbedError> {
        let (model, ports) = Model::load(file, threads, |offered| ImagePorts::of(offered, config, dim))?;
        Ok(Self { model, ports, size: config.size, dim, levels })
    }

    fn vector(&self, image: &Image) -> Result<Embedding, EmbedError> {
        stop::check()?;
        let channel = |channel: usize| {
            let levels = image.pixels.iter().skip(channel).step_by(CHANNELS);
            levels.map(move |level| self.levels.of(channel, *level))
        };
        let pixels: Vec<f32> = (0..CHANNELS).flat_map(channel).collect();
        let dims = [1, CHANNELS, self.size, self.size];
        let input = Input { port: &self.ports.pixels, dims: &dims, values: Values::Floats(&pixels) };
        self.model.vector(&[input], (&self.ports.vector, self.dim), Modality::Image)
    }
}

impl Encoder for OnnxImageEncoder {
    fn modality(&self) -> Modality {
        Modality::Image
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError> {
        let Batch::Images(images) = batch else { return Err(wrong_batch(self.modality(), &batch)) };
        images.iter().map(|image| self.vector(image)).collect()
    }
}
