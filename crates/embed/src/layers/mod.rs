//! What encoders are made of. Tensors are candle's; the operations are ours where candle's take too long on a CPU (see
//! `ops.rs`).
//!
//! A Transformer's input is a ragged batch: the rows of all items below one another, `(total, d)`, and the length of each
//! item. Only attention looks at lengths.

mod attention;
mod audio_stem;
mod bert;
mod efficientnet;
mod linear;
mod names;
mod norm;
mod ops;
mod post_norm;
mod scored_head;
mod small_text;
mod transformer;

pub(crate) use audio_stem::AudioStem;
pub(crate) use bert::{BertConfig, BertEncoder};
pub(crate) use efficientnet::{FEATURES, PhotoStem, Variant};
pub(crate) use linear::{Bits, Linear, Precision};
pub(crate) use names::{NamedClasses, NamesConfig, unit_mix};
pub(crate) use norm::LayerNorm;
pub(crate) use ops::{matrix, rows_of, shared_threads};
pub(crate) use post_norm::PostNormTransformer;
pub(crate) use scored_head::{Head, Scratch};
pub(crate) use small_text::SmallTextEncoder;
pub(crate) use transformer::{BlockForm, BlockNames, Transformer, TransformerConfig};
