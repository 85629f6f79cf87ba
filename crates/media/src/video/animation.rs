//! Animated images: the frames that would be on the screen at each moment of a scan.

use sensorium_types::{FailureReason, Modality, Payload, Track};

use super::SCAN_STEP_MS;
use super::frames::{SCAN_SIDE, scan_size};
use super::parts::PartMaker;
use crate::Head;
use crate::image::Moving;
use crate::job::Job;
use crate::resize::resize_rgb;
use crate::sink::Sink;

/// Cuts an animated image as a video.
pub(crate) fn animation(moving: Moving, job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let Job { mime, spec, limits, .. } = *job;
    let (w, h) = scan_size(moving.width, moving.height, spec.image_size.max(SCAN_SIDE));
    let most = limits.max_animation_seconds.saturating_mul(1000);
    let mut maker = PartMaker::new(spec, sink);
    let (mut time, mut next, mut count) = (0_u64, 0_u64, 0_usize);
    for (frame, delay) in moving.frames.take(limits.max_animation_frames) {
        let end = (time + delay).min(most);
        // At most one frame of each scan step.
        if next < end {
            maker.push(&resize_rgb(&frame, w, h)?, time)?;
            next = (end - 1) / SCAN_STEP_MS * SCAN_STEP_MS + SCAN_STEP_MS;
        }
        time = end;
        count += 1;
        if time >= most || maker.is_full() {
            break;
        }
    }
    if let Some(blank) = maker.finish(time)?
        && sink.count(Track::Video) == 0
    {
        sink.put(Track::Video, Some(blank.span), blank.content, blank.thumb)?;
    }
    let mut facts = Payload::new();
    facts.set("width", moving.width);
    facts.set("height", moving.height);
    facts.set("codec", moving.codec);
    facts.set("duration_ms", time);
    facts.set("fps", (count as f64 * 1_000_000.0 / time.max(1) as f64).round() / 1000.0);
    let mime = if moving.codec == "apng" { "image/apng" } else { mime };
    Ok(Head { modality: Modality::Video, mime: mime.to_owned(), facts, warning: None })
}
