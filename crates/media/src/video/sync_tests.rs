//! Times of frames and samples against a player's, on small made videos with a flash and a click.
//!
//! The reference is ffprobe on the same file: a frame's own stamp less the file's start, which is what players show.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use sensorium_types::{FailureReason, ReasonKind, Track};
use serde_json::Value;

use super::decode;
use super::frames::{Frames, scan};
use crate::deadline::Deadline;
use crate::ffmpeg::{Probe, Stop, Transparency, VideoStream, probe};
use crate::job::Job;
use crate::sink::{collect, collect_until};
use crate::{EncoderSpec, Head, Limits, Part, PartContent};

/// How far from a player's a time may be, in milliseconds.
const MOST_OFF_MS: u64 = 50;
/// Dark stripes, with a bright flash from 3 to 5 s.
const FLASH: &str = "geq=lum='if(between(T,3,4.99),200,20)+30*mod(floor(X/8),2)':cb=128:cr=128";
/// A soft tone, with a loud click at 3 s.
const CLICK: &str = "aevalsrc='0.02*sin(2000*t)+if(between(t,3,3.03),0.9*sin(12000*t),0)':s=44100:d=7";
/// Samples above this are of the click.
const LOUD: f32 = 0.3;

const H264: &[&str] = &["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p"];
const MP4: &[&str] = &["-c:a", "aac"];
const MKV: &[&str] = &["-c:a", "libvorbis"];
const TS: &[&str] = &["-c:a", "mp2", "-muxdelay", "0.5"];
const WEBM: &[&str] =
    &["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-c:a", "libopus"];

/// How the streams of a video lie in time.
#[derive(Debug, Default, Clone, Copy)]
struct Timeline<'a> {
    name: &'static str,
    rate: &'static str,
    video_late: &'static str,
    audio_late: &'static str,
    /// Filters behind the flash and the click.
    video: &'static str,
    audio: &'static str,
    output: &'a [&'a str],
    /// From where on the made file is copied into another, without decoding.
    copied_from: Option<&'static str>,
}

const PLAIN: Timeline<'static> = Timeline {
    name: "plain",
    rate: "25",
    video_late: "0",
    audio_late: "0",
    video: "null",
    audio: "anull",
    output: &[],
    copied_from: None,
};

const TIMELINES: [Timeline<'static>; 11] = [
    PLAIN,
    Timeline { name: "audio-late", audio_late: "1.7", ..PLAIN },
    Timeline { name: "audio-very-late", audio_late: "6.3", ..PLAIN },
    Timeline { name: "video-late", video_late: "1.7", ..PLAIN },
    Timeline {
        name: "gap",
        video: "setpts='PTS+if(gt(T,2),2.3/TB,0)'",
        audio: "asetpts='PTS+if(gt(T,2),2.3/TB,0)'",
        ..PLAIN
    },
    Timeline { name: "audio-gap", audio: "asetpts='PTS+if(gt(T,1),1.4/TB,0)'", ..PLAIN },
    Timeline { name: "ntsc", rate: "24000/1001", ..PLAIN },
    Timeline {
        name: "variable",
        video: "select='not(between(mod(n,25),3,14))'",
        output: &["-fps_mode", "vfr"],
        ..PLAIN
    },
    Timeline { name: "slides", rate: "1/2", ..PLAIN },
    Timeline { name: "ten-hours", output: &["-output_ts_offset", "36000"], ..PLAIN },
    Timeline { name: "copied", copied_from: Some("1.3"), ..PLAIN },
];

fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).output().expect("ffmpeg is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?} failed; is an encoder missing? {said}");
    output
}

fn made(folder: &Path, name: &str, args: &[&str]) -> PathBuf {
    let path = folder.join(name);
    run("ffmpeg", &[&["-nostdin", "-v", "error", "-y"], args, &[path.to_str().expect("UTF-8")]].concat());
    path
}

