//! The seam: what an encoder is, whatever library computes it.

use sensorium_types::Modality;

use crate::{EmbedError, Image};

/// A vector of L2 norm 1.
pub type Embedding = Vec<f32>;

/// Inputs of one kind.
#[derive(Debug, Clone, Copy)]
pub enum Batch<'a> {
    /// Queries and passages.
    Texts(&'a [&'a str]),
    /// Still images at the encoder's size.
    Images(&'a [&'a Image]),
    /// Videos, each by the frames of one part, at least one.
    Videos(&'a [&'a [Image]]),
    /// Audio, each with at least one sample, all finite.
    Audios(&'a [&'a [f32]]),
}

impl Batch<'_> {
    /// Inputs in the batch.
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Images(images) => images.len(),
            Self::Videos(videos) => videos.len(),
            Self::Audios(audios) => audios.len(),
        }
    }

    /// Whether there is no input.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the batch holds, for messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Texts(_) => "texts",
            Self::Images(_) => "images",
            Self::Videos(_) => "videos",
            Self::Audios(_) => "audio",
        }
    }
}

/// What an encoder sees or hears at each place of an image or an audio clip, for the caption decoder to look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Numbers of a place.
    pub(crate) width: usize,
    /// Place after place: row by row of an image, moment by moment of an audio clip.
    pub(crate) features: Vec<f32>,
}

impl Grid {
    /// Places of the image or the audio.
    pub fn places(&self) -> usize {
        self.features.len().checked_div(self.width).unwrap_or(0)
    }
}

/// The stem of an image encoder.
pub trait ImageStem {
    /// The grids of images at the encoder's size.
    ///
    /// # Errors
    /// Where a tensor operation failed.
    fn grids(&self, images: &[&Image]) -> Result<Vec<Grid>, EmbedError>;

    /// What [`Encoder::embed`] gives for the images of these grids.
    ///
    /// # Errors
    /// As [`Encoder::embed`].
    fn embed_grids(&self, grids: &[&Grid]) -> Result<Vec<Embedding>, EmbedError>;
}

/// The tokens of an audio encoder.
pub trait AudioTokens {
    /// What the encoder's last layer leaves of each audio clip, without the token that its vector is made of: for every
    /// sixteen frames of its log-mel, one token a band.
    ///
    /// # Errors
    /// Where a tensor operation failed.
    fn tokens(&self, audios: &[&[f32]]) -> Result<Vec<Grid>, EmbedError>;
}

/// Maps inputs of one modality into a space.
///
/// A vector depends on its own input only: not on the other inputs of a batch, their order or their number. An encoder
/// may be called from many threads; it uses the threads of its bundle.
pub trait Encoder: Send + Sync + std::fmt::Debug {
    /// What the encoder takes.
    fn modality(&self) -> Modality;

    /// Length of its vectors.
    fn dim(&self) -> usize;

    /// The encoder's stem, where others may build upon it.
    fn stem(&self) -> Option<&dyn ImageStem> {
        None
    }

    /// The encoder's tokens, where others may build upon them.
    fn audio_tokens(&self) -> Option<&dyn AudioTokens> {
        None
    }

    /// Encodes a batch.
    ///
    /// # Shapes
    /// n inputs -> n vectors of [`Encoder::dim`] numbers, each of L2 norm 1, in the order of the inputs
    ///
    /// # Errors
    /// [`EmbedError::WrongBatch`] for a batch of another kind, [`EmbedError::NotFinite`] where the numbers broke down.
    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError>;
}
