//! Image and text towers as ONNX files, of whatever network: ONNX Runtime computes them.
//!
//! ```text
//! pixels -> levels, channel by channel ------------------+
//! text -> ids, filled up -> [mask of those of the text] -+-> ONNX Runtime -> one vector -> unit vector
//! ```
//! | file | holds |
//! | --- | --- |
//! | `config.rs` | sizes, and names of inputs and outputs, as `bundle.toml` has them |
//! | `ports.rs` | which of a file's inputs and outputs are the tower's, and whether they fit; for a file alone and for a loaded one |
//! | `model.rs` | from files of a bundle to a model that runs |
//! | `image.rs`, `text.rs` | the two towers |
//!
//! Every input is a run of its own: files are exported for one at a time as often as for many, quantized ones take the range of all that
//! they are given together, and a processor gains nothing by more.

mod config;
mod image;
mod model;
mod ports;
mod text;

pub(crate) use config::{OnnxImageConfig, OnnxTextConfig};
pub(crate) use image::OnnxImageEncoder;
pub(crate) use model::{OnnxFile, graph_of, of_file};
pub(crate) use ports::{ImagePorts, Offered, TextPorts};
pub(crate) use text::OnnxTextEncoder;
