//! ONNX Runtime behind a narrow face: a library of the machine, found and loaded when a model first asks for it.
//!
//! ```text
//! file ──► Graph: inputs, outputs, files beside it      by the bytes alone, without the library
//! file ──► Session ──► run: floats or ids in, floats out
//!             └─ library(): searched once, loaded once, for the whole process
//! ```
//! | module | holds |
//! | --- | --- |
//! | `places` | where the library may lie |
//! | `library` | [`library()`]: the one that was loaded, its version and providers; the only `unsafe` here |
//! | `wire` | fields of protobuf at places of a file, none of which is read whole |
//! | `graph` | [`Graph`]: what a file says of itself |
//! | `port` | [`Port`]: an input or an output |
//! | `session` | [`Session`]: a model that runs, and can be stopped |
//! | `error` | [`OnnxError`] |
//!
//! Nothing is downloaded and nothing is linked: without the library all else of the program works.

mod error;
mod graph;
mod library;
mod places;
mod port;
mod session;
mod wire;

pub use error::OnnxError;
pub use graph::Graph;
pub use library::{Library, library};
pub use places::LIBRARY_VARIABLE;
pub use port::{Element, Port};
pub use session::{Input, Output, Session, Values};
pub use wire::Source;
