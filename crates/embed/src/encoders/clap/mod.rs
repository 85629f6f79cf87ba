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
//! | `expected.rs` | which weights they take, by a header alone |
//! | `projection.rs` | two layers into the space, and which weights of a file are of no use to a tower |
//!
//! # Source
//! arXiv:2211.06687 (CLAP), arXiv:2202.00874 (HTS-AT), arXiv:2103.14030 (Swin); transformers `models/clap`

mod audio;
mod config;
mod expected;
mod projection;
mod square;
mod stage;
mod text;
mod windows;

pub(crate) use audio::HtsatEncoder;
pub(crate) use config::{HtsatConfig, RobertaConfig};
pub(crate) use expected::{expect_htsat, expect_roberta};
pub(crate) use text::{RobertaEncoder, check_begin};
