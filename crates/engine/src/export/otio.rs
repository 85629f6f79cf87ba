//! OpenTimelineIO: a timeline whose clips follow one another, in JSON as version 0.12 of its library and later read it.
//!
//! ```text
//! Timeline ─► Stack ─┬► Track "V1": videos and images, gaps where audio is
//!                    └► Track "A1": audio, and that of videos; gaps where there is none
//! ```
//! A clip's `source_range` is in the video's own rate and timecode, and so is its media's `available_range`.

use serde_json::{Value, json};

use sensorium_types::Modality;

use super::moment::{InFrames, timeline};
use super::{ExportMoment, FrameRate, words};

/// Writes the timeline.
pub(super) fn write(moments: &[&ExportMoment]) -> String {
    let sequence = timeline(moments);
    let placed: Vec<_> = moments.iter().map(|moment| (*moment, moment.in_frames(sequence))).collect();
    let tracks = [("V1", "Video"), ("A1", "Audio")].map(|(name, kind)| {
        let is_on = |moment: &ExportMoment| match moment.modality {
            Modality::Video => kind == "Video" || moment.channels > 0,
            Modality::Audio => kind == "Audio",
            Modality::Image | Modality::Text => kind == "Video",
        };
        if !moments.iter().any(|moment| is_on(moment)) {
            return None;
        }
        let children: Vec<Value> = placed
            .iter()
            .map(|(moment, at)| if is_on(moment) { clip(moment, at) } else { gap(at) })
            .collect();
        Some(item("Track.1", name, json!({ "kind": kind, "children": children })))
    });
    let children: Vec<Value> = tracks.into_iter().flatten().collect();
    let stack = item("Stack.1", "tracks", json!({ "children": children }));
    let timeline = json!({
        "OTIO_SCHEMA": "Timeline.1",
        "metadata": {},
        "name": "Sensorium moments",
        "global_start_time": null,
        "tracks": stack,
    });
    format!("{timeline:#}\n")
}

/// What every item of a timeline has, and what only this one has.
fn item(schema: &str, name: &str, own: Value) -> Value {
    let mut item = json!({
        "OTIO_SCHEMA": schema,
        "metadata": {},
        "name": name,
        "source_range": null,
        "effects": [],
        "markers": [],
        "enabled": true,
    });
    if let (Some(item), Value::Object(own)) = (item.as_object_mut(), own) {
        item.extend(own);
    }
    item
}

fn clip(moment: &ExportMoment, at: &InFrames) -> Value {
    let ExportMoment { asset, path, name, modality, span, score, title, .. } = moment;
    let rate = at.start.rate();
    // Frames since midnight, not those of a day that begins anew: the media may run past it.
    let start = at.media_start.frame() + rate.frame_at(moment.times().0);
    let available = at.media_frames.map(|frames| range(at.media_start.frame(), frames, rate));
    let reference = match path {
        Some(path) => json!({
            "OTIO_SCHEMA": "ExternalReference.1",
            "metadata": {},
            "name": name,
            "available_range": available,
            "target_url": words::file_url(path),
        }),
        None => json!({
            "OTIO_SCHEMA": "MissingReference.1",
            "metadata": {},
            "name": name,
            "available_range": available,
        }),
    };
    let own = json!({
        "source_range": range(start, at.frames, rate),
        "media_reference": reference,
        "metadata": { "sensorium": {
            "asset": asset,
            "modality": modality.name(),
            "start_ms": span.map(|(start, _)| start),
            "end_ms": span.map(|(_, end)| end),
            "score": score.map(f64::from).filter(|score| score.is_finite()),
            "title": title,
        }},
    });
    item("Clip.1", name, own)
}

fn gap(at: &InFrames) -> Value {
    item("Gap.1", "", json!({ "source_range": range(0, at.frames, at.start.rate()) }))
}

