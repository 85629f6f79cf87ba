//! Audio: a log-mel, four convolutions, a Transformer, and class names beside its vector.

use candle_core::{Device, Tensor};
use sensorium_kernels::{Activation, l2_normalize};
use sensorium_types::Modality;

use super::{Normalise, finite, wrong_batch};
use crate::layers::{
    AudioStem, LayerNorm, Linear, NamedClasses, NamesConfig, Transformer, TransformerConfig, matrix, rows_of,
    unit_mix,
};
use crate::mel::{LogMel, LogMelSpec};
use crate::threads::Threads;
use crate::weights::Weights;
use crate::{AudioTokens, Batch, EmbedError, Embedding, Encoder, Grid};

/// What all weights of the encoder's file begin with.
const PREFIX: &str = "audio";
/// Frames and mel bands behind one token.
const SHRINK: usize = 16;

/// Sizes of the encoder.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub(crate) struct AudioConfig {
    pub(crate) d: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) ffn: usize,
    pub(crate) norm_eps: f32,
    pub(crate) class_scale: f32,
    pub(crate) classes: usize,
    pub(crate) gate_hidden: usize,
}

/// Audio to unit vectors.
///
/// ```text
/// samples -> log-mel (T, 64) -> four convolutions -> tokens (T / 16 * 4, d) + positions, cls -> Transformer -> norm of cls
///   -> projection -> net;  -> class projection -> softmax -> mix of the names' vectors -> named
/// result = (1 - g) net + g named, g from the probabilities and the cls token
/// ```
///
/// # Source
/// a patch Transformer over a spectrogram as in arXiv:2104.01778, with a convolutional stem as in arXiv:2106.14881
#[derive(Debug)]
pub(crate) struct AudioEncoder {
    mel: LogMel,
    normalise: Normalise,
    dim: usize,
    d: usize,
    stem: AudioStem,
    frequency_positions: Vec<f32>,
    time_positions: Vec<f32>,
    cls: Tensor,
    transformer: Transformer,
    out_norm: LayerNorm,
    out_proj: Linear,
    class_proj: Linear,
    named: NamedClasses,
    threads: Threads,
}

impl AudioEncoder {
    /// Takes every weight of the file.
    pub(crate) fn load(
        mut own: Weights,
        config: &AudioConfig,
        (mel, normalise, dim): (LogMel, Normalise, usize),
        threads: Threads,
    ) -> Result<Self, EmbedError> {
        let AudioConfig { d, heads, layers, ffn, norm_eps, class_scale, classes, gate_hidden } = *config;
        let plain = Activation::Identity;
        let name = |part: &str| format!("{PREFIX}.{part}");
        let bands = mel.spec().mels / SHRINK;
        let moments = mel.spec().max_frames / SHRINK;
        let transformer = TransformerConfig { d, heads, layers, ffn, norm_eps };
        let names = NamesConfig { classes, features: d, dim, gate_hidden, class_scale };
        let encoder = Self {
            mel,
            normalise,
            dim,
            d,
            stem: AudioStem::load(&mut own, PREFIX, d)?,
            frequency_positions: own.floats(&name("freq_pos"), &[bands, d])?,
            time_positions: own.floats(&name("time_pos"), &[moments, d])?,
            cls: Tensor::from_vec(own.floats(&name("cls"), &[d])?, (1, d), &Device::Cpu)?,
            transformer: Transformer::load(&mut own, &name("layers"), &transformer)?,
            out_norm: LayerNorm::load(&mut own, &name("out_norm"), d, norm_eps)?,
            out_proj: Linear::load(&mut own, &name("out_proj"), (dim, d), plain)?,
            class_proj: Linear::load(&mut own, &name("class_proj"), (classes, d), plain)?,
            named: NamedClasses::load(&mut own, PREFIX, &names)?,
            threads,
        };
        own.finish()?;
        Ok(encoder)
    }

    /// Tokens of the longest audio clip, without cls.
    pub(crate) const fn most_tokens(spec: &LogMelSpec) -> usize {
        (spec.max_frames / SHRINK).saturating_mul(spec.mels / SHRINK)
    }

    /// What the last layer leaves: cls, then the tokens, (1 + T / 16 * 4, d).
    fn heard(&self, samples: &[f32]) -> Result<Tensor, EmbedError> {
        let mut mel = self.mel.compute(samples)?;
        for value in &mut mel {
            *value = (*value - self.normalise.mean) / self.normalise.scale;
        }
        let mut tokens = self.stem.forward(mel, self.mel.spec().mels);
        let moment = self.frequency_positions.len();
        for (tokens, time) in tokens.chunks_exact_mut(moment).zip(self.time_positions.chunks_exact(self.d)) {
            for (value, position) in tokens.iter_mut().zip(&self.frequency_positions) {
                *value += position;
            }
            for token in tokens.chunks_exact_mut(self.d) {
                for (value, position) in token.iter_mut().zip(time) {
                    *value += position;
                }
            }
        }
        let count = tokens.len() / self.d;
        let tokens = Tensor::cat(&[&self.cls, &matrix(tokens, count, self.d)?], 0)?;
        Ok(self.transformer.forward(tokens, &[count + 1])?)
    }

    fn one(&self, samples: &[f32]) -> Result<Embedding, EmbedError> {
        let features = self.out_norm.apply(&rows_of(&self.heard(samples)?.narrow(0, 0, 1)?)?);
        let mut net = self.out_proj.apply(&features);
        l2_normalize(&mut net);
        let (named, share) = self.named.forward(self.class_proj.apply(&features), &features);
        finite(Modality::Audio, unit_mix(&net, &named, share))
    }
}

impl Encoder for AudioEncoder {
    fn modality(&self) -> Modality {
        Modality::Audio
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn audio_tokens(&self) -> Option<&dyn AudioTokens> {
        Some(self)
    }

    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError> {
        let Batch::Audios(audios) = batch else { return Err(wrong_batch(self.modality(), &batch)) };
        self.threads.map(audios, |samples| self.one(samples))
    }
}

impl AudioTokens for AudioEncoder {
    fn tokens(&self, audios: &[&[f32]]) -> Result<Vec<Grid>, EmbedError> {
        self.threads.map(audios, |samples| {
            let mut features = rows_of(&self.heard(samples)?)?;
            features.drain(..self.d);
            Ok(Grid { width: self.d, features })
        })
    }
}
