//! Films: sampled by time, cut by shots and windows, with the soundtrack as audio parts of the same asset.
//!
//! One ffmpeg streams small frames ([`SCAN_FPS`] a second) for finding cuts; of each part, evenly spread frames are
//! kept for the tower. A second ffmpeg streams the sound.
//!
//! | file | holds |
//! | --- | --- |
//! | `ffmpeg.rs` | the one way in which ffmpeg and ffprobe are run |
//! | `probe.rs` | streams and facts of a container |
//! | `shots.rs` | changes of shot |
//! | `parts.rs` | frames to parts |
//! | `animation.rs` | animated pictures |
//! | `alpha.rs` | frames that are laid over white |
//! | `still.rs` | pictures that only ffmpeg decodes |
//! | `clip.rs` | stretches of a film as one clip |

#[cfg_attr(not(test), expect(dead_code, reason = "the scan of videos is to ask for its frames by it"))]
mod alpha;
mod animation;
mod clip;
mod ffmpeg;
mod parts;
mod probe;
mod shots;
mod still;

use std::io::{ErrorKind, Read};

use sensorium_types::{FailureReason, Modality, Payload, ReasonKind, Track};

use crate::audio::{self, Cutter};
use crate::decode::Job;
use crate::image::check_sides;
use crate::sink::Sink;
use crate::{Head, Rgb, reason};

pub(crate) use animation::animation;
pub use clip::cut_clip;
pub(crate) use ffmpeg::Ffmpeg;
use parts::{BlankPart, PartMaker};
use probe::Probe;
pub(crate) use still::still;

/// Frames a second that are looked at for changes of shot.
const SCAN_FPS: u32 = 4;
/// Shorter side of the frames that are looked at.
const SCAN_SIDE: u32 = 260;
/// Longer side of them at most.
const MAX_SCAN_SIDE: u32 = 780;
/// Frames as they are, one after the other.
const RAW_RGB: [&str; 5] = ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"];

/// Decodes a container: a film if it holds a moving picture, else a sound.
pub(crate) fn decode(job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let probe = probe::probe(job.path)?;
    match probe.picture {
        Some(size) => film(job, size, probe, sink),
        None if probe.has_sound => audio::decode(job, sink),
        None => Err(reason(ReasonKind::Unsupported, "the container holds neither picture nor sound")),
    }
}

fn film(
    job: &Job,
    (width, height): (u32, u32),
    probe: Probe,
    sink: &mut Sink,
) -> Result<Head, FailureReason> {
    check_sides(width, height, job.limits)?;
    let mime = job.mime.replace("audio/", "video/");
    let mut head = Head { modality: Modality::Video, mime, facts: probe.facts, warning: None };
    sink.begin(&head)?;
    let (blank, scanned_ms) = picture(job, (width, height), probe.duration_ms, sink)?;
    if probe.has_sound {
        let mut cutter = Cutter::new(job.spec, job.limits, sink);
        match audio::stream(job, &mut cutter) {
            // A broken soundtrack leaves a film silent.
            Ok(()) | Err(_) => cutter.finish(false)?,
        };
    }
    // Blank parts are dropped, unless nothing else would be left of the asset.
    if let Some(blank) = blank
        && sink.count(Track::Video) + sink.count(Track::Audio) == 0
    {
        sink.put(Track::Video, Some(blank.span), blank.content, blank.thumb)?;
    }
    if probe.duration_ms == 0 {
        head.facts.set("duration_ms", scanned_ms);
    }
    Ok(head)
}

/// Cuts the picture; gives the first blank part, which is not put out, and the milliseconds seen.
fn picture(
    job: &Job,
    (width, height): (u32, u32),
    duration_ms: u64,
    sink: &mut Sink,
) -> Result<(Option<BlankPart>, u64), FailureReason> {
    let (w, h) = scan_size(width, height, job.spec.image_size.max(SCAN_SIDE));
    let filter = format!("fps={SCAN_FPS}:start_time=0,scale={w}:{h}:flags=bicubic,format=rgb24");
    let seconds = job.limits.max_media_seconds.to_string();
    let args = ["-map", "0:V:0", "-an", "-sn", "-dn", "-t", &seconds, "-vf", &filter];
    let mut ffmpeg = Ffmpeg::start(job.path, job.threads, &[&args, &RAW_RGB[..]].concat())?;
    let mut maker = PartMaker::new(job.spec, f64::from(SCAN_FPS), sink);
    let mut frame = Rgb { width: w, height: h, pixels: vec![0; w as usize * h as usize * 3] };
    while !maker.is_full() && read_whole(&mut ffmpeg, &mut frame.pixels)? {
        maker.push(&frame)?;
    }
    if maker.frames() == 0 {
        ffmpeg.finish()?;
        return Err(reason(ReasonKind::Corrupt, "no frame could be decoded"));
    }
    let scanned_ms = maker.frames() as u64 * 1000 / u64::from(SCAN_FPS);
    Ok((maker.finish(duration_ms)?, scanned_ms))
}

/// The sound of a file that symphonia does not decode, and its facts.
pub(crate) fn sound_only(job: &Job, cutter: &mut Cutter) -> Result<Payload, FailureReason> {
    let probe = probe::probe(job.path)?;
    if !probe.has_sound {
        return Err(reason(ReasonKind::Unsupported, "no sound track"));
    }
    audio::stream(job, cutter)?;
    Ok(probe.facts)
}

/// Sides of a frame whose shorter one is `short`, even numbers, never larger than the film's own by more than that.
fn scan_size(width: u32, height: u32, short: u32) -> (u32, u32) {
    let least = width.min(height).max(1);
    let scaled = |side: u32| {
        let length = u64::from(side) * u64::from(short.min(least)) / u64::from(least);
        u32::try_from(length).unwrap_or(MAX_SCAN_SIDE).clamp(2, MAX_SCAN_SIDE.max(short)) & !1
    };
    (scaled(width), scaled(height))
}

/// Fills the buffer; `false` at the end of the stream (a piece of a frame at the end is dropped).
fn read_whole(ffmpeg: &mut Ffmpeg, buffer: &mut [u8]) -> Result<bool, FailureReason> {
    match ffmpeg.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(reason(ReasonKind::Corrupt, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scanned_frames_keep_the_aspect_within_bounds() {
        assert_eq!(scan_size(1280, 720, 260), (462, 260));
        assert_eq!(scan_size(720, 1280, 260), (260, 462));
        assert_eq!(scan_size(100, 50, 260), (100, 50));
        assert_eq!(scan_size(16_000, 20, 260), (780, 20));
        assert_eq!(scan_size(1, 1, 260), (2, 2));
    }
}
