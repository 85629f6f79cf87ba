//! The pool with the real worker: the binary that `SENSORIUM_BIN` names.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use sensorium_media::{
    Cancel, Decoded, EncoderSpec, Limits, MediaInput, MediaPool, PartContent, PoolConfig, WORKER_SUBCOMMAND,
    try_sandbox,
};
use sensorium_types::{FailureReason, Modality, ReasonKind, Track};

fn program() -> PathBuf {
    let program = std::env::var_os("SENSORIUM_BIN")
        .expect("SENSORIUM_BIN names the built binary, whose hidden subcommand decodes; `make test` sets it");
    PathBuf::from(program)
}

fn pool_with(workers: usize, limits: Limits) -> MediaPool {
    let config = PoolConfig { worker_program: program(), workers, limits, spec: EncoderSpec::default() };
    MediaPool::new(config).expect("a pool")
}

fn decode(path: &Path) -> Result<Decoded, FailureReason> {
    pool_with(1, Limits::default()).decode(MediaInput::Path(path.to_owned()), &Cancel::new())
}

/// Media that ffmpeg makes from these arguments.
fn made(folder: &tempfile::TempDir, name: &str, args: &[&str]) -> PathBuf {
    let path = folder.path().join(name);
    let done = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(args)
        .arg(&path)
        .status()
        .expect("ffmpeg is installed");
    assert!(done.success(), "ffmpeg makes {name}");
    path
}

