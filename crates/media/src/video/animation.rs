//! Animated pictures: the frames that would be on the screen at each moment of a scan.

use sensorium_types::{FailureReason, Modality, Payload, Track};

use super::parts::PartMaker;
use super::{SCAN_FPS, SCAN_SIDE, scan_size};
use crate::image::Moving;
use crate::resize::resize_rgb;
use crate::sink::Sink;
use crate::{Head, decode::Job};

/// Cuts an animated picture as a film.
pub(crate) fn animation(moving: Moving, job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let Job { mime, spec, limits, .. } = *job;
    let (w, h) = scan_size(moving.width, moving.height, spec.image_size.max(SCAN_SIDE));
    let step = 1000 / u64::from(SCAN_FPS);
    let most = limits.max_animation_seconds.saturating_mul(1000);
    let mut maker = PartMaker::new(spec, f64::from(SCAN_FPS), sink);
    let (mut time, mut next, mut count) = (0_u64, 0_u64, 0_usize);
    for (frame, delay) in moving.frames.take(limits.max_animation_frames) {
        let end = (time + delay).min(most);
        if next < end {
            let small = resize_rgb(&frame, w, h)?;
            while next < end {
                maker.push(&small)?;
                next += step;
            }
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
