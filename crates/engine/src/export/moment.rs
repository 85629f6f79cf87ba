//! What is exported: a moment of a video or an audio clip, or a whole image or text.

use std::path::PathBuf;

use sensorium_types::{Hit, Modality, Payload};
use serde_json::Value;

use super::{FrameRate, Timecode, words};

/// How long an image stands, in milliseconds, where a file needs a length.
pub const STILL_MS: u64 = 5_000;

/// One row of an export.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportMoment {
    /// The id of its asset; may be empty.
    pub asset: String,
    /// Where its media lies; `None` where its bytes came over the network.
    pub path: Option<PathBuf>,
    /// What the media is called.
    pub name: String,
    /// What it is.
    pub modality: Modality,
    /// The frame rate of a video, where it is known.
    pub rate: Option<FrameRate>,
    /// The timecode of a video's first frame, where it has one.
    pub timecode: Option<Timecode>,
    /// Channels of audio; 0 where it has none.
    pub channels: u64,
    /// The length of the media in milliseconds, where it is known.
    pub duration_ms: Option<u64>,
    /// First millisecond of the moment and the first after it; `None`: all of it.
    pub span: Option<(u64, u64)>,
    /// Its calibrated score.
    pub score: Option<f32>,
    /// What is said of it.
    pub title: Option<String>,
}

/// Where a moment lies in its media, in frames of some rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InFrames {
    /// The timecode of its first frame.
    pub(super) start: Timecode,
    /// How many frames, at least one.
    pub(super) frames: u64,
    /// The timecode of the first frame of the media.
    pub(super) media_start: Timecode,
    /// Frames of the media, where that is known.
    pub(super) media_frames: Option<u64>,
}