fn spans(decoded: &Decoded, track: Track) -> Vec<(u64, u64)> {
    decoded.parts.iter().filter(|part| part.track == track).filter_map(|part| part.span?.time()).collect()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

const PATTERN: [&str; 4] = ["-f", "lavfi", "-i", "testsrc=size=320x180:rate=12:duration=3"];
const BLACK: [&str; 4] = ["-f", "lavfi", "-i", "color=black:size=320x180:rate=12:duration=3"];
const TONE: [&str; 4] = ["-f", "lavfi", "-i", "sine=frequency=600:duration=3"];
const SILENCE: [&str; 4] = ["-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=3"];

#[test]
fn a_video_gives_frames_and_audio() {
    let folder = folder();
    let video = made(&folder, "video.mp4", &[&PATTERN[..], &TONE, &["-pix_fmt", "yuv420p"]].concat());
    let decoded = decode(&video).expect("decodes");
    assert_eq!((decoded.modality, decoded.mime.as_str()), (Modality::Video, "video/mp4"));
    assert_eq!(spans(&decoded, Track::Video), [(0, 3_000)]);
    assert_eq!(spans(&decoded, Track::Audio).len(), 1);
    assert_eq!(decoded.facts.get("width"), Some(&320.into()));
    assert_eq!(decoded.facts.get("fps"), Some(&12.0.into()));
    let PartContent::Frames(frames) = &decoded.parts[0].content else { panic!("frames") };
    assert!(frames.iter().all(|frame| (frame.width, frame.height) == (260, 260)) && !frames.is_empty());
    let thumb = decoded.parts[0].thumb.as_ref().expect("a thumbnail");
    assert!(thumb.starts_with(b"\xFF\xD8") && thumb.len() <= 12_000);
}

#[test]
fn a_video_tells_its_exact_rate_and_its_own_timecode() {
    let folder = folder();
    let decoded = |name: &str, rate: &str, more: &[&str]| {
        let source = format!("testsrc=size=320x180:rate={rate}:duration=2");
        let args = [&["-f", "lavfi", "-i", source.as_str()][..], more, &["-pix_fmt", "yuv420p"]].concat();
        let facts = decode(&made(&folder, name, &args)).expect("decodes").facts;
        let text = |field: &str| facts.get(field).and_then(|value| value.as_str()).map(str::to_owned);
        (text("frame_rate"), text("timecode"))
    };
    let some = |rate: &str, timecode: &str| (Some(rate.to_owned()), Some(timecode.to_owned()));
    let timecode = ["-timecode", "01:00:00;02"];
    assert_eq!(decoded("a.mov", "30000/1001", &timecode), some("30000/1001", "01:00:00;02"));
    let timecode = ["-timecode", "10:00:00:00"];
    assert_eq!(decoded("b.mp4", "24000/1001", &timecode), some("24000/1001", "10:00:00:00"));
    // Matroska has its times in milliseconds and its timecode in a tag of the file.
    assert_eq!(decoded("c.mkv", "24000/1001", &timecode), some("24000/1001", "10:00:00:00"));
    let holes = ["-vf", "select='not(eq(mod(n,7),3))'", "-fps_mode", "vfr"];
    assert_eq!(decoded("d.mp4", "30", &holes), (Some("30/1".to_owned()), None));
}

/// A video of three shots of two seconds.
fn three_shots(folder: &tempfile::TempDir) -> PathBuf {
    let three = ["smptebars", "color=blue,noise=alls=60", "testsrc"].map(|source| {
        let source = source.replacen("color=blue", "color=blue:s=320x180:r=12:d=2", 1);
        let sized = if source.contains(":s=") { source } else { format!("{source}=s=320x180:r=12:d=2") };
        ["-f".to_owned(), "lavfi".to_owned(), "-i".to_owned(), sized]
    });
    let mut args: Vec<&str> = three.iter().flatten().map(String::as_str).collect();
    args.extend(["-filter_complex", "[0:v][1:v][2:v]concat=n=3[v]", "-map", "[v]", "-pix_fmt", "yuv420p"]);
    made(folder, "cuts.mkv", &args)
}

#[test]
fn cuts_are_found() {
    let folder = folder();
    let decoded = decode(&three_shots(&folder)).expect("decodes");
    let found = spans(&decoded, Track::Video);
    assert_eq!(found.len(), 3, "{found:?}");
    for (span, expected) in found.iter().zip([0, 2_000, 4_000]) {
        assert!(span.0.abs_diff(expected) <= 250, "{found:?}");
    }
}

#[test]
fn blank_and_silent_videos_keep_one_part() {
    let folder = folder();
    let blank = made(&folder, "blank.mp4", &[&BLACK[..], &SILENCE].concat());
    let decoded = decode(&blank).expect("decodes");
    assert_eq!((decoded.modality, decoded.parts.len()), (Modality::Video, 1));
    assert_eq!(decoded.parts[0].track, Track::Video);
    let sounding = decode(&made(&folder, "sounding.mp4", &[&BLACK[..], &TONE].concat())).expect("decodes");
    assert_eq!(sounding.modality, Modality::Video);
    assert!(sounding.parts.iter().all(|part| part.track == Track::Audio), "the black image is dropped");
}

#[test]
fn a_song_with_a_cover_is_audio() {
    let folder = folder();
    let cover = made(&folder, "cover.jpg", &[&PATTERN[..], &["-frames:v", "1"]].concat());
    let cover = [
        "-i",
        cover.to_str().expect("UTF-8"),
        "-map",
        "1:v",
        "-map",
        "0:a",
        "-c:v",
        "copy",
        "-disposition:v",
        "attached_pic",
    ];
    let tags = ["-metadata", "title=Tone", "-metadata", "artist=Nobody"];
    for name in ["song.m4a", "song.mp3"] {
        let song = made(&folder, name, &[&TONE[..], &cover, &tags].concat());
        let decoded = decode(&song).expect("decodes");
        assert_eq!(decoded.modality, Modality::Audio, "{name}");
        assert!(decoded.mime.starts_with("audio/"), "{name}: {}", decoded.mime);
        assert_eq!(decoded.facts.get("title"), Some(&"Tone".into()), "{name}");
        assert_eq!(decoded.facts.get("artist"), Some(&"Nobody".into()), "{name}");
    }
}

#[test]
fn audio_of_many_codecs_is_decoded() {
    let folder = folder();
    for (name, codec) in [
        ("a.wav", "pcm_s16le"),
        ("a.flac", "flac"),
        ("a.mp3", "libmp3lame"),
        ("a.ogg", "libvorbis"),
        ("a.opus", "libopus"),
        ("a.m4a", "aac"),
        ("b.m4a", "alac"),
        ("a.aac", "aac"),
        ("a.mka", "libopus"),
        ("a.aiff", "pcm_s16be"),
    ] {
        let decoded = decode(&made(&folder, name, &[&TONE[..], &["-c:a", codec]].concat())).expect(name);
        assert_eq!(decoded.modality, Modality::Audio, "{name}");
        let PartContent::Pcm(samples) = &decoded.parts[0].content else { panic!("{name}: samples") };
        assert!(samples.len().abs_diff(48_000) < 3_000, "{name}: {} samples", samples.len());
        let crossings = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert!(crossings.abs_diff(1_800) < 60, "{name}: {crossings} periods");
    }
}

#[test]
fn animations_are_videos() {
    let folder = folder();
    for name in ["a.gif", "a.apng", "a.webp"] {
        let decoded = decode(&made(&folder, name, &[&PATTERN[..], &["-loop", "0"]].concat())).expect(name);
        assert_eq!(decoded.modality, Modality::Video, "{name}");
        let length = decoded.facts.get("duration_ms").and_then(serde_json::Value::as_u64).expect("a length");
        assert!(length.abs_diff(3_000) < 200, "{name}: {length} ms");
    }
    let still =
        decode(&made(&folder, "still.gif", &[&PATTERN[..], &["-frames:v", "1"]].concat())).expect("decodes");
    assert_eq!(still.modality, Modality::Image);
}

#[test]
fn playlists_reach_no_other_file() {
    let folder = folder();
    let video = made(&folder, "video.mp4", &PATTERN);
    let list = format!("ffconcat version 1.0\nfile '{}'\n", video.display());
    let path = folder.path().join("list.mp4");
    fs_err::write(&path, list).expect("writes");
    assert_eq!(decode(&path).expect("a text").modality, Modality::Text);
    let playlist = format!("#EXTM3U\n#EXTINF:3,\nfile:{}\n", video.display());
    fs_err::write(&path, playlist).expect("writes");
    assert_eq!(decode(&path).expect_err("refused").kind, ReasonKind::Unsupported);
}

#[test]
fn memory_is_bounded_by_the_kernel() {
    // 8,000 x 8,000 pixels of one colour: a few kB of PNG, 192 MB when decoded.
    let folder = folder();
    let source = ["-f", "lavfi", "-i", "color=red:size=8000x8000", "-frames:v", "1"];
    let path = made(&folder, "wide.png", &source);
    assert!(decode(&path).is_ok(), "within the limits");
    let limits = Limits { max_memory_bytes: 100 << 20, ..Limits::default() };
    let pool = pool_with(1, limits);
    let failed = pool.decode(MediaInput::Path(path.clone()), &Cancel::new()).expect_err("no memory");
    assert!(matches!(failed.kind, ReasonKind::Crashed | ReasonKind::TooLarge), "{failed}");
    let text = MediaInput::Bytes(Arc::from(b"still here".as_slice()));
    assert_eq!(pool.decode(text, &Cancel::new()).expect("another worker").modality, Modality::Text);
    let limits = Limits { max_pixels: 1_000_000, ..Limits::default() };
    let failed = pool_with(1, limits).decode(MediaInput::Path(path), &Cancel::new()).expect_err("too large");
    assert_eq!(failed.kind, ReasonKind::TooLarge);
}

#[test]
fn many_callers_share_the_workers() {
    let pool = pool_with(2, Limits::default());
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let pool = &pool;
            scope.spawn(move || {
                for turn in 0..20 {
                    let words = format!("caller {caller} turn {turn}");
                    let input = MediaInput::Bytes(Arc::from(words.as_bytes()));
                    let decoded = pool.decode(input, &Cancel::new()).expect("decodes");
                    assert_eq!(decoded.parts[0].content, PartContent::Text(words));
                }
            });
        }
    });
}

