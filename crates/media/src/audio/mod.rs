//! Audio: bytes to mono samples at the encoder's rate, cut into windows.
//!
//! ```text
//! symphonia ─► mono ─► resample ─┐
//! ffmpeg, with times ─► mono ────┴─► Cutter ─► parts
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `decode.rs` | symphonia: packets to mono samples, tags |
//! | `mono.rs` | several channels to one |
//! | `resample.rs` | any rate to the encoder's |
//! | `soundtrack.rs` | a container's or an exotic file's audio through ffmpeg |
//! | `cutter.rs` | the stream of samples to parts |
//! | `cut.rs` | where to cut: silence, changes of sound, windows |

mod cut;
mod cutter;
mod decode;
mod mono;
mod resample;
mod soundtrack;

use sensorium_types::{FailureReason, Modality, Payload, ReasonKind};

use crate::ffmpeg::{Probe, is_of_time, probe};
use crate::job::Job;
use crate::sink::Sink;
use crate::{Head, reason};
use decode::Heard;

pub(crate) use cutter::Cutter;
pub(crate) use soundtrack::stream;

/// Decodes an audio file; what symphonia does not know goes through ffmpeg.
pub(crate) fn decode(job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    check_wanted(job)?;
    sink.begin(&head(job, Payload::new()))?;
    let mut cutter = Cutter::new(job.spec, job.limits, sink);
    let (facts, trouble) = match decode::decode(job, &mut cutter) {
        Ok(Heard { facts, trouble }) => (facts, trouble),
        Err(first) if cutter.heard() > 0 => return Err(first),
        Err(first) => match probe(job.path).and_then(|probe| by_ffmpeg(job, probe, &mut cutter)) {
            Ok(read) => read,
            Err(second) if first.kind == ReasonKind::Unsupported => return Err(second),
            Err(_) => return Err(first),
        },
    };
    finish(job, cutter, facts, trouble)
}

/// Refuses what holds only audio where no encoder hears.
fn check_wanted(job: &Job) -> Result<(), FailureReason> {
    if job.spec.no_audio {
        let why = "audio, and the bundle of models has no encoder for it";
        return Err(reason(ReasonKind::Unsupported, why));
    }
    Ok(())
}

/// Decodes a container that holds audio only. Such have a timeline, with edits and holes, and several tracks: ffmpeg knows
/// them; what it cannot read may still be something for symphonia.
pub(crate) fn decode_container(job: &Job, probe: Probe, sink: &mut Sink) -> Result<Head, FailureReason> {
    check_wanted(job)?;
    sink.begin(&head(job, probe.facts.clone()))?;
    let mut cutter = Cutter::new(job.spec, job.limits, sink);
    let (mut facts, trouble) = match by_ffmpeg(job, probe, &mut cutter) {
        Ok(read) => read,
        Err(first) if cutter.heard() > 0 => return Err(first),
        Err(first) => match decode::decode(job, &mut cutter) {
            Ok(Heard { facts, trouble }) => (facts, trouble),
            Err(_) => return Err(first),
        },
    };
    facts.merge(decode::tags(job.path));
    finish(job, cutter, facts, trouble)
}

fn by_ffmpeg(
    job: &Job,
    probe: Probe,
    cutter: &mut Cutter,
) -> Result<(Payload, Option<FailureReason>), FailureReason> {
    let Some(audio) = &probe.audio else {
        return Err(reason(ReasonKind::Unsupported, "no audio track"));
    };
    let claimed_ms = audio.end_ms.unwrap_or(probe.duration_ms);
    let claimed_ms = (claimed_ms > 0 && !probe.is_guess).then_some(claimed_ms);
    let trouble = stream(job, (&probe, audio), claimed_ms, cutter)?;
    Ok((probe.facts, trouble))
}

fn finish(
    job: &Job,
    cutter: Cutter,
    mut facts: Payload,
    warning: Option<FailureReason>,
) -> Result<Head, FailureReason> {
    if cutter.heard() == 0 {
        return Err(warning.unwrap_or_else(|| reason(ReasonKind::Corrupt, "the audio has no samples")));
    }
    let is_whole = !warning.as_ref().is_some_and(is_of_time) && !cutter.is_full();
    let heard_ms = cutter.finish(true)?;
    if is_whole || facts.get("duration_ms").is_none() {
        facts.set("duration_ms", heard_ms);
    }
    Ok(Head { warning, ..head(job, facts) })
}

fn head(job: &Job, facts: Payload) -> Head {
    let mime = job.mime.replace("video/", "audio/");
    Head { modality: Modality::Audio, mime, facts, warning: None }
}

#[cfg(test)]
mod tests;
