//! Zips and the tensors of torch's checkpoints, of bytes that nobody vouches for: read at places, bounded, and without running anything.
//!
//! ```text
//! a wheel: a zip ──────────────► its files
//! a checkpoint: a zip ─► data.pkl ─► machine: names, types, shapes, places ─► tensors ─► safetensors
//!                    └► data/0 .. ──────── numbers, piece by piece ─────────────┘
//! ```
//! A pickle is a program: it names functions and calls them. Here nothing is called. Of all opcodes those are known that `torch.save` writes of a
//! dictionary of tensors; of all functions the four that such a dictionary names, each of which stands for a value. Everything else is
//! refused by its name. Steps, depth and sizes are bounded.
//!
//! | module | holds |
//! | --- | --- |
//! | `bytes` | [`ReadAt`]: bytes that are read at places |
//! | `zip` | [`Zip`]: its directory, and single files |
//! | `pickle` | a pickle as values |
//! | `tensor` | [`Tensor`]: a view that lies within its storage |
//! | `views` | the views of a dictionary, and where their storages lie |
//! | `checkpoint` | [`Checkpoint`]: the tensors of a file |
//! | `zipped`, `old` | the layout of torch 1.6 and later, and that before |
//! | `write` | [`convert`]: checkpoints as one file of safetensors |
//! | `error` | [`CheckpointError`] |

mod bytes;
mod checkpoint;
mod error;
mod old;
mod pickle;
mod tensor;
#[cfg(test)]
mod tests;
mod views;
mod write;
mod zip;
mod zipped;

pub use bytes::{OpenFile, ReadAt};
pub use checkpoint::Checkpoint;
pub use error::CheckpointError;
pub use tensor::Tensor;
pub use write::{Written, convert};
pub use zip::Zip;
