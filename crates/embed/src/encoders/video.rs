//! Videos: the mean of their frames.

use std::sync::Arc;

use sensorium_kernels::l2_normalize;
use sensorium_types::Modality;

use super::{finite, wrong_batch};
use crate::{Batch, EmbedError, Embedding, Encoder, Image};

/// The mean of the unit vectors of a part's frames, normalized.
///
/// # Source
/// arXiv:2102.12443: the mean of frame vectors is a strong start for text to video
#[derive(Debug)]
pub(crate) struct VideoEncoder {
    frames: Arc<dyn Encoder>,
}

impl VideoEncoder {
    /// An encoder over the encoder of single images.
    pub(crate) fn new(frames: Arc<dyn Encoder>) -> Self {
        Self { frames }
    }
}

impl Encoder for VideoEncoder {
    fn modality(&self) -> Modality {
        Modality::Video
    }

    fn dim(&self) -> usize {
        self.frames.dim()
    }

    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError> {
        let Batch::Videos(videos) = batch else { return Err(wrong_batch(self.modality(), &batch)) };
        let images: Vec<&Image> = videos.iter().flat_map(|video| video.iter()).collect();
        let mut vectors = self.frames.embed(Batch::Images(&images))?.into_iter();
        videos
            .iter()
            .map(|video| {
                let mut sum = vec![0.0; self.dim()];
                for vector in vectors.by_ref().take(video.len()) {
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
