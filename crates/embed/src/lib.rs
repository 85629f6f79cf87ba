//! Encoders that map text, images and audio into one space, bundles of them, and batching.
//!
//! ```text
//! Input --Batcher: queue, planner, one owner thread--> Bundle --Encoder: text | image | audio | video--> unit vectors
//!                                                        |
//!                                    bundle.toml, safetensors, tokenizer.json (from a folder or from the binary)
//! ```
//! | folder | holds |
//! | --- | --- |
//! | `encoder.rs`, `captioner.rs` | the seams: [`Encoder`], [`Batch`], [`Captioner`]; they name no library |
//! | `bundle/` | [`Bundle`]: manifest, files, lazy encoders, self-test, calibration, cutting |
//! | `encoders/` | one file an encoder: text (MiniLM, or a small Transformer for other languages), hybrid image, log-mel audio, frame-mean video; `vit_text/` for CLIP, SigLIP and their like, `clap/` for CLAP, `onnx/` for what ONNX Runtime computes |
//! | `hub/` | [`HubModel`]: models as the hub lays them out, as manifests of bundles |
//! | `caption/` | the caption decoder: an image's grid to words, and how well given words fit |
//! | `layers/` | what encoders are made of, on candle's tensors with the operations of `sensorium-kernels` |
//! | `weights/` | safetensors by name and shape; what is missing, extra or misshaped is named |
//! | `batching/` | [`Batcher`]: pure planner, bounded queue, one owner thread |
//! | `memory.rs` | [`Memory`]: what a caption decoder looks at, made once an image |
//! | `stop.rs` | [`until_cancelled`]: what stops encoding that nobody waits for |
//! | `tokenizer.rs`, `mel/` | strings to token ids, samples to spectrograms |
//! | `detector.rs` | the language of a text, which chooses the encoder |
//!
//! Batches are ragged: rows of all items lie below one another, attention stays within an item, and nothing is padded, so
//! that an item's vector does not depend on its neighbours.

mod batching;
mod bundle;
mod caption;
mod captioner;
mod detector;
mod encoder;
mod encoders;
mod error;
mod hub;
mod input;
mod layers;
mod mel;
mod memory;
#[cfg(test)]
mod parity;
mod stop;
mod threads;
mod tokenizer;
mod weights;

pub use batching::{Batcher, BatcherConfig, Priority, Ticket};
pub use bundle::{
    AudioCutting, Bundle, BundleFiles, BundleInfo, Cutting, EncoderInfo, Fit, FolderFiles, GeneratorInfo,
    HubsInfo, ImageFilter, Licence, LoadOptions, StaticFiles, TextCutting, VideoCutting,
};
pub use captioner::{
    Captioner, DEFAULT_LENGTH_PENALTY, DEFAULT_NO_REPEAT, DecoderOptions, Strategy, TextScore, TextScores,
};
pub use encoder::{AudioTokens, Batch, Embedding, Encoder, Grid, ImageStem};
pub use error::EmbedError;
pub use hub::{HubBundle, HubModel, KnownBand, Measured, PickledWeights};
pub use input::{Image, Input, InputFault};
pub use mel::{LogMel, LogMelSpec};
pub use memory::Memory;
/// ONNX Runtime as it was found and loaded, and why it was not.
pub use sensorium_onnx::{Library as OnnxRuntime, OnnxError, library as onnx_runtime};
pub use stop::until_cancelled;
pub use tokenizer::Tokenizer;
pub use weights::FileBytes;
