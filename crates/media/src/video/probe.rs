//! What a container holds, by ffprobe.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use sensorium_types::{FailureReason, Payload, ReasonKind};
use serde_json::{Map, Value};

use super::Ffmpeg;
use crate::{dates, reason};

/// Most output of ffprobe that is read.
const MAX_OUTPUT_BYTES: u64 = 4 << 20;
/// Longest text tag that becomes a fact, in characters.
const MAX_TAG_CHARS: usize = 500;
/// Longest length that a container is believed.
const MAX_SECONDS: f64 = 1e9;

/// The streams and facts of a container.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    /// Columns and rows of the first moving picture as it is shown (turned upright), if there is one.
    pub picture: Option<(u32, u32)>,
    /// Whether there is a sound track.
    pub has_sound: bool,
    /// Length in milliseconds; 0 where the container does not say.
    pub duration_ms: u64,
    /// Facts for the payload.
    pub facts: Payload,
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
    for stream in streams {
        match stream.get("codec_type").and_then(Value::as_str) {
            Some("video") if probe.picture.is_none() && !is_cover(stream) => read_picture(stream, &mut probe),
            Some("audio") if !probe.has_sound => read_sound(stream, &mut probe),
            _ => {}
        }
    }
    let format = report.get("format").unwrap_or(&Value::Null);
    let of_streams = streams.iter().filter_map(|stream| number(stream.get("duration"))).fold(0.0, f64::max);
    let seconds = number(format.get("duration")).unwrap_or(of_streams);
    if seconds.is_finite() && seconds > 0.0 {
        probe.duration_ms = Duration::try_from_secs_f64(seconds.min(MAX_SECONDS))
            .ok()
            .and_then(|length| u64::try_from(length.as_millis()).ok())
            .unwrap_or(0);
        probe.facts.set("duration_ms", probe.duration_ms);
    }
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

fn read_sound(stream: &Value, probe: &mut Probe) {
    probe.has_sound = true;
    for (name, value) in
        [("sample_rate_hz", number(stream.get("sample_rate"))), ("channels", number(stream.get("channels")))]
    {
        if let Some(value) = value.filter(|value| (1.0..1e9).contains(value)) {
            #[expect(clippy::cast_possible_truncation, reason = "within the range above")]
            probe.facts.set(name, value as u64);
        }
    }
    if let Some(codec) = stream.get("codec_name").and_then(Value::as_str)
        && probe.picture.is_none()
    {
        probe.facts.set("codec", codec);
    }
}

fn read_picture(stream: &Value, probe: &mut Probe) {
    let side =
        |name: &str| stream.get(name).and_then(Value::as_u64).and_then(|side| u32::try_from(side).ok());
    let (Some(width), Some(height)) = (side("width"), side("height")) else { return };
    if width == 0 || height == 0 {
        return;
    }
    let turned = stream
        .get("side_data_list")
        .and_then(Value::as_array)
        .and_then(|list| list.iter().find_map(|data| data.get("rotation")?.as_i64()))
        .is_some_and(|rotation| rotation.rem_euclid(180) == 90);
    let (width, height) = if turned { (height, width) } else { (width, height) };
    probe.picture = Some((width, height));
    probe.facts.set("width", width);
    probe.facts.set("height", height);
    if let Some(codec) = stream.get("codec_name").and_then(Value::as_str) {
        probe.facts.set("codec", codec);
    }
    let rate = stream.get("avg_frame_rate").and_then(Value::as_str).and_then(|rate| rate.split_once('/'));
    if let Some((Ok(num), Ok(den))) = rate.map(|(num, den)| (num.parse::<f64>(), den.parse::<f64>()))
        && den > 0.0
        && num > 0.0
    {
        probe.facts.set("fps", (num / den * 1000.0).round() / 1000.0);
    }
}

/// A song's cover is a picture stream, and no film.
fn is_cover(stream: &Value) -> bool {
    stream.get("disposition").and_then(|d| d.get("attached_pic")).and_then(Value::as_u64) == Some(1)
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
    fn a_song_with_a_cover_has_no_picture() {
        let report = serde_json::json!({
            "streams": [
                {"codec_type": "video", "width": 500, "height": 500, "disposition": {"attached_pic": 1}},
                {"codec_type": "audio", "codec_name": "aac", "sample_rate": "44100", "channels": 2},
            ],
            "format": {"duration": "12.5", "tags": {"TITLE": "Song"}},
        });
        let probe = read(&report);
        assert!(probe.picture.is_none() && probe.has_sound);
        assert_eq!(probe.duration_ms, 12_500);
        assert_eq!(probe.facts.get("title"), Some(&"Song".into()));
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
    fn a_turned_film_is_shown_upright() {
        let report = serde_json::json!({
            "streams": [{"codec_type": "video", "width": 1920, "height": 1080, "avg_frame_rate": "30000/1001",
                         "codec_name": "h264", "side_data_list": [{"rotation": -90}]}],
            "format": {"duration": "1.0"},
        });
        let probe = read(&report);
        assert_eq!(probe.picture, Some((1080, 1920)));
        assert_eq!(probe.facts.get("fps"), Some(&29.97.into()));
    }
}
