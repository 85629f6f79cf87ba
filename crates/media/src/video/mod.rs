//! Videos: sampled by time, cut by shots and windows, with the soundtrack as audio parts of the same asset.
//!
//! One ffmpeg (`../ffmpeg/`) streams small frames with their times (one of each [`SCAN_STEP_MS`]) for finding cuts; of each part,
//! evenly spread frames are kept for the encoder. A second ffmpeg streams the audio. Both tell the times of a player,
//! so that parts of both tracks lie on one timeline.
//!
//! | file | holds |
//! | --- | --- |
//! | `frames.rs` | a stream of frames, from its filters to its end |
//! | `shots.rs` | changes of shot |
//! | `parts.rs` | frames to parts |
//! | `animation.rs` | animated images |
//! | `still.rs` | images that only ffmpeg decodes |
//! | `clip.rs` | stretches of a video as one clip |

mod animation;
mod clip;
mod frames;
mod parts;
mod shots;
mod still;
#[cfg(test)]
mod sync_tests;

use sensorium_types::{FailureReason, Modality, ReasonKind, Track};

use crate::audio::{self, Cutter};
use crate::ffmpeg::{Probe, cut_short, is_of_time, probe};
use crate::image::check_sides;
use crate::job::Job;
use crate::sink::Sink;
use crate::{Head, reason};

pub(crate) use animation::animation;
pub use clip::cut_clip;
use frames::{Scanned, claimed_ms, scan};
pub(crate) use still::still;

/// At most one frame of this many milliseconds is looked at.
const SCAN_STEP_MS: u64 = 250;
/// Frames as they are, one after the other.
const RAW_RGB: [&str; 5] = ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"];
/// A container's length is believed if it is this close to what was decoded, in milliseconds.
const MAX_LENGTH_ERROR_MS: u64 = 1_000;

/// Decodes a container: a video if it holds a moving image, else an audio clip.
pub(crate) fn decode(job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let mut probe = probe(job.path)?;
    if job.spec.no_audio && probe.size.is_some() {
        probe.audio = None;
    }
    match (probe.size, &probe.audio) {
        (Some(_), Some(_)) if job.spec.only_audio => audio::decode_container(job, probe, sink),
        (Some(_), None) if job.spec.only_audio => Err(reason(ReasonKind::Unsupported, "no audio track")),
        (Some(_), None) if job.spec.no_images => {
            let why = "a video without audio, and the bundle of models has no encoder for images";
            Err(reason(ReasonKind::Unsupported, why))
        }
        (Some(size), _) => {
            check_sides(size.0, size.1, job.limits)?;
            video(job, probe, sink)
        }
        (None, Some(_)) => audio::decode_container(job, probe, sink),
        (None, None) => Err(reason(ReasonKind::Unsupported, "the container holds neither video nor audio")),
    }
}

fn video(job: &Job, mut probe: Probe, sink: &mut Sink) -> Result<Head, FailureReason> {
    let (mime, facts) = (job.mime.replace("audio/", "video/"), std::mem::take(&mut probe.facts));
    let mut head = Head { modality: Modality::Video, mime, facts, warning: None };
    sink.begin(&head)?;
    let scanned = if job.spec.no_images { Scanned::unwanted() } else { scan(job, &probe, sink)? };
    let (mut end_ms, mut is_whole) = (scanned.end_ms, scanned.is_whole);
    let mut troubles: Vec<FailureReason> = scanned.trouble.into_iter().collect();
    if let Some(audio) = &probe.audio {
        // Frames that ended late leave the audio its own time.
        sink.goes_on()?;
        let claimed_ms = claimed_ms(audio.end_ms, &probe, job).filter(|_| audio.end_ms.is_some());
        let mut cutter = Cutter::new(job.spec, job.limits, sink);
        let heard = audio::stream(job, (&probe, audio), claimed_ms, &mut cutter);
        is_whole &= !cutter.is_full();
        if let Err(trouble) | Ok(Some(trouble)) = heard {
            is_whole &= !is_of_time(&trouble);
            troubles.push(reason(trouble.kind, format!("its audio: {}", trouble.detail)));
        }
        end_ms = end_ms.max(cutter.finish(false)?);
    }
    let of_video = probe.video.as_ref().and_then(|stream| stream.end_ms);
    let of_audio = probe.audio.as_ref().and_then(|stream| stream.end_ms);
    if troubles.is_empty() && is_whole && of_video.or(of_audio).is_none() {
        // Only the end of the file is known: the last of its streams should come near it.
        troubles.extend(cut_short(end_ms, claimed_ms(None, &probe, job), || Ok(())));
    }
    // Blank parts are dropped, unless nothing else would be left of the asset.
    if let Some(blank) = scanned.blank
        && sink.count(Track::Video) + sink.count(Track::Audio) == 0
    {
        sink.put(Track::Video, Some(blank.span), blank.content, blank.thumb)?;
    }
    let warning = one_of(troubles);
    if sink.count(Track::Video) + sink.count(Track::Audio) == 0 {
        return Err(warning.unwrap_or_else(|| reason(ReasonKind::Corrupt, "nothing in it could be decoded")));
    }
    let is_believed = !probe.is_guess && probe.duration_ms.abs_diff(end_ms) <= MAX_LENGTH_ERROR_MS;
    if probe.duration_ms == 0 || (is_whole && !is_believed) {
        head.facts.set("duration_ms", end_ms);
    }
    Ok(Head { warning, ..head })
}

/// Several troubles as one, of the kind of the first.
fn one_of(troubles: Vec<FailureReason>) -> Option<FailureReason> {
    let mut troubles = troubles.into_iter();
    let first = troubles.next()?;
    let detail = troubles.fold(first.detail, |told, next| format!("{told}; {}", next.detail));
    Some(reason(first.kind, detail))
}