/// A video with this timeline.
fn made_with(folder: &Path, timeline: &Timeline, suffix: &str, codecs: &[&str]) -> PathBuf {
    let Timeline { name, rate, video_late, audio_late, video, audio, output, copied_from } = *timeline;
    let source = format!("color=black:s=64x48:r={rate}:d=7,{FLASH},{video}");
    let click = format!("{CLICK},{audio}");
    let inputs = [
        "-itsoffset",
        video_late,
        "-f",
        "lavfi",
        "-i",
        &source,
        "-itsoffset",
        audio_late,
        "-f",
        "lavfi",
        "-i",
        &click,
        "-map",
        "0:v",
        "-map",
        "1:a",
        // Holes stay holes: some muxers would have them filled with copies.
        "-fps_mode",
        "vfr",
    ];
    let made_here = made(folder, &format!("{name}.{suffix}"), &[&inputs, H264, codecs, output].concat());
    let Some(from) = copied_from else { return made_here };
    let input = made_here.to_str().expect("UTF-8");
    made(folder, &format!("{name}-2.{suffix}"), &["-ss", from, "-i", input, "-map", "0", "-c", "copy"])
}

/// What a player shows and plays, in milliseconds.
#[derive(Debug)]
struct Player {
    /// Each frame, and whether it is white.
    frames: Vec<(f64, bool)>,
    click: f64,
    end: f64,
}

fn number(value: &Value, name: &str) -> Option<f64> {
    value.get(name)?.as_str()?.parse().ok()
}

fn samples_of(frame: &Value) -> usize {
    frame["nb_samples"].as_u64().and_then(|count| usize::try_from(count).ok()).expect("samples")
}

fn player(path: &Path) -> Player {
    let file = path.to_str().expect("UTF-8");
    let report = run(
        "ffprobe",
        &["-v", "error", "-show_frames", "-show_format", "-show_streams", "-of", "json", file],
    );
    let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
    let start = number(&report["format"], "start_time").expect("a start");
    let rate = report["streams"].as_array().expect("streams").iter().find_map(|s| number(s, "sample_rate"));
    let rate = rate.expect("a rate");
    let (mut shown, mut heard, mut end) = (Vec::new(), Vec::new(), 0.0_f64);
    for frame in report["frames"].as_array().expect("frames") {
        let at = number(frame, "best_effort_timestamp_time").expect("a time") - start;
        let length = number(frame, "duration_time").or_else(|| number(frame, "pkt_duration_time"));
        end = end.max(at + length.unwrap_or(0.0));
        match frame["media_type"].as_str() {
            Some("video") => shown.push(at * 1000.0),
            _ => heard.push((at * 1000.0, samples_of(frame))),
        }
    }
    let grey =
        ["-map", "0:v", "-fps_mode", "passthrough", "-vf", "scale=1:1,format=gray", "-f", "rawvideo", "-"];
    let grey = run("ffmpeg", &[&["-nostdin", "-v", "error", "-i", file], &grey[..]].concat()).stdout;
    assert_eq!(grey.len(), shown.len(), "the reference itself");
    let pcm = ["-map", "0:a", "-ac", "1", "-f", "f32le", "-"];
    let pcm = run("ffmpeg", &[&["-nostdin", "-v", "error", "-i", file], &pcm[..]].concat()).stdout;
    let samples = pcm.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four")));
    let mut click = samples.into_iter().position(|sample| sample.abs() > LOUD).expect("a click");
    let holder = heard.iter().find(|(_, count)| {
        let is_here = click < *count;
        click -= if is_here { 0 } else { *count };
        is_here
    });
    let click = holder.expect("a packet with the click").0 + click as f64 * 1000.0 / rate;
    Player {
        frames: shown.into_iter().zip(grey.iter().map(|grey| *grey > 128)).collect(),
        click,
        end: end * 1000.0,
    }
}

fn with_job<T>(path: &Path, work: impl FnOnce(&Job) -> T) -> T {
    let (spec, limits) = (EncoderSpec::default(), Limits::default());
    work(&Job { path, mime: "video/mp4", threads: 1, spec: &spec, limits: &limits })
}

fn decoded(path: &Path) -> Result<(Head, Vec<Part>), FailureReason> {
    with_job(path, |job| collect(1000, |sink| decode(job, sink)))
}

/// The frames that are looked at: when, and whether they are white.
fn scanned(path: &Path) -> Vec<(u64, bool)> {
    with_job(path, |job| {
        let probe = probe(path).expect("a video");
        let stream = probe.video.as_ref().expect("a stream");
        let mut frames = Frames::open(job, &probe, stream).expect("opens");
        let mut found = Vec::new();
        let until = Deadline::never().moment();
        loop {
            match frames.next(until) {
                Ok((at_ms, frame)) => found.push((at_ms, frame.pixels[0] > 128)),
                Err(Stop::End) => return found,
                Err(other) => panic!("{other:?}"),
            }
        }
    })
}