#[test]
fn parts_come_one_by_one_and_a_taker_may_stop() {
    let folder = folder();
    let video = made(&folder, "video.mp4", &[&PATTERN[..], &TONE, &["-pix_fmt", "yuv420p"]].concat());
    let pool = pool_with(1, Limits::default());
    let mut tracks = Vec::new();
    let head = pool.decode_each(MediaInput::Path(video.clone()), &Cancel::new(), &mut |part| {
        tracks.push(part.track);
        Ok(())
    });
    assert_eq!(head.expect("decodes").modality, Modality::Video);
    assert_eq!(tracks, [Track::Video, Track::Audio]);
    let stop = FailureReason::new(ReasonKind::TooLarge, "enough");
    let stopped = pool.decode_each(MediaInput::Path(video), &Cancel::new(), &mut |_| Err(stop.clone()));
    assert_eq!(stopped.expect_err("stopped"), stop);
}

#[test]
fn a_slow_taker_gets_every_part() {
    let folder = folder();
    let video = three_shots(&folder);
    let max_stall = std::time::Duration::from_secs(5);
    let pool = pool_with(1, Limits { max_stall, ..Limits::default() });
    let mut taken = Vec::new();
    let mut slow = |part: sensorium_media::Part| {
        taken.push(part.ordinal);
        std::thread::sleep(if part.ordinal == 0 { max_stall } else { std::time::Duration::ZERO });
        Ok(())
    };
    let head = pool.decode_in_time(MediaInput::Path(video), &Cancel::new(), &mut slow).expect("decodes");
    assert_eq!((head.modality, head.warning, taken), (Modality::Video, None, vec![0, 1, 2]));
}

