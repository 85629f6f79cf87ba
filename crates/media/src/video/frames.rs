//! Frames of a video as a player would show them, a few of each second.
//!
//! The filter `select` drops frames and never makes any: of each scan step the first frame stays, whatever the rate, and a
//! hole of hours costs nothing. A video of one frame keeps it.

use std::time::Instant;

use sensorium_types::{FailureReason, ReasonKind};

use super::SCAN_STEP_MS;
use super::parts::{BlankPart, MAX_STAND_MS, PartMaker};
use crate::ffmpeg::{Probe, Stop, Timed, Transparency, VideoStream, cut_short, is_of_time, steady, stopped};
use crate::job::Job;
use crate::sink::Sink;
use crate::{Rgb, reason};

/// Shorter side of the frames that are looked at.
pub(super) const SCAN_SIDE: u32 = 260;
/// Longer side of them at most.
const MAX_SCAN_SIDE: u32 = 780;
/// What the last frame counts for where nothing tells it.
const USUAL_FRAME_MS: u64 = 40;
/// A container's end is believed if it is this close behind the last frame, in milliseconds.
const MAX_TAIL_MS: u64 = 500;

/// Frames with their times, out of a running ffmpeg.
pub(super) struct Frames {
    stream: Timed,
    frame: Rgb,
    transparency: Transparency,
    /// ffmpeg's word for how long the last frame lasts.
    length_ms: u64,
}

impl Frames {
    pub(super) fn open(job: &Job, probe: &Probe, stream: &VideoStream) -> Result<Self, FailureReason> {
        let (width, height) = probe.size.unwrap_or_default();
        let size = scan_size(width, height, job.spec.image_size.max(SCAN_SIDE));
        let filters = scan_filters(
            size,
            stream.transparency.format(),
            &steady(probe.start, job.limits.max_media_seconds),
            job.limits.max_media_seconds,
        );
        let map = format!("0:{}", stream.index);
        let args = [
            "-map",
            &map,
            "-an",
            "-vf",
            &filters,
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1:1000",
            "-c:v",
            "rawvideo",
            "-pix_fmt",
            stream.transparency.format(),
        ];
        let before = stream.transparency.before();
        let transparency = stream.transparency;
        let stream = Timed::start(job.path, job.threads, &before, &args, "rawvideo", 1000)?;
        let frame = Rgb { width: size.0, height: size.1, pixels: Vec::new() };
        Ok(Self { stream, frame, transparency, length_ms: 0 })
    }

    /// The next frame, and when it begins to be shown, in milliseconds.
    pub(super) fn next(&mut self, until: Instant) -> Result<(u64, &Rgb), Stop> {
        let stamp = self.stream.next(&mut self.frame.pixels, until)?;
        let bytes = self.frame.width as usize * self.frame.height as usize * self.transparency.channels();
        if self.frame.pixels.len() != bytes {
            let found = self.frame.pixels.len();
            let why = format!("ffmpeg: a frame of {found} bytes, {bytes} were expected");
            return Err(Stop::Broken(reason(ReasonKind::Corrupt, why)));
        }
        self.transparency.flatten(&mut self.frame.pixels);
        self.length_ms = u64::try_from(stamp.length).unwrap_or(0);
        Ok((u64::try_from(stamp.at).unwrap_or(0), &self.frame))
    }
}

/// The filters from a decoded stream to the frames that are looked at: a player's times, the clock, few frames, small ones.
/// `format` is that of their pixels, `steady` the expression of their times.
fn scan_filters((width, height): (u32, u32), format: &str, steady: &str, max_seconds: u64) -> String {
    let steps = 1000 / SCAN_STEP_MS;
    [
        "settb=1/1000".to_owned(),
        format!("setpts='{steady}'"),
        format!("trim=end={max_seconds}"),
        // It prints nothing of a frame without metadata.
        "metadata=mode=add:key=t:value=1".to_owned(),
        r"metadata=mode=print:key=t:file='pipe\:0':direct=1".to_owned(),
        format!("select='isnan(prev_selected_t)+gt(floor(t*{steps}),floor(prev_selected_t*{steps}))'"),
        format!("scale={width}:{height}:flags=bicubic"),
        format!("format={format}"),
    ]
    .join(",")
}