impl ExportMoment {
    /// A moment of an asset with these fields (CONTRACTS.md section 4).
    pub fn new(
        asset: &str,
        modality: Modality,
        path: Option<PathBuf>,
        payload: &Payload,
        span: Option<(u64, u64)>,
    ) -> Self {
        let text = |name: &str| payload.field(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let whole = |name: &str| payload.field(name).and_then(Value::as_u64);
        let fps = || payload.field("fps").and_then(Value::as_f64).and_then(FrameRate::of_fps);
        let rate = match modality {
            Modality::Video => text("frame_rate").and_then(FrameRate::parse).or_else(fps),
            Modality::Text | Modality::Image | Modality::Audio => None,
        };
        let own_name = path.as_deref().and_then(words::base_name);
        let said = || payload.field("_caption")?.get("text")?.as_str();
        Self {
            asset: asset.to_owned(),
            name: own_name
                .or_else(|| text("name").map(str::to_owned))
                .unwrap_or_else(|| format!("asset:{asset}")),
            path,
            modality,
            rate,
            timecode: rate.and_then(|rate| Timecode::parse(text("timecode")?, rate)),
            channels: match modality {
                Modality::Video | Modality::Audio => whole("channels").unwrap_or(0),
                Modality::Text | Modality::Image => 0,
            },
            duration_ms: whole("duration_ms"),
            span,
            score: None,
            title: said().or_else(|| text("title")).map(str::to_owned),
        }
    }

    /// The moment of a hit; all of its asset where it has none.
    pub fn of_hit(hit: &Hit) -> Self {
        let Hit { asset, score, modality, path, moment, payload, .. } = hit;
        let span = moment.as_ref().map(|moment| (moment.start_ms, moment.end_ms));
        Self { score: *score, ..Self::new(asset.as_str(), *modality, path.clone(), payload, span) }
    }

    /// First millisecond and the first after it, of what has a length; an image stands for [`STILL_MS`].
    pub(super) fn times(&self) -> (u64, u64) {
        let whole = || (0, self.duration_ms.unwrap_or(STILL_MS));
        let (start, end) = match self.modality {
            Modality::Image | Modality::Text => (0, STILL_MS),
            Modality::Video | Modality::Audio => self.span.unwrap_or_else(whole),
        };
        (start, end.max(start.saturating_add(1)))
    }

    /// Where it lies in frames: of its own rate, in its own timecode, or as the sequence counts where it has none.
    pub(super) fn in_frames(&self, sequence: Timecode) -> InFrames {
        let own_start = self.timecode.or_else(|| self.rate.map(Timecode::zero));
        let media_start = own_start.unwrap_or_else(|| sequence.origin());
        let rate = media_start.rate();
        let (start_ms, end_ms) = self.times();
        let (start, end) = (rate.frame_at(start_ms), rate.frame_at(end_ms));
        let end = end.max(start.saturating_add(1));
        let known = match self.modality {
            Modality::Video | Modality::Audio => self.duration_ms,
            Modality::Image | Modality::Text => None,
        };
        InFrames {
            start: media_start.plus(start),
            frames: end - start,
            media_start,
            media_frames: known.map(|ms| rate.frame_at(ms).max(end)),
        }
    }
}

/// The rate and timecode in which a sequence of moments is counted: those of its first video.
pub(super) fn timeline(moments: &[&ExportMoment]) -> Timecode {
    let first = moments.iter().find_map(|moment| moment.timecode.or_else(|| moment.rate.map(Timecode::zero)));
    first.unwrap_or_else(|| Timecode::zero(FrameRate::DEFAULT))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A moment of a video of so many seconds, whose fields say this rate and timecode.
    pub(in crate::export) fn video(path: &str, rate: &str, timecode: &str, span: (u64, u64)) -> ExportMoment {
        let mut payload = Payload::new();
        payload.set("frame_rate", rate);
        payload.set("timecode", timecode);
        payload.set("channels", 2);
        payload.set("duration_ms", 7_200_000);
        let moment = ExportMoment::new("id", Modality::Video, Some(path.into()), &payload, Some(span));
        ExportMoment { score: Some(5.25), title: Some("a dog".to_owned()), ..moment }
    }

    /// A moment of an audio clip of a minute, or an image.
    pub(in crate::export) fn other(path: &str, modality: Modality, span: Option<(u64, u64)>) -> ExportMoment {
        let mut payload = Payload::new();
        payload.set("duration_ms", 60_000);
        ExportMoment::new("id", modality, Some(path.into()), &payload, span)
    }

    #[test]
    fn fields_are_read_as_far_as_they_can_be() {
        let moment = video("/m/a.mov", "30000/1001", "01:00:00;00", (0, 1));
        assert_eq!(moment.timecode.map(|start| start.to_string()).as_deref(), Some("01:00:00;00"));
        assert_eq!(moment.channels, 2);
        let mut payload = Payload::new();
        payload.set("fps", 23.976);
        payload.set("timecode", "nonsense");
        payload.set("name", "sent.mp4");
        payload.set("_caption", serde_json::json!({"text": "a dog", "confidence": 0.5}));
        let moment = ExportMoment::new("x", Modality::Video, None, &payload, None);
        assert_eq!(moment.rate, FrameRate::new(24_000, 1_001));
        assert_eq!((moment.timecode, moment.name.as_str()), (None, "sent.mp4"));
        assert_eq!(moment.title.as_deref(), Some("a dog"));
        // A user's own fields win, and may hold anything.
        for (rate, fps) in [(Value::from(7), Value::from("x")), (Value::from("0/0"), Value::from(-1))] {
            payload.set("frame_rate", rate);
            payload.set("fps", fps);
            assert_eq!(ExportMoment::new("x", Modality::Video, None, &payload, None).rate, None);
        }
        let nameless = ExportMoment::new("x", Modality::Audio, None, &Payload::new(), None);
        assert_eq!(nameless.name, "asset:x");
    }

    #[test]
    fn frames_are_those_of_the_video_and_never_none() {
        let pal = Timecode::zero(FrameRate::DEFAULT);
        // 10 s of 29.97 are 299.7 frames, 12.5 s are 374.6.
        let placed = video("/a.mov", "30000/1001", "00:59:50;00", (10_000, 12_500)).in_frames(pal);
        assert_eq!((placed.start.to_string().as_str(), placed.frames), ("01:00:00;00", 75));
        assert_eq!(placed.media_frames, Some(215_784));
        let placed = video("/a.mov", "25/1", "", (40, 41)).in_frames(pal);
        assert_eq!((placed.start.to_string().as_str(), placed.frames), ("00:00:00:01", 1));
        let placed = other("/a.wav", Modality::Audio, Some((1_000, 3_000))).in_frames(pal);
        assert_eq!((placed.start.to_string().as_str(), placed.frames), ("00:00:01:00", 50));
        let placed = other("/a.jpg", Modality::Image, None).in_frames(pal);
        assert_eq!((placed.frames, placed.media_frames), (125, None));
        let backwards = other("/a.wav", Modality::Audio, Some((u64::MAX, 0))).in_frames(pal);
        assert_eq!(backwards.frames, 1);
    }
}
