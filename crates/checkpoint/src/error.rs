//! Why a zip or a checkpoint is not read.

use std::io;

/// What is wrong with a zip or a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It is no zip, or its parts contradict each other.
    #[error("{what}")]
    Zip {
        /// What is wrong.
        what: &'static str,
    },
    /// The zip has no file of this name.
    #[error("there is no file {name:?} in it")]
    NoFile {
        /// The name.
        name: String,
    },
    /// A file of the zip in a form that is not read.
    #[error("the file {name:?} in it is {what}, which is not read")]
    Form {
        /// The name.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// A file of the zip that is larger than it may be.
    #[error("the file {name:?} in it has {bytes} bytes, and at most {limit} are read")]
    TooLarge {
        /// The name.
        name: String,
        /// Its size.
        bytes: u64,
        /// The largest.
        limit: u64,
    },
    /// The layout of torch before 1.6, or no checkpoint at all.
    #[error("it is no checkpoint of torch 1.6 or later, which are zips ({source})")]
    Layout {
        /// Why it is no zip.
        source: Box<CheckpointError>,
    },
    /// Not the layout of torch before 1.6, where that was expected.
    #[error("it is no checkpoint of torch before 1.6: {what}")]
    OldLayout {
        /// What is wrong.
        what: &'static str,
    },
    /// A program of TorchScript.
    #[error("it is a program of TorchScript, not a dictionary of weights")]
    Script,
    /// The pickle ends before its end.
    #[error("the pickle is cut")]
    Cut,
    /// An opcode that no dictionary of tensors needs.
    #[error("the pickle has the opcode {name}, which is not read")]
    Opcode {
        /// Its name.
        name: String,
    },
    /// A function or class that no dictionary of tensors needs.
    #[error("the pickle calls or names {name}, which no weights need: nothing of it was run")]
    Global {
        /// Its module and name.
        name: String,
    },
    /// It is larger, deeper or longer than any model's.
    #[error("the pickle has more than {limit} {what}")]
    Bound {
        /// The largest count.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// Values of the pickle in an order that makes no sense.
    #[error("the pickle is damaged: {what}")]
    Pickle {
        /// What is wrong.
        what: &'static str,
    },
    /// Something beside tensors under their names.
    #[error("the checkpoint holds {what}, and a dictionary of tensors is read")]
    NoTensors {
        /// What it holds.
        what: &'static str,
    },
    /// A tensor that cannot be.
    #[error("the tensor {name} {what}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The result cannot be written.
    #[error("write the weights: {0}")]
    Write(#[source] io::Error),
    /// The bytes cannot be read, or what came out of a zip not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl CheckpointError {
    pub(crate) const fn zip(what: &'static str) -> Self {
        Self::Zip { what }
    }

    pub(crate) const fn pickle(what: &'static str) -> Self {
        Self::Pickle { what }
    }

    pub(crate) fn twice(name: &str) -> Self {
        Self::Tensor { name: name.to_owned(), what: "is there twice" }
    }
}
