//! What can go wrong with the models of a data folder.

use std::io;
use std::path::PathBuf;

use sensorium_embed::EmbedError;
use sensorium_types::{ErrorKind, FailureReason};

use super::ranks::Ranks;
use crate::EngineError;

/// An error of the models of a data folder.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// A name that no folder should have.
    #[error(
        "{name:?} is no name for a model: up to 64 small letters, digits, dots, dashes, underscores and plus signs, a letter or \
         digit first"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The name is taken.
    #[error(
        "there is a model {name} already: remove it with `sensorium models rm {name}`, or take another name"
    )]
    Exists {
        /// The name.
        name: String,
    },
    /// A bundle of several is no member of another.
    #[error("the model {name} is itself joined: name the models that it was joined of")]
    Joined {
        /// The name.
        name: String,
    },
    /// There is no model of this name.
    #[error("there is no model {name}; `sensorium models list` lists those that are here")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The weights may not be used for every purpose.
    #[error(
        "its licence {licence:?} does not allow commercial use: repeat with --non-commercial if you keep to that"
    )]
    NonCommercial {
        /// The licence.
        licence: String,
    },
    /// Captions find their images or sounds no better than by chance.
    #[error(
        "captions and samples find each other {} of {} times, and chance does {:.0}: its numbers are \
         wrong somewhere, or its weights were never trained; --unchecked takes it all the same",
        ranks.hits, ranks.of, ranks.by_chance()
    )]
    NoBetterThanChance {
        /// How often they did.
        ranks: Ranks,
    },
    /// One tower alone cannot be tested.
    #[error(
        "it has no {missing} tower, so that nothing tells whether its numbers are right: repeat with --unchecked"
    )]
    OneTower {
        /// The tower that is not there.
        missing: &'static str,
    },
    /// A file cannot be read or written.
    #[error("{action}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A folder that is no model, or one that cannot be used.
    #[error("{}: {source}", folder.display())]
    Model {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: EmbedError,
    },
    /// A sample that is a part of the program was not decoded.
    #[error("decode a sample of the program: {reason}")]
    Sample {
        /// Why.
        reason: FailureReason,
    },
    /// Decoding as such does not work.
    #[error(transparent)]
    Decoding(#[from] EngineError),
}

impl ModelsError {
    /// What a caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Name { .. } | Self::NonCommercial { .. } | Self::Joined { .. } => {
                ErrorKind::InvalidArgument
            }
            Self::OneTower { .. } | Self::NoBetterThanChance { .. } => ErrorKind::FailedPrecondition,
            Self::Exists { .. } => ErrorKind::Conflict,
            Self::Unknown { .. } => ErrorKind::NotFound,
            Self::Io { .. } => ErrorKind::Unavailable,
            Self::Model { source, .. } => source.kind(),
            Self::Sample { .. } => ErrorKind::Bug,
            Self::Decoding(error) => error.kind(),
        }
    }
}
