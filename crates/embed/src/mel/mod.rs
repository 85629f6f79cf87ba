//! Samples to spectrograms on a mel scale: what audio encoders take.
//!
//! | file | holds |
//! | --- | --- |
//! | `log.rs` | [`LogMel`]: magnitudes, HTK's scale, the natural logarithm, as YAMNet takes them |
//! | `power.rs` | [`PowerMel`]: powers of a clip of fixed length, Slaney's scale, decibels, as CLAP takes them |
//! | `band.rs` | the weights of one band |

mod band;
mod log;
mod power;

pub use log::{LogMel, LogMelSpec};
pub(crate) use power::{Fill, PowerMel, PowerMelSpec};
