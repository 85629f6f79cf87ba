//! What a container holds, by ffprobe.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use sensorium_types::{FailureReason, Payload, ReasonKind};
use serde_json::{Map, Value};

use super::alpha::Transparency;
use super::editing;
use super::process::Ffmpeg;
use crate::{dates, reason};

/// Most output of ffprobe that is read.
const MAX_OUTPUT_BYTES: u64 = 4 << 20;
/// Longest text tag that becomes a fact, in characters.
const MAX_TAG_CHARS: usize = 500;
/// Longest length that a container is believed.
const MAX_SECONDS: f64 = 1e9;
/// Formats that carry no length: ffprobe guesses it from the first packets and the size of the file.
const GUESSED: [&str; 5] = ["aac", "mp3", "ac3", "h264", "hevc"];

/// The streams and facts of a container. Times are those of a player: 0 is where its earliest stream begins.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    /// Columns and rows of the moving image as it is shown (turned upright), if there is one.
    pub size: Option<(u32, u32)>,
    /// Its stream: the default one, else the first.
    pub video: Option<VideoStream>,
    /// The audio track: the default one, else the first.
    pub audio: Option<AudioStream>,
    /// The stamp at which its earliest stream begins, in seconds.
    pub start: f64,
    /// Length in milliseconds; 0 where the container does not say.
    pub duration_ms: u64,
    /// Whether that length is no more than a guess from the size of the file.
    pub is_guess: bool,
    /// Facts for the payload.
    pub facts: Payload,
}

/// A stream of frames.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VideoStream {
    /// Its place among all streams.
    pub index: u64,
    /// Frames a second, on average.
    pub fps: Option<f64>,
    /// Where it ends, as far as the container tells it of this stream.
    pub end_ms: Option<u64>,
    /// How its frames are asked for, where they have alpha.
    pub transparency: Transparency,
}

/// A stream of samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AudioStream {
    /// Its place among all streams.
    pub index: u64,
    /// Samples a second, as they are stored.
    pub rate_hz: u32,
    /// Channels, as they are stored.
    pub channels: u32,
    /// Where it ends, as far as the container tells it of this stream.
    pub end_ms: Option<u64>,
}

/// Asks ffprobe.
pub(crate) fn probe(path: &Path) -> Result<Probe, FailureReason> {
    let mut ffprobe = Ffmpeg::probe(path, &["-show_streams", "-show_format", "-of", "json"])?;
    let mut report = Vec::new();
    Read::by_ref(&mut ffprobe)
        .take(MAX_OUTPUT_BYTES)
        .read_to_end(&mut report)
        .map_err(|error| reason(ReasonKind::Corrupt, error.to_string()))?;
    let ended = ffprobe.finish();
    match serde_json::from_slice::<Value>(&report) {
        // One broken stream makes ffprobe fail, though it reports all of them.
        Ok(report) if report.get("streams").and_then(Value::as_array).is_some_and(|s| !s.is_empty()) => {
            Ok(read(&report))
        }
        Ok(_) | Err(_) => {
            ended?;
            Err(reason(ReasonKind::Corrupt, "ffprobe: it found nothing"))
        }
    }
}

fn read(report: &Value) -> Probe {
    let mut probe = Probe::default();
    let streams = report.get("streams").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let format = report.get("format").unwrap_or(&Value::Null);
    let clock = Clock::of(format);
    if let Some(stream) = choose(streams, "video", |stream| !is_cover(stream) && sides(stream).is_some()) {
        read_image(stream, &clock, &mut probe);
        if let Some(timecode) = editing::timecode(stream, streams, format) {
            probe.facts.set("timecode", timecode);
        }
    }
    if let Some(stream) = choose(streams, "audio", |_| true) {
        read_audio(stream, &clock, &mut probe);
    }
    let of_streams = streams.iter().filter_map(|stream| number(stream.get("duration"))).fold(0.0, f64::max);
    let end = number(format.get("duration")).map(|seconds| clock.length(seconds));
    if let Some(duration_ms) = milliseconds(end.unwrap_or(of_streams)).filter(|ms| *ms > 0) {
        probe.duration_ms = duration_ms;
        probe.facts.set("duration_ms", probe.duration_ms);
    }
    probe.start = clock.start;
    probe.is_guess = GUESSED.contains(&clock.format);
    // Ogg carries its tags on the streams.
    for holder in streams.iter().chain([format]) {
        if let Some(tags) = holder.get("tags").and_then(Value::as_object) {
            read_tags(tags, &mut probe.facts);
        }
    }
    probe
}