fn spans(parts: &[Part], track: Track) -> Vec<(u64, u64)> {
    parts.iter().filter(|part| part.track == track).filter_map(|part| part.span?.time()).collect()
}

/// When the click is heard.
fn click_of(parts: &[Part]) -> Option<f64> {
    parts.iter().find_map(|part| {
        let PartContent::Pcm(samples) = &part.content else { return None };
        let place = samples.iter().position(|sample| sample.abs() > LOUD)?;
        Some(part.span?.time()?.0 as f64 + place as f64 / 16.0)
    })
}

fn duration_of(head: &Head) -> u64 {
    head.facts.get("duration_ms").and_then(Value::as_u64).expect("a length")
}

/// Holds one video against the player; gives what is wrong.
fn wrong_with(path: &Path) -> Vec<String> {
    let most = MOST_OFF_MS as f64;
    let player = player(path);
    let (head, parts) = decoded(path).expect("decodes");
    let mut wrong = Vec::new();
    let frames = scanned(path);
    for (at_ms, is_white) in &frames {
        let near = player
            .frames
            .iter()
            .min_by(|a, b| (a.0 - *at_ms as f64).abs().total_cmp(&(b.0 - *at_ms as f64).abs()));
        match near {
            Some((at, white)) if (at - *at_ms as f64).abs() <= 2.0 && white == is_white => {}
            other => wrong.push(format!("a frame at {at_ms} ms, white: {is_white}; a player: {other:?}")),
        }
    }
    let holes = frames.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 300).map(|pair| pair[0].0);
    for hole in holes {
        let is_true = player
            .frames
            .windows(2)
            .any(|pair| (pair[0].0 - hole as f64).abs() < 300.0 && pair[1].0 - pair[0].0 > 200.0);
        if !is_true {
            wrong.push(format!("no frame is looked at after {hole} ms"));
        }
    }
    match click_of(&parts) {
        Some(click) if (click - player.click).abs() <= most => {}
        click => wrong.push(format!("click at {click:?}, a player's at {}", player.click)),
    }
    let flash = player.frames.iter().find(|(_, white)| *white).expect("a flash").0;
    for (track, event) in [(Track::Video, flash), (Track::Audio, player.click)] {
        let spans = spans(&parts, track);
        if !spans.iter().any(|(from, to)| (*from as f64 - most..*to as f64 + most).contains(&event)) {
            wrong.push(format!("{track} at {event} ms lies in none of {spans:?}"));
        }
    }
    let length = duration_of(&head);
    if (length as f64 - player.end).abs() > most {
        wrong.push(format!("{length} ms long, a player's last frame or sample ends at {} ms", player.end));
    }
    wrong.extend(head.warning.map(|warning| warning.to_string()));
    wrong
}