/// What became of a video's frames.
pub(super) struct Scanned {
    /// The first blank part, which is not put out.
    pub blank: Option<BlankPart>,
    /// Where the last frame ends.
    pub end_ms: u64,
    /// Whether all of them were looked at that could be decoded.
    pub is_whole: bool,
    /// Why there are fewer than the container tells of, or none.
    pub trouble: Option<FailureReason>,
}

impl Scanned {
    /// Of a video whose frames nobody wants.
    pub(super) fn unwanted() -> Self {
        Self { blank: None, end_ms: 0, is_whole: true, trouble: None }
    }

    fn none(trouble: FailureReason) -> Self {
        Self { blank: None, end_ms: 0, is_whole: false, trouble: Some(trouble) }
    }
}

/// Cuts the frames of a video to parts.
///
/// # Errors
/// If nobody takes parts any more. What is wrong with the video is told in [`Scanned::trouble`].
pub(super) fn scan(job: &Job, probe: &Probe, sink: &mut Sink) -> Result<Scanned, FailureReason> {
    let Some(stream) = &probe.video else {
        return Ok(Scanned::none(reason(ReasonKind::Unsupported, "there is no moving image")));
    };
    let scanned = scan_stream(job, (probe, stream), sink)?;
    match (stream.transparency.without_decoder(), &scanned.trouble) {
        (Some(transparency), Some(trouble)) if trouble.kind == ReasonKind::DecoderMissing => {
            scan_stream(job, (probe, &VideoStream { transparency, ..stream.clone() }), sink)
        }
        (Some(_) | None, Some(_) | None) => Ok(scanned),
    }
}

fn scan_stream(
    job: &Job,
    (probe, stream): (&Probe, &VideoStream),
    sink: &mut Sink,
) -> Result<Scanned, FailureReason> {
    let none = Scanned::none;
    let mut frames = match Frames::open(job, probe, stream) {
        Ok(frames) => frames,
        Err(trouble) => return Ok(none(trouble)),
    };
    let mut maker = PartMaker::new(job.spec, sink);
    let stop = loop {
        if maker.is_full() {
            break None;
        }
        match frames.next(maker.until()) {
            Ok((at_ms, frame)) => maker.push(frame, at_ms)?,
            Err(stop) => break Some(stop),
        }
    };
    let Some(last_ms) = maker.last_ms() else {
        return Ok(none(match stop {
            Some(Stop::Deadline) => reason(ReasonKind::TimedOut, "no frame was decoded in time"),
            Some(Stop::Broken(trouble)) => trouble,
            Some(Stop::End) | None => {
                let ended = frames.stream.finish().err();
                ended.unwrap_or_else(|| reason(ReasonKind::Corrupt, "no frame could be decoded"))
            }
        }));
    };
    let tail = Tail::of(&frames, last_ms, stream);
    let claimed_ms = claimed_ms(stream.end_ms, probe, job);
    let (end_ms, trouble) = match stop {
        None => (last_ms + tail.frame_ms, None),
        Some(Stop::Deadline) => (last_ms + tail.frame_ms, Some(stopped(last_ms, claimed_ms))),
        Some(Stop::Broken(trouble)) => (last_ms + tail.frame_ms, Some(trouble)),
        Some(Stop::End) => {
            let of_file = if probe.is_guess { 0 } else { probe.duration_ms };
            let end_ms = tail.end_ms(stream.end_ms.unwrap_or(of_file));
            // Where only the file's end is known, it may be that of the audio.
            let is_known = stream.end_ms.is_some() || probe.audio.is_none();
            (end_ms, cut_short(end_ms, claimed_ms.filter(|_| is_known), || frames.stream.finish()))
        }
    };
    let is_whole = !trouble.as_ref().is_some_and(is_of_time) && !maker.is_full();
    Ok(Scanned { blank: maker.finish(end_ms)?, end_ms, is_whole, trouble })
}

