//! What a container holds, by ffprobe.

use std::path::Path;

use sensorium_types::{FailureReason, Payload, ReasonKind};
use serde_json::Value;

use super::ffmpeg::{command, complaint_of, file_url, missing, start_failure};
use crate::reason;

/// Most output of ffprobe that is read.
const MAX_OUTPUT_BYTES: usize = 4 << 20;
const MAX_TAG_CHARS: usize = 500;

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
    let output = command("ffprobe")
        .args(["-show_streams", "-show_format", "-of", "json", "-i"])
        .arg(file_url(path))
        .output()
        .map_err(|error| start_failure("ffprobe", &error))?;
    if output.status.code() == Some(crate::worker::PROGRAM_MISSING) {
        return Err(missing("ffprobe"));
    }
    if !output.status.success() || output.stdout.len() > MAX_OUTPUT_BYTES {
        return Err(complaint_of("ffprobe", &String::from_utf8_lossy(&output.stderr)));
    }
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| reason(ReasonKind::Corrupt, "ffprobe: its report cannot be read"))?;
    Ok(read(&report))
}

fn read(report: &Value) -> Probe {
    let mut probe = Probe::default();
    let streams = report.get("streams").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for stream in streams {
        match stream.get("codec_type").and_then(Value::as_str) {
            Some("video") if probe.picture.is_none() && !is_cover(stream) => read_picture(stream, &mut probe),
            Some("audio") if !probe.has_sound => {
                probe.has_sound = true;
                if let Some(rate) = number(stream.get("sample_rate")) {
                    probe.facts.set("sample_rate_hz", rate as u64);
                }
                if let Some(channels) = stream.get("channels").and_then(Value::as_u64) {
                    probe.facts.set("channels", channels);
                }
                if let Some(codec) = stream.get("codec_name").and_then(Value::as_str)
                    && probe.picture.is_none()
                {
                    probe.facts.set("codec", codec);
                }
            }
            _ => {}
        }
    }
    let format = report.get("format").unwrap_or(&Value::Null);
    let of_streams = streams.iter().filter_map(|stream| number(stream.get("duration"))).fold(0.0, f64::max);
    let seconds = number(format.get("duration")).unwrap_or(of_streams);
    if seconds.is_finite() && seconds > 0.0 {
        probe.duration_ms = (seconds * 1000.0).min(1e12) as u64;
        probe.facts.set("duration_ms", probe.duration_ms);
    }
    let tags = format.get("tags").and_then(Value::as_object);
    let tag = |name: &str| {
        let value = tags?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1.as_str()?;
        Some(value.chars().take(MAX_TAG_CHARS).collect::<String>()).filter(|text| !text.trim().is_empty())
    };
    for name in ["title", "artist", "album"] {
        if let Some(value) = tag(name) {
            probe.facts.set(name, value);
        }
    }
    if let Some(time) = tag("creation_time").and_then(|time| time.parse::<jiff::Timestamp>().ok()) {
        probe.facts.set("captured_at", time.to_string());
        probe.facts.set("year", time.to_zoned(jiff::tz::TimeZone::UTC).year());
    }
    probe
}

fn read_picture(stream: &Value, probe: &mut Probe) {
    let side = |name: &str| stream.get(name).and_then(Value::as_u64).and_then(|side| u32::try_from(side).ok());
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
