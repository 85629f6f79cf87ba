//! Towers that map text, pictures and sound into one space, bundles of them, and batching.
//!
//! ```text
//! Input --Encoder: queue, planner, one owner thread--> Bundle --Tower: text | image | audio | video--> unit vectors
//!                                                        |
//!                                    bundle.toml, safetensors, tokenizer.json (from a folder or from the binary)
//! ```
//! | folder | holds |
//! | --- | --- |
//! | `tower.rs`, `captioner.rs` | the seams: [`Tower`], [`Batch`], [`Captioner`]; they name no library |
//! | `bundle/` | [`Bundle`]: manifest, files, lazy towers, self-test, calibration, cutting |
//! | `towers/` | one file a tower: text (MiniLM, or a small Transformer for other languages), hybrid image, log-mel audio, frame-mean video |
//! | `caption/` | the caption decoder: a picture's grid to words, and how well given words fit |
//! | `layers/` | what towers are made of, on candle's tensors with the operations of `sensorium-kernels` |
//! | `weights/` | safetensors by name and shape; what is missing, extra or misshaped is named |
//! | `batching/` | [`Encoder`]: pure planner, bounded queue, one owner thread |
//! | `tokenizer.rs`, `mel.rs` | strings to token ids, samples to log-mels |
//! | `detector.rs` | the language of a text, which chooses the tower |
//!
//! Batches are ragged: rows of all items lie below one another, attention stays within an item, and nothing is padded, so
//! that an item's vector does not depend on its neighbours.

mod batching;
mod bundle;
mod caption;
mod captioner;
mod detector;
mod error;
mod input;
mod layers;
mod mel;
#[cfg(test)]
mod parity;
mod threads;
mod tokenizer;
mod tower;
mod towers;
mod weights;

pub use batching::{Encoder, EncoderConfig, Priority, Ticket};
pub use bundle::{
    AudioCutting, Bundle, BundleFiles, BundleInfo, Cutting, Fit, FolderFiles, GeneratorInfo, HubsInfo,
    Licence, LoadOptions, StaticFiles, TextCutting, TowerInfo, VideoCutting,
};
pub use caption::Memory;
pub use captioner::{
    Caption, CaptionEnd, CaptionOptions, CaptionToken, Captioner, DEFAULT_LENGTH_PENALTY, DEFAULT_NO_REPEAT,
    Strategy, TextScore, TextScores,
};
pub use error::EmbedError;
pub use input::{Input, InputFault, Picture};
pub use mel::{LogMel, LogMelSpec};
pub use tokenizer::Tokenizer;
pub use tower::{Batch, Embedding, Grid, PictureStem, SoundTokens, Tower};
