//! What the engine asks of decoders and encoders.
//!
//! The real ones stand in [`workers`] and [`encoders`]; tests put small fakes in their place.

mod encoders;
mod spec;
mod workers;

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::Arc;

use sensorium_embed::{DecoderOptions, EmbedError, Image, Input, Priority, TextScores};
use sensorium_media::{Cancel, Head, MediaInput, Part};
use sensorium_types::{
    CalibrationTable, Caption, Content, EncoderFigures, FailureReason, HubBank, Language, Modality,
    SpaceInfo, WorkerFigures,
};

use crate::EngineError;

pub(crate) use encoders::Encoders;
pub use spec::encoder_spec;
pub(crate) use workers::Workers;
pub use workers::decoding_workers;

/// Who takes parts as they come; an error stops the file.
pub type OnPart<'a> = &'a mut dyn FnMut(Part) -> Result<(), FailureReason>;

/// Bytes to parts, under limits.
pub trait Decode: Send + Sync + Debug {
    /// Decodes one file and gives its parts as they come, in order of track and ordinal; what the file is becomes known
    /// at its end. Called from many threads at once; blocks. A slow taker slows the decoder, which holds no more than a
    /// few parts; queries do not wait for the takers of bulk work. If the file fails, parts that were given are void; if
    /// its head has a warning, they stand, though some are missing or doubtful. A query has no use for a part of a file:
    /// for it, one that ran out of time fails.
    ///
    /// # Errors
    /// Outer: decoding as such does not work, which stops the run. Inner: this file failed, or the taker stopped it.
    fn decode_each(
        &self,
        input: MediaInput,
        priority: Priority,
        cancel: &Cancel,
        on_part: OnPart<'_>,
    ) -> Result<Result<Head, FailureReason>, EngineError>;

    /// As [`Decode::decode_each`] for a query, but only what is heard.
    ///
    /// # Errors
    /// As [`Decode::decode_each`].
    fn hear(
        &self,
        input: MediaInput,
        cancel: &Cancel,
        on_part: OnPart<'_>,
    ) -> Result<Result<Head, FailureReason>, EngineError> {
        self.decode_each(input, Priority::Query, cancel, on_part)
    }

    /// As [`Decode::decode_each`] for a query, but an image that is to be looked at: its part's thumbnail is a JPEG whose longest side is
    /// at most `side` pixels.
    ///
    /// # Errors
    /// As [`Decode::decode_each`]; inner also if it is no image.
    fn show(
        &self,
        input: MediaInput,
        side: u32,
        cancel: &Cancel,
        on_part: OnPart<'_>,
    ) -> Result<Result<Head, FailureReason>, EngineError> {
        let _ = side;
        self.decode_each(input, Priority::Query, cancel, on_part)
    }

    /// Largest file that is read, in bytes.
    fn max_bytes(&self) -> u64;

    /// What workers there are, by whom they serve; those that were never used are left out.
    fn figures(&self) -> Vec<(&'static str, WorkerFigures)> {
        Vec::new()
    }
}

/// Parts to vectors, and to words.
pub trait Encode: Send + Sync + Debug {
    /// The space of the vectors.
    fn space(&self) -> SpaceInfo;

    /// What turns cosines into scores.
    fn calibration(&self) -> CalibrationTable;

    /// What turns corrected cosines into scores.
    fn corrected_calibration(&self) -> CalibrationTable {
        self.calibration()
    }

    /// What makes the hub values of points; `None` where nothing is corrected.
    fn hubs(&self) -> Option<Arc<dyn HubBank>> {
        None
    }

    /// The language in which [`Input::Text`] is read.
    ///
    /// # Errors
    /// If what tells languages apart cannot be loaded.
    fn language(&self, text: &str) -> Result<Language, EngineError> {
        let _ = text;
        Ok(Language::English)
    }

    /// The sentences in which an English text that is a name alone is asked of images besides; none for any other text.
    fn sentences(&self, text: &str) -> Vec<String> {
        let _ = text;
        Vec::new()
    }

    /// What a vector of one content asks of another that no space joins to it; `None` where a space joins them, or nothing does. Blocks.
    ///
    /// # Errors
    /// If what joins them cannot be loaded.
    fn bridged(
        &self,
        (from, vector): (Content, &[f32]),
        to: Content,
    ) -> Result<Option<Vec<f32>>, EngineError> {
        let _ = (from, vector, to);
        Ok(None)
    }

    /// Queues inputs. Blocks while the queue is full for bulk work.
    ///
    /// # Errors
    /// If the queue is full for a query, or the encoders cannot be loaded.
    fn submit(&self, inputs: Vec<Input>, priority: Priority) -> Result<Box<dyn Pending>, EngineError>;

    /// What the queue of the encoders counted; `None` where there is none, or it was never used.
    fn figures(&self) -> Option<EncoderFigures> {
        None
    }

    /// The bundle that makes captions, as the space's revision names it; `None` if it makes none.
    fn caption_revision(&self) -> Option<String> {
        None
    }

    /// What is put into words: [`Modality::Image`] for images and videos, [`Modality::Audio`] for audio.
    fn captioned(&self) -> Vec<Modality> {
        Vec::new()
    }

    /// Makes ready for captions. Blocks.
    ///
    /// # Errors
    /// If there is nothing that puts images or sounds into words, or it cannot be loaded.
    fn check_captions(&self) -> Result<(), EngineError> {
        Err(EmbedError::NoCaptioner { modality: Modality::Image }.into())
    }

    /// Puts what is seen or heard into words and tells each piece as it stands; an empty piece only asks whether to go on, also while
    /// others are served. Blocks. What is bulk holds nothing that a query waits for.
    ///
    /// # Errors
    /// If nothing puts such a thing into words; if the options cannot be.
    fn caption(
        &self,
        content: &Captioned,
        (options, priority): (&DecoderOptions, Priority),
        on_piece: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Caption, EngineError> {
        let _ = (options, priority, on_piece);
        Err(EmbedError::NoCaptioner { modality: content.modality() }.into())
    }

    /// How likely a text is beside each image, and beside none, for a query. Blocks.
    ///
    /// # Errors
    /// As [`Encode::check_captions`]; if the caller gave up.
    fn score(&self, text: &str, images: &[Image], cancel: &Cancel) -> Result<TextScores, EngineError> {
        let _ = (text, images, cancel);
        Err(EmbedError::NoCaptioner { modality: Modality::Image }.into())
    }
}

/// What is put into words.
#[derive(Debug, Clone, PartialEq)]
pub enum Captioned {
    /// An image, or a video's frame.
    Image(Image),
    /// Mono samples of a part of a sound, at the encoder's rate.
    Audio(Vec<f32>),
}

impl Captioned {
    /// Who speaks of it: [`Modality::Image`] or [`Modality::Audio`].
    pub const fn modality(&self) -> Modality {
        match self {
            Self::Image(_) => Modality::Image,
            Self::Audio(_) => Modality::Audio,
        }
    }

    /// Bytes in memory.
    pub(crate) const fn bytes(&self) -> usize {
        match self {
            Self::Image(image) => image.pixels.len(),
            Self::Audio(samples) => samples.len() * size_of::<f32>(),
        }
    }
}

/// Inputs on their way to vectors. A drop cancels what has not begun.
pub trait Pending: Send + Debug {
    /// Blocks until there is one vector of L2 norm 1 for each input, in order.
    ///
    /// # Errors
    /// If an encoder failed, or the caller gave up.
    fn wait(self: Box<Self>, cancel: &Cancel) -> Result<Vec<Vec<f32>>, EngineError>;
}