fn read_tags(tags: &Map<String, Value>, facts: &mut Payload) {
    let tag = |name: &str| {
        let value = tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1.as_str()?;
        Some(value.chars().take(MAX_TAG_CHARS).collect::<String>()).filter(|text| !text.trim().is_empty())
    };
    for name in ["title", "artist", "album"] {
        if let Some(value) = tag(name) {
            facts.set(name, value);
        }
    }
    if let Some(model) = tag("com.apple.quicktime.model") {
        facts.set("camera", model);
    }
    // What the camera's own clock showed, with its offset, before what a program stamped.
    let dates = ["com.apple.quicktime.creationdate", "creation_time"];
    if let Some(moment) = dates.into_iter().find_map(|name| {
        let moment = dates::read(&tag(name)?, None)?;
        // Clocks that were never set begin in 1904 or 1970.
        (moment.year() > 1980).then_some(moment)
    }) {
        moment.put(facts);
    }
    let place = tag("com.apple.quicktime.location.ISO6709").or_else(|| tag("location"));
    if let Some((lat, lon)) = place.as_deref().and_then(degrees) {
        facts.set("lat", lat);
        facts.set("lon", lon);
    }
}

/// Latitude and longitude of an ISO 6709 string such as `+48.8577+002.2950+035/`.
fn degrees(place: &str) -> Option<(f64, f64)> {
    let second = place.get(1..)?.find(['+', '-'])? + 1;
    let (lat, rest) = place.split_at(second);
    let end = rest.get(1..)?.find(['+', '-', '/']).map_or(rest.len(), |at| at + 1);
    let (lat, lon): (f64, f64) = (lat.parse().ok()?, rest.get(..end)?.parse().ok()?);
    (lat.abs() <= 90.0 && lon.abs() <= 180.0).then_some((lat, lon))
}

/// The stream of a kind that players take: the default one, else the first; of a known codec if there is one.
fn choose<'a>(streams: &'a [Value], kind: &str, fits: impl Fn(&Value) -> bool) -> Option<&'a Value> {
    let text = |stream: &'a Value, name: &str| stream.get(name).and_then(Value::as_str);
    let mut found: Vec<&Value> =
        streams.iter().filter(|stream| text(stream, "codec_type") == Some(kind) && fits(stream)).collect();
    // Sorting is stable: of equals the first stays first.
    found.sort_by_key(|stream| {
        let is_known = text(stream, "codec_name").is_some_and(|name| name != "unknown" && name != "none");
        (!is_known, !has_disposition(stream, "default"))
    });
    found.first().copied()
}

fn read_audio(stream: &Value, clock: &Clock, probe: &mut Probe) {
    let whole = |name: &str| {
        let value = number(stream.get(name)).filter(|value| (1.0..=f64::from(u32::MAX)).contains(value))?;
        #[expect(clippy::cast_possible_truncation, reason = "within the range above")]
        Some(value as u32)
    };
    let (rate_hz, channels) = (whole("sample_rate"), whole("channels"));
    for (name, value) in [("sample_rate_hz", rate_hz), ("channels", channels)] {
        if let Some(value) = value {
            probe.facts.set(name, value);
        }
    }
    probe.audio = Some(AudioStream {
        index: index(stream),
        rate_hz: rate_hz.unwrap_or(0),
        channels: channels.unwrap_or(0),
        end_ms: clock.end_of(stream),
    });
    if let Some(codec) = stream.get("codec_name").and_then(Value::as_str)
        && probe.size.is_none()
    {
        probe.facts.set("codec", codec);
    }
}

fn index(stream: &Value) -> u64 {
    stream.get("index").and_then(Value::as_u64).unwrap_or(0)
}

/// Columns and rows as they are stored.
fn sides(stream: &Value) -> Option<(u32, u32)> {
    let side = |name: &str| {
        let side = stream.get(name).and_then(Value::as_u64)?;
        u32::try_from(side).ok().filter(|side| *side > 0)
    };
    Some((side("width")?, side("height")?))
}