fn hold_against_a_player(suffix: &str, codecs: &[&str], more: &[Timeline]) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut wrong = Vec::new();
    for timeline in TIMELINES.iter().chain(more) {
        let path = made_with(folder.path(), timeline, suffix, codecs);
        wrong.extend(wrong_with(&path).into_iter().map(|told| format!("{}.{suffix}: {told}", timeline.name)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

const REORDERED: Timeline<'static> =
    Timeline { name: "reordered", output: &["-preset", "veryfast", "-bf", "3"], ..PLAIN };

#[test]
fn times_of_mp4_are_a_players() {
    // What lies before 0 is not shown: an edit list says so.
    let negative = ["-output_ts_offset", "-0.7", "-avoid_negative_ts", "disabled"];
    hold_against_a_player(
        "mp4",
        MP4,
        &[REORDERED, Timeline { name: "negative", output: &negative, ..PLAIN }],
    );
}

#[test]
fn times_of_matroska_are_a_players() {
    hold_against_a_player("mkv", MKV, &[REORDERED]);
}

#[test]
fn times_of_transport_streams_are_a_players() {
    // The clock of 33 bits turns over 3.7 s behind the start.
    let wrap = Timeline { name: "wrap", output: &["-output_ts_offset", "95440"], ..PLAIN };
    // ffmpeg would squeeze such a hole out.
    let hole = Timeline {
        name: "hole",
        video: "setpts='PTS+if(gt(T,2),15/TB,0)'",
        audio: "asetpts='PTS+if(gt(T,2),15/TB,0)'",
        ..PLAIN
    };
    hold_against_a_player("ts", TS, &[REORDERED, wrap, hole]);
}

#[test]
fn times_of_webm_are_a_players() {
    hold_against_a_player("webm", WEBM, &[]);
}

#[test]
fn times_of_older_containers_are_a_players() {
    let folder = tempfile::tempdir().expect("a folder");
    let avi: &[&str] = &["-c:v", "mpeg4", "-c:a", "libmp3lame"];
    let ogg: &[&str] = &["-c:v", "libtheora", "-c:a", "libvorbis"];
    for (suffix, codecs) in
        [("avi", avi), ("ogv", ogg), ("mov", &["-c:a", "pcm_s16le"]), ("flv", &["-c:a", "aac"])]
    {
        let path = made_with(folder.path(), &PLAIN, suffix, codecs);
        assert_eq!(wrong_with(&path), Vec::<String>::new(), "{suffix}");
    }
}

#[test]
fn a_hole_of_two_hours_costs_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let hole = Timeline {
        name: "hole",
        rate: "10",
        video: "setpts='PTS+if(gt(T,4),7200/TB,0)'",
        audio: "asetpts='PTS+if(gt(T,4),7200/TB,0)'",
        ..PLAIN
    };
    for (suffix, codecs) in [("mkv", MKV), ("mp4", MP4)] {
        let path = made_with(folder.path(), &hole, suffix, codecs);
        assert!((20..=30).contains(&scanned(&path).len()), "frames of 7 s");
        let (head, parts) = decoded(&path).expect("decodes");
        assert!(duration_of(&head).abs_diff(7_207_000) <= 100, "{}", duration_of(&head));
        assert!(parts.len() <= 6, "{} parts", parts.len());
        let samples: usize = parts
            .iter()
            .map(|part| match &part.content {
                PartContent::Pcm(samples) => samples.len(),
                PartContent::Frames(_) | PartContent::Text(_) => 0,
            })
            .sum();
        assert!(samples <= 10 * 16_000, "{samples} samples");
        for track in [Track::Video, Track::Audio] {
            let found = spans(&parts, track);
            assert!(found.iter().all(|(from, to)| to - from <= 6_000), "{found:?}");
            assert!(found.iter().any(|(from, _)| *from > 7_203_000), "{found:?}");
        }
    }
}

#[test]
fn few_frames_make_one_part() {
    let folder = tempfile::tempdir().expect("a folder");
    for (suffix, codecs) in [("mp4", MP4), ("webm", WEBM)] {
        for (rate, count) in [(25, 1), (25, 3), (30, 1), (30, 2), (30, 3)] {
            let source = format!("testsrc=s=64x48:r={rate}");
            let count_told = count.to_string();
            let inputs = ["-f", "lavfi", "-i", &source, "-frames:v", &count_told];
            let path =
                made(folder.path(), &format!("{rate}-{count}.{suffix}"), &[&inputs, H264, codecs].concat());
            let (head, parts) = decoded(&path).expect("decodes");
            let [part] = parts.as_slice() else { panic!("{} parts", parts.len()) };
            let (start, end) = part.span.and_then(|span| span.time()).expect("a span");
            let length: u64 = 1000 * count / rate;
            assert!(start == 0 && end.abs_diff(length) <= 2, "{suffix} {rate} {count}: {start} to {end}");
            assert!(
                duration_of(&head).abs_diff(length) <= 2,
                "{suffix} {rate} {count}: {}",
                duration_of(&head)
            );
        }
    }
}

#[test]
fn recordings_that_were_joined_follow_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = made_with(folder.path(), &PLAIN, "ts", TS);
    let bytes = fs_err::read(one).expect("reads");
    let path = folder.path().join("both.ts");
    fs_err::write(&path, [bytes.as_slice(), &bytes].concat()).expect("writes");
    let white: Vec<_> = scanned(&path).into_iter().filter(|(_, white)| *white).map(|(at, _)| at).collect();
    let (first, second) = white.split_at(white.len() / 2);
    assert!(first.first().is_some_and(|at| at.abs_diff(3_000) <= 300), "{white:?}");
    assert!(second.first().is_some_and(|at| at.abs_diff(10_000) <= 400), "{white:?}");
    let (head, _) = decoded(&path).expect("decodes");
    assert!(duration_of(&head).abs_diff(14_000) <= 300, "{}", duration_of(&head));
}

#[test]
fn the_default_tracks_are_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let video = format!("color=black:s=64x48:r=10:d=7,{FLASH}");
    let args = [
        "-f",
        "lavfi",
        "-i",
        &video,
        "-f",
        "lavfi",
        "-i",
        "sine=d=7",
        "-f",
        "lavfi",
        "-i",
        CLICK,
        "-map",
        "0",
        "-map",
        "1",
        "-map",
        "2",
        "-disposition:a:0",
        "0",
        "-disposition:a:1",
        "default",
        "-c:a:0",
        "flac",
        "-c:a:1",
        "flac",
        "-ac:a:1",
        "1",
        "-ar:a:0",
        "8000",
    ];
    let (head, parts) = decoded(&made(folder.path(), "two.mkv", &[&args, H264].concat())).expect("decodes");
    assert!(click_of(&parts).is_some_and(|click| (click - 3_000.0).abs() < 50.0), "the second track");
    assert_eq!(head.facts.get("sample_rate_hz"), Some(&44_100.into()));
}

