//! The audio tower.

use sensorium_kernels::{Activation, l2_normalize, mean_of_rows};
use sensorium_types::Modality;

use super::super::{finite, wrong_batch};
use super::config::HtsatConfig;
use super::projection::{Projection, no_part_of_audio};
use super::square::{patches, stretched};
use super::stage::{PLAIN_EPS, Stage};
use crate::layers::{LayerNorm, Linear};
use crate::mel::PowerMel;
use crate::threads::Threads;
use crate::weights::Weights;
use crate::{Batch, EmbedError, Embedding, Encoder};

/// What the names of the tower's weights begin with.
pub(super) const PREFIX: &str = "audio_model.audio_encoder";
pub(super) const PROJECTION: &str = "audio_projection";

/// Audio clips to unit vectors. All clips are of one length: shorter ones are filled up, of longer ones the start is heard.
///
/// # Source
/// transformers `models/clap/modeling_clap.py`, `ClapAudioModelWithProjection` without fusion
#[derive(Debug)]
pub(crate) struct HtsatEncoder {
    config: HtsatConfig,
    dim: usize,
    mel: PowerMel,
    bands: BandNorm,
    patches: Linear,
    patch_norm: LayerNorm,
    stages: Vec<Stage>,
    norm: LayerNorm,
    projection: Projection,
    threads: Threads,
}

impl HtsatEncoder {
    /// Takes every weight of the tower. The spectrogram is one that the configuration takes.
    pub(crate) fn load(
        mut weights: Weights,
        config: HtsatConfig,
        (mel, dim): (PowerMel, usize),
        threads: Threads,
    ) -> Result<Self, EmbedError> {
        weights.ignore(no_part_of_audio);
        let own = &mut weights;
        let name = |part: &str| format!("{PREFIX}.{part}");
        let HtsatConfig { mels, patch, d, projection, .. } = config;
        let filters = own.floats(&name("patch_embed.proj.weight"), &[d, 1, patch, patch])?;
        let bias = own.floats(&name("patch_embed.proj.bias"), &[d])?;
        let last = config.depths.len().saturating_sub(1);
        let stages = config
            .stages()
            .enumerate()
            .map(|(stage, sizes)| {
                Stage::load(own, &name(&format!("layers.{stage}")), (&config, sizes), stage < last)
            })
            .collect::<Result<_, _>>()?;
        let features = config.features();
        let encoder = Self {
            dim,
            mel,
            bands: BandNorm::load(own, &name("batch_norm"), mels)?,
            patches: Linear::new(&filters, bias, patch * patch, Activation::Identity),
            patch_norm: LayerNorm::load(own, &name("patch_embed.norm"), d, PLAIN_EPS)?,
            stages,
            norm: LayerNorm::load(own, &name("norm"), features, PLAIN_EPS)?,
            projection: Projection::load(own, PROJECTION, (dim, features), projection)?,
            config,
            threads,
        };
        weights.finish()?;
        Ok(encoder)
    }

    fn one(&self, samples: &[f32], seen: &mut dyn FnMut(&[f32])) -> Result<Embedding, EmbedError> {
        let HtsatConfig { mels, side, patch, .. } = self.config;
        let mut frames = self.mel.compute(samples)?;
        self.bands.apply(&mut frames);
        let frames = stretched(&frames, mels, self.config.most_frames());
        let mut x = self.patch_norm.apply(&self.patches.apply(&patches(&frames, mels, (side, patch))));
        seen(&x);
        for stage in &self.stages {
            x = stage.forward(x, seen);
        }
        let mut mean = vec![0.0; self.config.features()];
        mean_of_rows(&self.norm.apply(&x), &mut mean);
        let mut vector = self.projection.apply(&mean);
        l2_normalize(&mut vector);
        finite(Modality::Audio, vector)
    }

    /// What leaves the patches, each block and each merge for one clip, and its vector: for tests.
    #[cfg(test)]
    pub(crate) fn seen(&self, samples: &[f32]) -> (Vec<Vec<f32>>, Embedding) {
        let mut states = Vec::new();
        let vector = self.one(samples, &mut |state| states.push(state.to_vec())).unwrap();
        (states, vector)
    }
}

impl Encoder for HtsatEncoder {
    fn modality(&self) -> Modality {
        Modality::Audio
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError> {
        let Batch::Audios(audios) = batch else { return Err(wrong_batch(self.modality(), &batch)) };
        self.threads.map(audios, |samples| self.one(samples, &mut |_| ()))
    }
}

/// The norm of each band, by what training saw.
#[derive(Debug)]
struct BandNorm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl BandNorm {
    /// Takes `NAME.weight`, `NAME.bias`, `NAME.running_mean` and `NAME.running_var`.
    fn load(weights: &mut Weights, name: &str, bands: usize) -> Result<Self, EmbedError> {
        let [scale, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"]
            .map(|part| weights.floats(&format!("{name}.{part}"), &[bands]));
        let scale: Vec<f32> = scale?
            .iter()
            .zip(variance?)
            .map(|(scale, variance)| scale / (variance + PLAIN_EPS).sqrt())
            .collect();
        let shift =
            bias?.iter().zip(mean?).zip(&scale).map(|((bias, mean), scale)| bias - mean * scale).collect();
        Ok(Self { scale, shift })
    }

    fn apply(&self, frames: &mut [f32]) {
        for frame in frames.chunks_exact_mut(self.scale.len()) {
            for (value, (scale, shift)) in frame.iter_mut().zip(self.scale.iter().zip(&self.shift)) {
                *value = *value * scale + shift;
            }
        }
    }
}