fn read_image(stream: &Value, clock: &Clock, probe: &mut Probe) {
    let Some((width, height)) = sides(stream) else { return };
    let turned = stream
        .get("side_data_list")
        .and_then(Value::as_array)
        .and_then(|list| list.iter().find_map(|data| data.get("rotation")?.as_i64()))
        .is_some_and(|rotation| rotation.rem_euclid(180) == 90);
    let (width, height) = if turned { (height, width) } else { (width, height) };
    probe.size = Some((width, height));
    probe.facts.set("width", width);
    probe.facts.set("height", height);
    if let Some(codec) = stream.get("codec_name").and_then(Value::as_str) {
        probe.facts.set("codec", codec);
    }
    let rate = stream.get("avg_frame_rate").and_then(Value::as_str).and_then(|rate| rate.split_once('/'));
    let rate = rate.and_then(|(num, den)| Some((num.parse::<f64>().ok()?, den.parse::<f64>().ok()?)));
    let fps = rate.filter(|(num, den)| *num > 0.0 && *den > 0.0).map(|(num, den)| num / den);
    if let Some(fps) = fps {
        probe.facts.set("fps", (fps * 1000.0).round() / 1000.0);
    }
    if let Some((num, den)) = editing::frame_rate(stream) {
        probe.facts.set("frame_rate", format!("{num}/{den}"));
    }
    probe.video = Some(VideoStream {
        index: index(stream),
        fps,
        end_ms: clock.end_of(stream),
        transparency: Transparency::of(stream),
    });
}

/// What is needed to tell a container's times as a player does.
struct Clock<'a> {
    /// ffmpeg's name of the format.
    format: &'a str,
    /// Seconds that its earliest stream begins at.
    start: f64,
}

impl<'a> Clock<'a> {
    fn of(format: &'a Value) -> Self {
        let start = number(format.get("start_time")).filter(|start| start.is_finite()).unwrap_or(0.0);
        Self { format: format.get("format_name").and_then(Value::as_str).unwrap_or_default(), start }
    }

    /// Matroska tells where it ends instead of how long it is.
    fn tells_ends(&self) -> bool {
        self.format.contains("matroska")
    }

    /// The length of a file whose format tells these seconds.
    fn length(&self, seconds: f64) -> f64 {
        if self.tells_ends() && (0.0..seconds).contains(&self.start) { seconds - self.start } else { seconds }
    }

    /// Where a stream ends.
    fn end_of(&self, stream: &Value) -> Option<u64> {
        if self.tells_ends() {
            let tags = stream.get("tags").and_then(Value::as_object)?;
            let (_, told) = tags.iter().find(|(key, _)| key.eq_ignore_ascii_case("duration"))?;
            return milliseconds(self.length(clock_seconds(told.as_str()?)?));
        }
        let start = number(stream.get("start_time")).unwrap_or(self.start);
        milliseconds(start - self.start + number(stream.get("duration"))?)
    }
}

/// Seconds of `10:00:09.500000000`.
fn clock_seconds(told: &str) -> Option<f64> {
    let mut seconds = 0.0;
    for part in told.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    Some(seconds)
}

fn milliseconds(seconds: f64) -> Option<u64> {
    let length = Duration::try_from_secs_f64(seconds.min(MAX_SECONDS)).ok()?;
    u64::try_from(length.as_millis()).ok()
}

/// A song's cover is a stream of one image, and no video.
fn is_cover(stream: &Value) -> bool {
    has_disposition(stream, "attached_pic")
}

fn has_disposition(stream: &Value, name: &str) -> bool {
    stream.get("disposition").and_then(|d| d.get(name)).and_then(Value::as_u64) == Some(1)
}

