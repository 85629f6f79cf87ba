//! What can go wrong between bytes of a bundle and a vector.

use sensorium_onnx::OnnxError;
use sensorium_types::{ErrorKind, Language, Modality};

use crate::InputFault;

/// The source of an error whose library is nobody's business outside of this crate.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// A file of the bundle cannot be read.
    #[error("read {name} of the bundle")]
    Read {
        /// The file, relative to `bundle.toml`.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The bundle lacks a file.
    #[error("the bundle has no file {name}")]
    MissingFile {
        /// The file, relative to `bundle.toml`.
        name: String,
    },
    /// `bundle.toml` is not in its format.
    #[error("read bundle.toml: {source}")]
    Manifest {
        /// Where and why.
        source: Cause,
    },
    /// `bundle.toml` says something that cannot be.
    #[error("bundle.toml: {what}")]
    ManifestFact {
        /// What cannot be.
        what: String,
    },
    /// A model of the hub that this program does not run, or whose files contradict each other.
    #[error("{file}: {what}")]
    Hub {
        /// The file that says so.
        file: String,
        /// What cannot be.
        what: String,
    },
    /// The bundle's format is newer than this program.
    #[error(
        "bundle.toml is of format {received}, this program reads formats up to {supported}: take a newer program"
    )]
    Format {
        /// The format of the bundle.
        received: u32,
        /// The newest format read here.
        supported: u32,
    },
    /// A file is not the one that the bundle names.
    #[error("SHA-256 of {file} is {received}, bundle.toml says {expected}")]
    Hash {
        /// The file, relative to `bundle.toml`.
        file: String,
        /// The hash in `bundle.toml`.
        expected: String,
        /// The hash found.
        received: String,
    },
    /// A file is not in its format.
    #[error("read {file}: {source}")]
    Damaged {
        /// The file, relative to `bundle.toml`.
        file: String,
        /// Why.
        source: Cause,
    },
    /// A weight that an encoder needs is not there.
    #[error("{file} has no weight {name}")]
    MissingWeight {
        /// The file.
        file: String,
        /// The weight.
        name: String,
    },
    /// A file holds weights that no layer takes.
    #[error("{file} has weights that nothing uses: {}", names.join(", "))]
    ExtraWeights {
        /// The file.
        file: String,
        /// The weights.
        names: Vec<String>,
    },
    /// A weight has another shape than its layer.
    #[error("weight {name} of {file} has the shape {received:?}, expected {expected:?}")]
    WeightShape {
        /// The file.
        file: String,
        /// The weight.
        name: String,
        /// The shape that the layer has.
        expected: Vec<usize>,
        /// The shape found.
        received: Vec<usize>,
    },
    /// A weight has a type that its layer does not read.
    #[error("weight {name} of {file} is {received}, expected {expected}")]
    WeightType {
        /// The file.
        file: String,
        /// The weight.
        name: String,
        /// The types that the layer reads.
        expected: &'static str,
        /// The type found.
        received: String,
    },
    /// A file of ONNX that is damaged or does not fit, or the runtime that computes it.
    #[error("{file}: {source}")]
    Onnx {
        /// The file, relative to `bundle.toml`.
        file: String,
        /// Why.
        source: OnnxError,
    },
    /// The bundle computes other vectors than its author's.
    #[error(
        "the self-test of {part} is off by {difference:e}, allowed is {allowed:e}: the bundle is refused"
    )]
    SelfTest {
        /// Which encoder.
        part: String,
        /// The largest difference of a component.
        difference: f32,
        /// The difference that the bundle allows.
        allowed: f32,
    },
    /// No encoder of the bundle encodes this modality.
    #[error("the bundle has no encoder for {modality}")]
    NoEncoder {
        /// The modality.
        modality: Modality,
    },
    /// No encoder of the bundle reads this language.
    #[error(
        "the bundle has no encoder for texts in {language}: leave the language out, or take a bundle that has one"
    )]
    NoLanguage {
        /// The language.
        language: Language,
    },
    /// The bundle does not put these into words.
    #[error("this bundle has no caption decoder for {}", match modality {
        Modality::Audio => "audio",
        Modality::Text => "texts",
        Modality::Image | Modality::Video => "images",
    })]
    NoCaptioner {
        /// What should have been put into words.
        modality: Modality,
    },
    /// An input that no encoder can take.
    #[error("input {index}: {fault}")]
    InvalidInput {
        /// Which of the inputs given, from 0.
        index: usize,
        /// What is wrong.
        fault: InputFault,
    },
    /// Options of a caption that cannot be.
    #[error("caption: {what}")]
    InvalidOptions {
        /// What cannot be.
        what: &'static str,
    },
    /// What a caption decoder computed is not a number.
    #[error("the caption decoder gave numbers that are not finite")]
    CaptionNotFinite,
    /// A vector is not a number.
    #[error("the {modality} encoder gave a vector that is not finite")]
    NotFinite {
        /// The encoder's modality.
        modality: Modality,
    },
    /// An encoder was given a batch of another modality.
    #[error("the {encoder} encoder was given a batch of {batch}")]
    WrongBatch {
        /// The encoder's modality.
        encoder: Modality,
        /// What the batch holds.
        batch: &'static str,
    },
    /// The queue is full.
    #[error("the queue of the encoders is full")]
    Overloaded,
    /// The caller gave up.
    #[error("the encoding was cancelled")]
    Cancelled,
    /// The owner thread is gone.
    #[error("the encoders have stopped")]
    Stopped,
    /// A tensor operation failed.
    #[error("compute: {source}")]
    Compute {
        /// Why.
        source: Cause,
    },
}

impl EmbedError {
    /// What a caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. } => ErrorKind::Unavailable,
            Self::MissingFile { .. } => ErrorKind::NotFound,
            Self::Manifest { .. }
            | Self::ManifestFact { .. }
            | Self::Hub { .. }
            | Self::Format { .. }
            | Self::NoCaptioner { .. }
            | Self::NoLanguage { .. }
            | Self::NoEncoder { .. } => ErrorKind::FailedPrecondition,
            Self::Onnx { source, .. } => source.kind(),
            Self::Hash { .. }
            | Self::Damaged { .. }
            | Self::MissingWeight { .. }
            | Self::ExtraWeights { .. }
            | Self::WeightShape { .. }
            | Self::WeightType { .. }
            | Self::SelfTest { .. } => ErrorKind::Corrupt,
            Self::InvalidInput { .. } | Self::InvalidOptions { .. } => ErrorKind::InvalidArgument,
            Self::Overloaded => ErrorKind::Overloaded,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Stopped => ErrorKind::Unavailable,
            Self::NotFinite { .. }
            | Self::CaptionNotFinite
            | Self::WrongBatch { .. }
            | Self::Compute { .. } => ErrorKind::Bug,
        }
    }
}

impl From<candle_core::Error> for EmbedError {
    fn from(source: candle_core::Error) -> Self {
        Self::Compute { source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_tell_the_caller_from_the_bundle() {
        let invalid = EmbedError::InvalidInput { index: 0, fault: InputFault::NoFrames };
        assert_eq!(invalid.kind(), ErrorKind::InvalidArgument);
        let missing = EmbedError::MissingWeight { file: "a".into(), name: "b".into() };
        assert_eq!(missing.kind(), ErrorKind::Corrupt);
        assert_eq!(missing.to_string(), "a has no weight b");
        assert!(EmbedError::Overloaded.kind().is_retryable());
    }
}