fn range(start: u64, frames: u64, rate: FrameRate) -> Value {
    let time = |frames: u64| json!({ "OTIO_SCHEMA": "RationalTime.1", "rate": rate.as_f64(), "value": frames as f64 });
    json!({ "OTIO_SCHEMA": "TimeRange.1", "start_time": time(start), "duration": time(frames) })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::super::moment::tests::{other, video};
    use super::*;

    fn read(moments: &[ExportMoment]) -> Value {
        serde_json::from_str(&write(&moments.iter().collect::<Vec<_>>())).expect("JSON")
    }

    #[test]
    fn clips_are_in_the_time_base_of_their_video() {
        let timeline = read(&[video("/m/a b.mov", "30000/1001", "01:00:00;00", (2_002, 4_004))]);
        let clip = &timeline["tracks"]["children"][0]["children"][0];
        let start = &clip["source_range"]["start_time"];
        // An hour of drop-frame timecode is 107,892 frames, 2.002 s are 60.
        assert_eq!(start["value"], 107_952.0);
        assert_eq!(start["rate"].as_f64(), Some(30_000.0 / 1_001.0));
        assert_eq!(clip["source_range"]["duration"]["value"], 60.0);
        let reference = &clip["media_reference"];
        assert_eq!(reference["target_url"], "file:///m/a%20b.mov");
        assert_eq!(reference["available_range"]["start_time"]["value"], 107_892.0);
        assert_eq!(reference["available_range"]["duration"]["value"], 215_784.0);
        assert_eq!(clip["metadata"]["sensorium"]["score"], 5.25);
    }

    #[test]
    fn tracks_stay_side_by_side() {
        let mut mute = video("/m/b.mov", "24000/1001", "", (0, 1_001));
        mute.channels = 0;
        let timeline = read(&[
            video("/m/a.mov", "24000/1001", "", (0, 1_001)),
            other("/m/c.wav", Modality::Audio, Some((0, 2_002))),
            mute,
            other("/m/d.jpg", Modality::Image, None),
        ]);
        let tracks = timeline["tracks"]["children"].as_array().expect("tracks");
        let kinds = |track: &Value| -> Vec<(String, f64)> {
            let children = track["children"].as_array().expect("children");
            children
                .iter()
                .map(|child| {
                    let length = child["source_range"]["duration"]["value"].as_f64().expect("a length");
                    (child["OTIO_SCHEMA"].as_str().unwrap_or_default().to_owned(), length)
                })
                .collect()
        };
        let of = |kinds: [&str; 4]| -> Vec<(String, f64)> {
            kinds.into_iter().map(str::to_owned).zip([24.0, 48.0, 24.0, 120.0]).collect()
        };
        assert_eq!(kinds(&tracks[0]), of(["Clip.1", "Gap.1", "Clip.1", "Clip.1"]));
        assert_eq!(kinds(&tracks[1]), of(["Clip.1", "Clip.1", "Gap.1", "Gap.1"]));
    }

    #[test]
    fn no_track_is_empty_and_no_byte_is_lost() {
        assert_eq!(read(&[])["tracks"]["children"], json!([]));
        let mut sent = other("/x", Modality::Audio, None);
        sent.path = None;
        sent.score = Some(f32::NAN);
        let timeline = read(&[sent]);
        assert_eq!(timeline["tracks"]["children"].as_array().map(Vec::len), Some(1));
        let clip = &timeline["tracks"]["children"][0]["children"][0];
        assert_eq!(clip["media_reference"]["OTIO_SCHEMA"], "MissingReference.1");
        assert_eq!(clip["metadata"]["sensorium"]["score"], Value::Null);
        let mut hostile = other("/x", Modality::Image, None);
        hostile.path = Some(OsStr::from_bytes(b"/m/\xff\"\n.jpg").into());
        let clip = &read(&[hostile])["tracks"]["children"][0]["children"][0];
        assert_eq!(clip["media_reference"]["target_url"], "file:///m/%FF%22%0A.jpg");
    }

    #[test]
    fn a_video_may_run_past_midnight() {
        let timeline = read(&[video("/m/a.mov", "25/1", "23:59:59:00", (2_000, 3_000))]);
        let clip = &timeline["tracks"]["children"][0]["children"][0];
        assert_eq!(clip["source_range"]["start_time"]["value"], 86_399.0 * 25.0 + 50.0);
    }
}
