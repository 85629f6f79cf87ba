//! What can go wrong between a file and a vector.

use std::io;
use std::path::PathBuf;

use sensorium_types::ErrorKind;

use crate::places::LIBRARY_VARIABLE;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The library is nowhere.
    #[error(
        "no ONNX Runtime is on this machine, and models of the family onnx are run by it: install it (`pip install onnxruntime`, \
         a package of the system, or an archive of its releases), and name its library, if it lies elsewhere, by \
         {LIBRARY_VARIABLE}=/path/to/libonnxruntime.so; looked for as {}", looked.join(", ")
    )]
    NoLibrary {
        /// Where it was looked for.
        looked: Vec<String>,
    },
    /// What was named or found is no library that can be loaded.
    #[error("load ONNX Runtime from {}: {what}", path.display())]
    Library {
        /// The file.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// The library is of an old release.
    #[error("ONNX Runtime {received} in {} is too old: take 1.{least} or newer", path.display())]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its version.
        received: String,
        /// The least minor version.
        least: u32,
    },
    /// A file is no ONNX model, or a damaged one.
    #[error("no whole ONNX model: {what}")]
    Format {
        /// What is wrong with it.
        what: String,
    },
    /// A file cannot be read.
    #[error("read an ONNX model: {source}")]
    Read {
        /// Why.
        source: io::Error,
    },
    /// The library does not take a model.
    #[error("ONNX Runtime {version} does not load it: {what}")]
    Refused {
        /// The version of the library.
        version: String,
        /// What it says.
        what: String,
    },
    /// A model does not want, or does not give, what an encoder gives and wants.
    #[error("{what}")]
    Ports {
        /// What does not fit.
        what: String,
    },
    /// A model does not run.
    #[error("ONNX Runtime does not run it: {what}")]
    Run {
        /// What it says.
        what: String,
    },
    /// The caller gave up.
    #[error("the run was cancelled")]
    Cancelled,
}

impl OnnxError {
    /// What a caller can do.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoLibrary { .. } | Self::Library { .. } | Self::TooOld { .. } | Self::Ports { .. } => {
                ErrorKind::FailedPrecondition
            }
            Self::Format { .. } | Self::Refused { .. } | Self::Run { .. } => ErrorKind::Corrupt,
            Self::Read { .. } => ErrorKind::Unavailable,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }
}
