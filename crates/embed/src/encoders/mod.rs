//! One file an encoder. Each takes its weights by the names of its file and refuses what is left over.

mod audio;
mod image;
mod text;
mod video;

pub(crate) use audio::{AudioConfig, AudioEncoder};
pub(crate) use image::{ImageConfig, ImageEncoder};
pub(crate) use text::{SmallTextConfig, TextConfig, TextEncoder, TokenEncoder};
pub(crate) use video::VideoEncoder;

use sensorium_types::Modality;

use crate::{Batch, EmbedError, Embedding};

/// `(value - mean) / scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Normalise {
    pub(crate) mean: f32,
    pub(crate) scale: f32,
}

/// The error of an encoder that was given a batch of another kind.
fn wrong_batch(encoder: Modality, batch: &Batch<'_>) -> EmbedError {
    EmbedError::WrongBatch { encoder, batch: batch.name() }
}

/// Lets a vector out only if it is of numbers.
fn finite(modality: Modality, vector: Embedding) -> Result<Embedding, EmbedError> {
    if vector.iter().all(|value| value.is_finite()) {
        Ok(vector)
    } else {
        Err(EmbedError::NotFinite { modality })
    }
}
