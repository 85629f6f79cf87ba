//! One file an encoder. Each takes its weights by the names of its file and refuses what is left over.

mod act;
mod audio;
mod chunks;
mod clap;
mod image;
mod onnx;
mod text;
mod video;
mod vit_text;

pub(crate) use act::Act;
pub(crate) use audio::{AudioConfig, AudioEncoder};
pub(crate) use clap::{
    HtsatConfig, HtsatEncoder, RobertaConfig, RobertaEncoder, check_begin, expect_htsat, expect_roberta,
};
pub(crate) use image::{ImageConfig, ImageEncoder};
pub(crate) use onnx::{
    ImagePorts, Offered, OnnxFile, OnnxImageConfig, OnnxImageEncoder, OnnxTextConfig, OnnxTextEncoder,
    TextPorts, graph_of, of_file,
};
pub(crate) use text::{SmallTextConfig, TextConfig, TextEncoder, TokenEncoder};
pub(crate) use video::VideoEncoder;
pub(crate) use vit_text::{
    ImagePool, TextPool, VitImageConfig, VitImageEncoder, VitTextConfig, VitTextEncoder, check_end,
    expect_image, expect_text,
};

use sensorium_kernels::l2_normalize;
use sensorium_types::Modality;

use crate::{Batch, EmbedError, Embedding};

/// `(value - mean) / scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Normalise {
    pub(crate) mean: f32,
    pub(crate) scale: f32,
}

/// What each of the 256 values of a byte counts, colour by colour.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Levels(Vec<f32>);

impl Levels {
    /// `(value * rescale - mean) / scale` of each colour, in f64 before it is rounded once.
    #[expect(clippy::cast_possible_truncation, reason = "rounded to the nearest")]
    pub(crate) fn new(rescale: f64, mean: [f32; 3], scale: [f32; 3]) -> Self {
        let colour = |(mean, scale): (f32, f32)| {
            (0..=u8::MAX)
                .map(move |level| ((f64::from(level) * rescale - f64::from(mean)) / f64::from(scale)) as f32)
        };
        Self(mean.into_iter().zip(scale).flat_map(colour).collect())
    }

    /// The number of a byte of a colour.
    pub(crate) fn of(&self, channel: usize, level: u8) -> f32 {
        self.0.get(channel * 256 + usize::from(level)).copied().unwrap_or_default()
    }
}

/// The error of an encoder that was given a batch of another kind.
fn wrong_batch(encoder: Modality, batch: &Batch<'_>) -> EmbedError {
    EmbedError::WrongBatch { encoder, batch: batch.name() }
}

/// Rows of this many numbers as vectors of length 1.
fn unit_rows(modality: Modality, rows: &[f32], dim: usize) -> Result<Vec<Embedding>, EmbedError> {
    let unit = |row: &[f32]| {
        let mut vector = row.to_vec();
        l2_normalize(&mut vector);
        finite(modality, vector)
    };
    rows.chunks_exact(dim).map(unit).collect()
}

/// Lets a vector out only if it is of numbers.
fn finite(modality: Modality, vector: Embedding) -> Result<Embedding, EmbedError> {
    if vector.iter().all(|value| value.is_finite()) {
        Ok(vector)
    } else {
        Err(EmbedError::NotFinite { modality })
    }
}
