//! Films: the mean of their frames.

use std::sync::Arc;

use sensorium_kernels::l2_normalize;
use sensorium_types::Modality;

use super::{finite, wrong_batch};
use crate::{Batch, EmbedError, Embedding, Picture, Tower};

/// The mean of the unit vectors of a part's frames, normalized.
///
/// # Source
/// arXiv:2102.12443: the mean of frame vectors is a strong start for text to video
#[derive(Debug)]
pub(crate) struct VideoTower {
    frames: Arc<dyn Tower>,
}

impl VideoTower {
    /// A tower over the tower of single pictures.
    pub(crate) fn new(frames: Arc<dyn Tower>) -> Self {
        Self { frames }
    }
}

impl Tower for VideoTower {
    fn modality(&self) -> Modality {
        Modality::Video
    }

    fn dim(&self) -> usize {
        self.frames.dim()
    }

    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError> {
        let Batch::Films(films) = batch else { return Err(wrong_batch(self.modality(), &batch)) };
        let pictures: Vec<&Picture> = films.iter().flat_map(|film| film.iter()).collect();
        let mut vectors = self.frames.embed(Batch::Pictures(&pictures))?.into_iter();
        films
            .iter()
            .map(|film| {
                let mut sum = vec![0.0; self.dim()];
                for vector in vectors.by_ref().take(film.len()) {
                    for (sum, value) in sum.iter_mut().zip(vector) {
                        *sum += value;
                    }
                }
                l2_normalize(&mut sum);
                finite(Modality::Video, sum)
            })
            .collect()
    }
}
