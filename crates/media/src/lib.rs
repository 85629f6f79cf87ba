//! Bytes to pixels, frames, PCM and passages, under hard limits. This crate knows no model.
//!
//! ```text
//! file ─► MediaPool ─► worker process: limits ─► sniff ─► image │ audio │ video │ text ─► parts ─► pipe ─► Decoded
//! ```
//!
//! Decoders run in child processes of the same binary, which set their own limits before they read a byte: of 30,000
//! mutated files a few abort the whole process from inside a decoder, and that must cost one file only.
//!
//! | file | holds |
//! | --- | --- |
//! | `spec.rs` | [`EncoderSpec`]: the sizes, rates and windows that the encoders ask for |
//! | `limits.rs` | [`Limits`] with their named defaults |
//! | `decode.rs`, `job.rs` | from a path to the decoder of its content, and what that is given |
//! | `deadline.rs` | when a decoder stops of itself and keeps what it has |
//! | `sink.rs` | where decoders put parts as they come |
//! | `decoded.rs` | [`Decoded`], [`Part`], [`PartContent`], [`Rgb`] |
//! | `sniff/`, `head.rs` | type by content, and how much of it is looked at |
//! | `image/`, `audio/`, `video/`, `text/` | the four decoders and the cutting of each |
//! | `ffmpeg/` | what ffmpeg gives, and how it is run |
//! | `resize.rs`, `thumb.rs`, `blank.rs` | the one resampler, thumbnails, blank images |
//! | `dates.rs` | dates as cameras and containers write them |
//! | `worker/` | the protocol, the child's side, the pool |
//! | `sandbox/` | what a worker, and what it runs, may not do: network, files, calls |
//! | `tied.rs`, `complaints.rs` | other programs that live no longer than this one, and what they say of themselves |
//! | `formats.rs`, `doctor.rs` | what this build decodes; whether its helpers are installed and its workers shut in |

mod audio;
mod blank;
mod complaints;
mod dates;
mod deadline;
mod decode;
mod decoded;
mod doctor;
mod ffmpeg;
mod formats;
mod head;
mod image;
mod job;
mod limits;
mod resize;
mod sandbox;
mod sink;
mod sniff;
mod spec;
mod text;
mod thumb;
mod tied;
mod video;
mod worker;

pub use decoded::{Decoded, Head, Part, PartContent, Rgb};
pub use doctor::{Check, doctor};
pub use formats::{FormatRow, formats};
pub use limits::Limits;
pub use resize::{crop_resize, fit_square, resize_rgb};
pub use sandbox::{LayerReport, SandboxReport, Tried, try_sandbox};
pub use sensorium_types::Cancel;
pub use sniff::{Family, Sniffed, sniff};
pub use spec::{EncoderSpec, Filter, Fit, PassageSpec, VideoSpec, WindowSpec};
pub use thumb::decode_thumbnail;
pub use tied::{WORKER_SUBCOMMAND, this_is_the_worker_program};
pub use video::cut_clip;
pub use worker::{MediaError, MediaInput, MediaPool, PoolConfig, worker_main};

use sensorium_types::{FailureReason, ReasonKind};

/// Shorthand for the typed reasons of this crate's decoders.
fn reason(kind: ReasonKind, detail: impl Into<String>) -> FailureReason {
    FailureReason::new(kind, detail)
}
