//! Pickled weights, read without running them, and kept as safetensors.
//!
//! ```text
//! pytorch_model.bin: a zip ─► data.pkl ─► machine: names, types, shapes, places ─► safetensors header
//!                         └► data/0 .. ─────── bytes, piece by piece ─────────────► tensors
//! ```
//! A pickle is a program: it names functions and calls them. Here nothing is called. Of all opcodes those are known that `torch.save` writes of a
//! dictionary of tensors; of all functions the four that such a dictionary names, each of which stands for a value. Everything else is
//! refused by its name. Steps, depth and sizes are bounded.
//!
//! | file | holds |
//! | --- | --- |
//! | `machine.rs` | a pickle as values |
//! | `opcode.rs` | names of opcodes, for messages |
//! | `checkpoint.rs` | a checkpoint's tensors, and where their numbers lie |
//! | `write.rs` | [`convert`]: the same as one file of safetensors |

mod checkpoint;
mod machine;
mod opcode;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use write::{Written, convert};

use crate::zip::ZipError;

/// Why a pickle is not read.
#[derive(Debug, thiserror::Error)]
pub enum PickleError {
    /// The layout of torch before 1.6, or no checkpoint at all.
    #[error(
        "it is no checkpoint of torch 1.6 or later, which are zips ({source}): load it with torch and write it with `save_pretrained`"
    )]
    Layout {
        /// Why it is no zip.
        source: ZipError,
    },
    /// A program of TorchScript.
    #[error("it is a program of TorchScript, not a dictionary of weights")]
    Script,
    /// The zip is damaged.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// It ends before its end.
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
    /// Values in an order that makes no sense.
    #[error("the pickle is damaged: {what}")]
    Damaged {
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
    Write(#[source] std::io::Error),
}
