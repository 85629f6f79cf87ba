//! Sounds: bytes to mono samples at the tower's rate, cut into windows.
//!
//! ```text
//! symphonia ─► mono ─► resample ─┐
//! ffmpeg ────────────────────────┴─► Cutter ─► parts
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `decode.rs` | symphonia: packets to mono samples, tags |
//! | `resample.rs` | any rate to the tower's |
//! | `soundtrack.rs` | a film's or an exotic file's sound through ffmpeg |
//! | `cutter.rs` | the stream of samples to parts |
//! | `cut.rs` | where to cut: silence, changes of sound, windows |

mod cut;
mod cutter;
mod decode;
mod resample;
mod soundtrack;

use sensorium_types::{FailureReason, Modality, Payload, ReasonKind};

use crate::decode::Job;
use crate::sink::Sink;
use crate::{Head, reason};

pub(crate) use cutter::Cutter;
pub(crate) use soundtrack::stream;

/// Decodes a sound file; what symphonia does not know goes through ffmpeg.
pub(crate) fn decode(job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let mime = job.mime.replace("video/", "audio/");
    let head = Head { modality: Modality::Audio, mime, facts: Payload::new(), warning: None };
    sink.begin(&head)?;
    let mut cutter = Cutter::new(job.spec, job.limits, sink);
    let mut facts = match decode::decode(job.path, job.spec, &mut cutter) {
        Ok(facts) => facts,
        Err(first) if cutter.samples() > 0 => return Err(first),
        Err(first) => match crate::video::sound_only(job, &mut cutter) {
            Ok(facts) => facts,
            Err(second) if first.kind == ReasonKind::Unsupported => return Err(second),
            Err(_) => return Err(first),
        },
    };
    if cutter.samples() == 0 {
        return Err(reason(ReasonKind::Corrupt, "the sound has no samples"));
    }
    let full = cutter.is_full();
    let heard_ms = cutter.finish(true)?;
    if !full || facts.get("duration_ms").is_none() {
        facts.set("duration_ms", heard_ms);
    }
    Ok(Head { facts, ..head })
}

#[cfg(test)]
mod tests;
