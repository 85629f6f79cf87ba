//! Audio-text models of a Swin Transformer over a spectrogram and RoBERTa: CLAP, without fusion.
//!
//! ```text
//! samples -> decibels of mel bands -> norm of each band -> stretched, folded to a square -> patches -> norm
//!   -> stages of windowed blocks, patches merged between them -> norm -> mean -> projection -> unit vector
//! text -> ids, positions -> norm -> blocks -> tanh of the first token -> projection -> unit vector
//! ```
//! | file | holds |
//! | --- | --- |
//! | `config.rs` | sizes and choices, as `bundle.toml` has them |
//! | `audio.rs` | the audio tower |
//! | `square.rs` | a spectrogram as a square image |
//! | `stage.rs`, `windows.rs` | blocks over windows of patches, and which patches share a window |
//! | `text.rs` | the text tower |
//! | `projection.rs` | two layers into the space, and which weights of a file are of no use to a tower |
//!
//! # Source
//! arXiv:2211.06687 (CLAP), arXiv:2202.00874 (HTS-AT), arXiv:2103.14030 (Swin); transformers `models/clap`

mod audio;
mod config;
mod projection;
mod square;
mod stage;
mod text;
mod windows;

pub(crate) use audio::HtsatEncoder;
pub(crate) use config::{HtsatConfig, RobertaConfig};
pub(crate) use text::RobertaEncoder;