#[test]
fn no_file_takes_longer_than_any_may() {
    let folder = folder();
    let video = three_shots(&folder);
    let pool = pool_with(1, Limits { max_time: std::time::Duration::ZERO, ..Limits::default() });
    let late = pool.decode_in_time(MediaInput::Path(video), &Cancel::new(), &mut |_| Ok(()));
    assert_eq!(late.expect_err("no time at all").kind, ReasonKind::TimedOut);
}

/// A program that leaves a descriptor open and then becomes the worker, as a careless service manager would.
fn careless_starter(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("starter");
    // Written by a child: see the tests with scripts.
    let written = Command::new("sh")
        .args(["-c", "printf '%s' \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh"])
        .arg(format!(
            "#!/bin/sh\nexec 9< /etc/passwd\nexec env -u PWD -u OLDPWD -u SHLVL '{}' \"$@\"\n",
            program().display()
        ))
        .arg(&path)
        .status()
        .expect("sh starts");
    assert!(written.success());
    path
}

#[test]
fn a_worker_reaches_no_network_no_other_file_and_no_other_process() {
    let folder = folder();
    let report = try_sandbox(&careless_starter(&folder)).expect("a report");
    for needed in &report.needed {
        assert!(needed.done, "a worker needs this: {needed:?}");
    }
    let names: Vec<&str> = report.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["network", "files", "calls", "rights", "descriptors"]);
    let refused = report.layers.iter().filter(|layer| layer.given.is_err()).count();
    for layer in &report.layers {
        assert!(!layer.tried.is_empty(), "{}", layer.name);
        match &layer.given {
            Ok(how) => {
                // What one layer leaves to another that this kernel lacks cannot be expected of it.
                let holes: Vec<_> = layer.holes().collect();
                assert!(refused > 0 || holes.is_empty(), "{how}, and yet: {holes:?}");
            }
            Err(why) => eprintln!("SKIPPED: layer {} of the sandbox: {why}", layer.name),
        }
    }
}

#[test]
fn the_ffmpeg_of_a_clip_reads_its_file_alone_and_writes_nothing() {
    let report = try_sandbox(&program()).expect("a report");
    if let Some(files) = report.layers.iter().find(|layer| layer.name == "files" && layer.given.is_err()) {
        eprintln!("SKIPPED: the files of a clip's ffmpeg: {:?}", files.given);
        return;
    }
    let folder = folder();
    let [given, other] = ["given.wav", "other.wav"].map(|name| made(&folder, name, &TONE));
    let us = std::process::id().to_string();
    let run = |args: &[&Path]| {
        let mut command = Command::new(program());
        command.args([WORKER_SUBCOMMAND, "confined", &us]).arg(&given).args(["ffmpeg", "-v", "error", "-i"]);
        command.args(args).output().expect("starts")
    };
    let [format, null, pipe] = ["-f", "null", "-"].map(Path::new);
    let read = run(&[&given, format, null, pipe]);
    assert!(read.status.success(), "{read:?}");
    assert!(!run(&[&other, format, null, pipe]).status.success(), "another file is read");
    let target = folder.path().join("target.wav");
    assert!(!run(&[&given, &target]).status.success(), "a file is written");
    assert!(!target.exists());
}