/// ffprobe writes most numbers as strings.
fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_f64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_song_with_a_cover_has_no_frames() {
        let report = serde_json::json!({
            "streams": [
                {"codec_type": "video", "width": 500, "height": 500, "disposition": {"attached_pic": 1}},
                {"codec_type": "audio", "codec_name": "aac", "sample_rate": "44100", "channels": 2},
            ],
            "format": {"duration": "12.5", "tags": {"TITLE": "Song"}},
        });
        let probe = read(&report);
        assert!(probe.size.is_none() && probe.audio.is_some());
        assert_eq!(probe.duration_ms, 12_500);
        assert_eq!(probe.facts.get("title"), Some(&"Song".into()));
    }

    #[test]
    fn default_streams_are_taken() {
        let report = serde_json::json!({
            "streams": [
                {"index": 0, "codec_type": "audio", "codec_name": "aac", "sample_rate": "44100", "channels": 2},
                {"index": 1, "codec_type": "video", "codec_name": "mjpeg", "width": 5, "height": 5,
                 "disposition": {"attached_pic": 1, "default": 1}},
                {"index": 2, "codec_type": "video", "codec_name": "h264", "width": 64, "height": 48},
                {"index": 3, "codec_type": "audio", "sample_rate": "8000", "disposition": {"default": 1}},
                {"index": 4, "codec_type": "audio", "codec_name": "opus", "sample_rate": "48000", "channels": 1,
                 "disposition": {"default": 1}},
            ],
            "format": {},
        });
        let probe = read(&report);
        assert_eq!(probe.video.map(|stream| stream.index), Some(2));
        assert_eq!(probe.audio.map(|stream| (stream.index, stream.rate_hz)), Some((4, 48_000)));
        assert_eq!(probe.facts.get("channels"), Some(&1.into()));
    }

    #[test]
    fn lengths_begin_where_the_first_stream_does() {
        let video = serde_json::json!({"index": 0, "codec_type": "video", "codec_name": "h264", "width": 64,
            "height": 48, "start_time": "36000.0", "tags": {"DURATION": "10:00:09.000000000"}});
        let format = |name: &str, duration: &str| {
            let start = "36000.0";
            serde_json::json!({"format_name": name, "start_time": start, "duration": duration})
        };
        let ends = |format| {
            let probe = read(&serde_json::json!({"streams": [video], "format": format}));
            (probe.duration_ms, probe.video.and_then(|stream| stream.end_ms))
        };
        assert_eq!(ends(format("matroska,webm", "36009.000000")), (9_000, Some(9_000)));
        assert_eq!(ends(format("mpegts", "9.000000")), (9_000, None));
    }

    #[test]
    fn tags_become_facts() {
        let report = serde_json::json!({
            "streams": [{"codec_type": "audio", "codec_name": "opus", "tags": {"ARTIST": "Someone"}}],
            "format": {"duration": "nonsense", "tags": {
                "creation_time": "2021-07-03T10:00:00.000000Z", "location": "+48.8577-002.2950/",
            }},
        });
        let probe = read(&report);
        let fact = |name| probe.facts.get(name).cloned();
        assert_eq!(fact("artist"), Some("Someone".into()));
        assert_eq!(fact("captured_at"), Some("2021-07-03T10:00:00Z".into()));
        assert_eq!(
            (fact("lat"), fact("lon"), fact("duration_ms")),
            (Some(48.8577.into()), Some((-2.295).into()), None)
        );
        assert_eq!(degrees("+27.5916+086.5640+8850/"), Some((27.5916, 86.564)));
        assert_eq!(degrees("+95+10/"), None);
        assert_eq!(degrees("here"), None);
    }

    #[test]
    fn the_first_date_that_can_be_read_is_taken_with_the_year_of_its_place() {
        let dates = |camera: &str, program: &str| {
            let tags =
                serde_json::json!({"com.apple.quicktime.creationdate": camera, "creation_time": program});
            let mut facts = Payload::new();
            read_tags(tags.as_object().expect("an object"), &mut facts);
            (facts.get("captured_at").cloned(), facts.get("year").cloned())
        };
        let found = |time: &str, year: i16| (Some(time.into()), Some(year.into()));
        let stamp = "2021-07-03T10:00:00.000000Z";
        let evening = found("2020-12-31T22:30:00Z", 2021);
        assert_eq!(dates("2021-01-01T00:30:00+0200", stamp), evening);
        assert_eq!(dates("2021-01-01T00:30:00+02:00", "1904-01-01T00:00:00Z"), evening);
        for unset in ["", "1904-01-01T00:00:00+0100", "1970-01-01T00:00:00Z", "1970-01-05T07:00:00Z", "soon"]
        {
            assert_eq!(dates(unset, stamp), found("2021-07-03T10:00:00Z", 2021), "{unset:?}");
            assert_eq!(dates(unset, unset), (None, None), "{unset:?}");
        }
    }

    #[test]
    fn a_turned_video_is_shown_upright() {
        let report = serde_json::json!({
            "streams": [{"codec_type": "video", "width": 1920, "height": 1080, "avg_frame_rate": "30000/1001",
                         "codec_name": "h264", "side_data_list": [{"rotation": -90}]}],
            "format": {"duration": "1.0"},
        });
        let probe = read(&report);
        assert_eq!(probe.size, Some((1080, 1920)));
        assert_eq!(probe.facts.get("fps"), Some(&29.97.into()));
    }
}
