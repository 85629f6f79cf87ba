//! The seam: what a tower is, whatever library computes it.

use sensorium_types::Modality;

use crate::{EmbedError, Picture};

/// A vector of L2 norm 1.
pub type Embedding = Vec<f32>;

/// Inputs of one kind.
#[derive(Debug, Clone, Copy)]
pub enum Batch<'a> {
    /// Queries and passages.
    Texts(&'a [&'a str]),
    /// Still pictures at the tower's size.
    Pictures(&'a [&'a Picture]),
    /// Films, each by the frames of one part, at least one.
    Films(&'a [&'a [Picture]]),
    /// Sounds, each with at least one sample, all finite.
    Sounds(&'a [&'a [f32]]),
}

impl Batch<'_> {
    /// Inputs in the batch.
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Pictures(pictures) => pictures.len(),
            Self::Films(films) => films.len(),
            Self::Sounds(sounds) => sounds.len(),
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
            Self::Pictures(_) => "pictures",
            Self::Films(_) => "films",
            Self::Sounds(_) => "sounds",
        }
    }
}

/// What a tower sees or hears at each place of a picture or a sound, for the caption decoder to look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Numbers of a place.
    pub(crate) width: usize,
    /// Place after place: row by row of a picture, moment by moment of a sound.
    pub(crate) features: Vec<f32>,
}

impl Grid {
    /// Places of the picture or the sound.
    pub fn places(&self) -> usize {
        self.features.len().checked_div(self.width).unwrap_or(0)
    }
}

/// The stem of a tower of pictures.
pub trait PictureStem {
    /// The grids of pictures at the tower's size.
    ///
    /// # Errors
    /// Where a tensor operation failed.
    fn grids(&self, pictures: &[&Picture]) -> Result<Vec<Grid>, EmbedError>;

    /// What [`Tower::embed`] gives for the pictures of these grids.
    ///
    /// # Errors
    /// As [`Tower::embed`].
    fn embed_grids(&self, grids: &[&Grid]) -> Result<Vec<Embedding>, EmbedError>;
}

/// The tokens of a tower of sounds.
pub trait SoundTokens {
    /// What the tower's last layer leaves of each sound, without the token that its vector is made of: for every sixteen
    /// frames of its log-mel, one token a band.
    ///
    /// # Errors
    /// Where a tensor operation failed.
    fn tokens(&self, sounds: &[&[f32]]) -> Result<Vec<Grid>, EmbedError>;
}

/// Maps inputs of one modality into a space.
///
/// A vector depends on its own input only: not on the other inputs of a batch, their order or their number. A tower may be
/// called from many threads; it uses the threads of its bundle.
pub trait Tower: Send + Sync + std::fmt::Debug {
    /// What the tower takes.
    fn modality(&self) -> Modality;

    /// Length of its vectors.
    fn dim(&self) -> usize;

    /// The tower's stem, where others may build upon it.
    fn stem(&self) -> Option<&dyn PictureStem> {
        None
    }

    /// The tower's tokens, where others may build upon them.
    fn sound_tokens(&self) -> Option<&dyn SoundTokens> {
        None
    }

    /// Encodes a batch.
    ///
    /// # Shapes
    /// n inputs -> n vectors of [`Tower::dim`] numbers, each of L2 norm 1, in the order of the inputs
    ///
    /// # Errors
    /// [`EmbedError::WrongBatch`] for a batch of another kind, [`EmbedError::NotFinite`] where the numbers broke down.
    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError>;
}