#[test]
fn what_is_missing_is_told_and_what_came_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = made_with(folder.path(), &PLAIN, "mkv", MKV);
    let bytes = fs_err::read(whole).expect("reads");
    let half = folder.path().join("half.mkv");
    fs_err::write(&half, &bytes[..bytes.len() / 2]).expect("writes");
    let (head, parts) = decoded(&half).expect("decodes");
    assert!(!parts.is_empty());
    let warning = head.warning.expect("a warning");
    assert_eq!(warning.kind, ReasonKind::Corrupt, "{warning}");
    assert!(
        warning.detail.starts_with("decoded until 00:00:0") && warning.detail.contains("of 00:00:07"),
        "{warning}"
    );

    // Audio of a rate that nothing is recorded at: the frames stay.
    let slow = folder.path().join("slow.avi");
    let odd = made(
        folder.path(),
        "odd.avi",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc=s=64x48:r=10:d=2",
            "-f",
            "lavfi",
            "-i",
            "sine=d=2:r=8000",
            "-c:v",
            "mpeg4",
            "-c:a",
            "pcm_s16le",
        ],
    );
    let mut bytes = fs_err::read(odd).expect("reads");
    // The audio's format says its rate behind its tag and the number of its channels.
    let place = bytes.windows(4).rposition(|four| four == 8000_u32.to_le_bytes()).expect("a rate");
    bytes[place..place + 4].copy_from_slice(&1_u32.to_le_bytes());
    fs_err::write(&slow, bytes).expect("writes");
    let (head, parts) = decoded(&slow).expect("decodes");
    assert_eq!(spans(&parts, Track::Video).len(), 1);
    let warning = head.warning.expect("a warning");
    assert!(warning.detail.contains("its audio: a sample rate of 1 Hz"), "{warning}");
}

#[test]
fn a_deadline_keeps_what_was_decoded() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = made_with(folder.path(), &Timeline { output: &["-t", "7"], ..PLAIN }, "ts", TS);
    let bytes = fs_err::read(&whole).expect("reads");
    // A file that stops to come: a FIFO of which nothing more is written.
    let path = folder.path().join("slow.ts");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .expect("a FIFO");
    let (over, wait) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut file = fs_err::File::create(path).expect("opens");
            let _ = std::io::Write::write_all(&mut file, &bytes[..bytes.len() / 10 * 9]);
            let _ = wait.recv();
        }
    });
    let probe = Probe {
        size: Some((64, 48)),
        video: Some(VideoStream {
            index: 0,
            fps: Some(25.0),
            end_ms: None,
            transparency: Transparency::default(),
        }),
        duration_ms: 7_000,
        ..Probe::default()
    };
    let far = Duration::from_secs(3600);
    let (scanned, parts) = with_job(&path, |job| {
        let stalls = Deadline::within(Duration::from_secs(5), far);
        collect_until(stalls, 100, |sink| scan(job, &probe, sink)).expect("scans")
    });
    drop(over);
    writer.join().expect("writes");
    let trouble = scanned.trouble.expect("its time was up");
    assert_eq!(trouble.kind, ReasonKind::TimedOut, "{trouble}");
    assert!(
        trouble.detail.starts_with("stopped at 00:00:0") && trouble.detail.contains("of 00:00:07"),
        "{trouble}"
    );
    assert!(!scanned.is_whole && !parts.is_empty());
    for (stall, time) in [(Duration::ZERO, far), (far, Duration::ZERO)] {
        let none = Deadline::within(stall, time);
        let late = with_job(&whole, |job| collect_until(none, 100, |sink| decode(job, sink)));
        assert_eq!(late.expect_err("no time at all").kind, ReasonKind::TimedOut);
    }
}