/// How a video ends.
struct Tail {
    /// When its last frame begins.
    last_ms: u64,
    /// What a frame counts for.
    frame_ms: u64,
    /// The longest that the last frame may stand.
    most_ms: u64,
}

impl Tail {
    fn of(frames: &Frames, last_ms: u64, stream: &VideoStream) -> Self {
        let clock = frames.stream.clock();
        let on_average = stream.fps.map(|fps| (1000.0 / fps).round());
        #[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
        let on_average = on_average.map(|ms| ms as u64);
        let told = on_average.or(Some(frames.length_ms)).filter(|ms| (1..=MAX_STAND_MS).contains(ms));
        let (shortest, longest) = match clock.intervals_ms() {
            Some((shortest, longest)) => (shortest.max(1), longest.min(MAX_STAND_MS)),
            None => {
                let frame_ms = told.unwrap_or(USUAL_FRAME_MS);
                (frame_ms, frame_ms)
            }
        };
        Self {
            last_ms: clock.last_ms().unwrap_or(last_ms).max(last_ms),
            frame_ms: shortest,
            most_ms: longest.saturating_mul(2).max(MAX_TAIL_MS),
        }
    }

    /// The end of the last frame: what the container says if that can be true.
    fn end_ms(&self, claimed_ms: u64) -> u64 {
        let stands = claimed_ms.saturating_sub(self.last_ms);
        if stands > 0 && stands <= self.most_ms { claimed_ms } else { self.last_ms + self.frame_ms }
    }
}

/// What a container claims of a stream's end, as far as it is looked at.
pub(super) fn claimed_ms(of_stream: Option<u64>, probe: &Probe, job: &Job) -> Option<u64> {
    let claimed =
        of_stream.unwrap_or(probe.duration_ms).min(job.limits.max_media_seconds.saturating_mul(1000));
    (claimed > 0 && !probe.is_guess).then_some(claimed)
}

/// Sides of a frame whose shorter one is `short`, even numbers, never larger than the video's own by more than that.
pub(super) fn scan_size(width: u32, height: u32, short: u32) -> (u32, u32) {
    let least = width.min(height).max(1);
    let scaled = |side: u32| {
        let length = u64::from(side) * u64::from(short.min(least)) / u64::from(least);
        u32::try_from(length).unwrap_or(MAX_SCAN_SIDE).clamp(2, MAX_SCAN_SIDE.max(short)) & !1
    };
    (scaled(width), scaled(height))
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

    #[test]
    fn a_containers_end_is_believed_where_it_can_be_true() {
        let tail = Tail { last_ms: 5_960, frame_ms: 40, most_ms: 500 };
        assert_eq!(tail.end_ms(6_010), 6_010);
        assert_eq!(tail.end_ms(0), 6_000);
        assert_eq!(tail.end_ms(5_000), 6_000);
        assert_eq!(tail.end_ms(90_000), 6_000);
    }

    #[test]
    fn what_is_missing_is_told_with_its_time() {
        let ended = || Ok(());
        assert_eq!(cut_short(8_500, Some(9_000), ended), None);
        assert_eq!(cut_short(8_500, None, ended), None);
        let trouble = cut_short(750_000, Some(5_400_000), ended).expect("much is missing");
        assert_eq!(trouble.to_string(), "corrupt: decoded until 00:12:30 of 01:30:00");
        assert_eq!(
            stopped(750_000, Some(5_400_000)).to_string(),
            "timed out: stopped at 00:12:30 of 01:30:00: its time was up"
        );
    }
}
