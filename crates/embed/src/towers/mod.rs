//! One file a tower. Each takes its weights by the names of its file and refuses what is left over.

mod audio;
mod image;
mod text;
mod video;

pub(crate) use audio::{AudioConfig, AudioTower};
pub(crate) use image::{ImageConfig, ImageTower};
pub(crate) use text::{SmallTextConfig, TextConfig, TextEncoder, TextTower};
pub(crate) use video::VideoTower;

use sensorium_types::Modality;

use crate::{Batch, EmbedError, Embedding};

/// `(value - mean) / scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Normalise {
    pub(crate) mean: f32,
    pub(crate) scale: f32,
}

/// The error of a tower that was given a batch of another kind.
fn wrong_batch(tower: Modality, batch: &Batch<'_>) -> EmbedError {
    EmbedError::WrongBatch { tower, batch: batch.name() }
}

/// Lets a vector out only if it is of numbers.
fn finite(modality: Modality, vector: Embedding) -> Result<Embedding, EmbedError> {
    if vector.iter().all(|value| value.is_finite()) {
        Ok(vector)
    } else {
        Err(EmbedError::NotFinite { modality })
    }
}
