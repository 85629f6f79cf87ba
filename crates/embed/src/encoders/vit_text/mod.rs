//! Image-text models of two Vision-Transformer-like towers: CLIP, OpenCLIP, TinyCLIP, SigLIP and SigLIP 2 of fixed size.
//!
//! ```text
//! pixels -> patches, positions -> [norm] -> blocks -> class token or attention pooling -> [projection] -> unit vector
//! text -> ids, positions -> blocks, causal or not -> norm -> token of the end or last token -> projection -> unit vector
//! ```
//! | file | holds |
//! | --- | --- |
//! | `config.rs` | sizes and choices, as `bundle.toml` has them |
//! | `names.rs` | what the weights are called by transformers, open_clip and timm, and which are of no use |
//! | `image.rs`, `text.rs` | the two towers |
//! | `pooling.rs` | attention pooling |
//! | `expected.rs` | which weights they take, for a header alone |
//!
//! # Source
//! arXiv:2103.00020 (CLIP), arXiv:2303.15343 (SigLIP), arXiv:2502.14786 (SigLIP 2); transformers `models/clip`,
//! `models/siglip`; open_clip `transformer.py`

mod config;
mod expected;
mod image;
mod names;
mod pooling;
mod text;

pub(crate) use config::{ImagePool, TextPool, VitImageConfig, VitTextConfig};
pub(crate) use expected::{expect_image, expect_text};
pub(crate) use image::VitImageEncoder;
pub(crate) use text::{VitTextEncoder, check_end};
