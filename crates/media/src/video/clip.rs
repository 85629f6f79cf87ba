//! Stretches of a video as one clip.
//!
//! Both streams keep the times of a player, and so how they lie to each other: a stretch begins with the frame that is on
//! the screen then, and with silence if there is no sample yet.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sensorium_types::{FailureReason, ReasonKind};

use super::parts::MAX_STAND_MS;
use crate::ffmpeg::{Ffmpeg, PLAYER_TIME, Probe, probe, steady};
use crate::{Cancel, Limits, reason};

/// Bytes that are taken from ffmpeg at a time.
const CHUNK_BYTES: usize = 1 << 16;
/// Frames a second of a video that does not tell its own.
const USUAL_FPS: f64 = 25.0;
/// Frames a second that a clip has at least, as a multiple of the video's own: a frame is never off by more than half of
/// one's time.
const LEAST_FPS: f64 = 23.0;
/// And at most.
const MAX_FPS: f64 = 60.0;
/// Samples a second of a clip.
const SAMPLE_RATE: u32 = 48_000;
/// Video of the clip. It is written from front to back, as what goes through a pipe must be; there is no room
/// then for a list that would take back the delay of frames out of order, so there are none.
const H264: [&str; 10] =
    ["-c:v", "libx264", "-preset", "veryfast", "-crf", "21", "-pix_fmt", "yuv420p", "-bf", "0"];
/// Its audio, and what holds both.
const MP4: [&str; 8] = [
    "-c:a",
    "aac",
    "-movflags",
    "frag_keyframe+empty_moov+default_base_moof",
    "-f",
    "mp4",
    "-map_metadata",
    "-1",
];

/// Cuts stretches (in milliseconds, in order of time) out of a video, or an audio file, and joins them, with their audio, as MP4. The
/// target is there when all of it is written, and replaces what was there.
///
/// # Errors
/// If ffmpeg or ffprobe is not installed or fails, there is no stretch, the file is neither, or the target cannot be
/// written; then there is no new target.
pub fn cut_clip(
    video: &Path,
    spans: &[(u64, u64)],
    target: &Path,
    cancel: &Cancel,
) -> Result<(), FailureReason> {
    let probe = probe(video)?;
    if (probe.video.is_none() && probe.audio.is_none()) || spans.is_empty() {
        return Err(reason(ReasonKind::Unsupported, "there is no moving image and no audio to cut"));
    }
    let unwritten =
        |error: std::io::Error| reason(ReasonKind::Unreadable, format!("write the clip: {error}"));
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .prefix(".sensorium-clip-")
        // As any new file: what the user's mask leaves.
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(unwritten)?;
    let chain = chain(spans, &probe);
    let mut after = vec![PLAYER_TIME];
    after.extend(["-filter_complex", &chain]);
    if probe.video.is_some() {
        after.extend(["-map", "[video]"]);
        after.extend(H264);
    }
    if probe.audio.is_some() {
        after.extend(["-map", "[audio]"]);
    }
    after.extend(MP4);
    after.push("pipe:1");
    let mut ffmpeg = Ffmpeg::start(video, 1, &after)?;
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    loop {
        if cancel.is_cancelled() {
            return Err(reason(ReasonKind::TimedOut, "interrupted"));
        }
        let count = ffmpeg
            .read(&mut chunk)
            .map_err(|error| reason(ReasonKind::Crashed, format!("read from ffmpeg: {error}")))?;
        if count == 0 {
            break;
        }
        file.write_all(chunk.get(..count).unwrap_or_default()).map_err(unwritten)?;
    }
    ffmpeg.finish()?;
    file.flush().map_err(unwritten)?;
    file.persist(target).map_err(|error| unwritten(error.error))?;
    Ok(())
}

/// The filters: each stretch from the streams that there are, then all one after another, with even sides.
fn chain(spans: &[(u64, u64)], probe: &Probe) -> String {
    let steady = steady(probe.start, Limits::MAX_MEDIA_SECONDS);
    let fps = fps(probe.video.as_ref().and_then(|stream| stream.fps));
    let mut chain = String::new();
    let mut joined = String::new();
    for (place, (start_ms, end_ms)) in spans.iter().enumerate() {
        let (start, end) = (seconds(*start_ms), seconds(*end_ms));
        let length = seconds(end_ms.saturating_sub(*start_ms));
        if let Some(video) = &probe.video {
            // The frame that stands when the stretch begins may have come long before; the last one stands to its end, and no
            // longer, whatever hole follows.
            let before = seconds(start_ms.saturating_sub(MAX_STAND_MS));
            let index = video.index;
            chain += &format!(
                "[0:{index}]setpts='{steady}',trim=start={before}:end={end},setpts='max(PTS-{start}/TB,0)',\
                 fps={fps}:start_time=0,trim=end={length}[v{place}];"
            );
            joined += &format!("[v{place}]");
        }
        if let Some(audio) = &probe.audio {
            let index = audio.index;
            chain += &format!(
                "[0:{index}]asetpts='{steady}',atrim=start={start}:end={end},asetpts='PTS-{start}/TB',\
                 aresample={SAMPLE_RATE}:async=1:first_pts=0[a{place}];"
            );
            joined += &format!("[a{place}]");
        }
    }
    let (videos, joined_video) = if probe.video.is_some() { (1, "[joined]") } else { (0, "") };
    let (audios, joined_audio) = if probe.audio.is_some() { (1, "[audio]") } else { (0, "") };
    chain += &format!("{joined}concat=n={}:v={videos}:a={audios}{joined_video}{joined_audio}", spans.len());
    if probe.video.is_some() {
        chain += ";[joined]scale=trunc(iw/2)*2:trunc(ih/2)*2[video]";
    }
    chain
}

/// The rate of a clip's frames: the video's own, or a multiple of it.
fn fps(own: Option<f64>) -> f64 {
    let own = own.filter(|fps| *fps > 0.0 && fps.is_finite()).unwrap_or(USUAL_FPS);
    (own * (LEAST_FPS / own).ceil().max(1.0)).min(MAX_FPS)
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;
    use crate::ffmpeg::{AudioStream, Transparency, VideoStream};

    fn probed(fps: f64, has_audio: bool) -> Probe {
        let video = Some(VideoStream {
            index: 3,
            fps: Some(fps),
            end_ms: None,
            transparency: Transparency::default(),
        });
        let audio = AudioStream { index: 1, rate_hz: 44_100, channels: 2, end_ms: None };
        Probe { video, audio: has_audio.then_some(audio), ..Probe::default() }
    }

    /// A video that ffmpeg makes of these inputs.
    fn made(folder: &tempfile::TempDir, name: &str, args: &[&str]) -> PathBuf {
        let path = folder.path().join(name);
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin"])
            .args(args)
            .arg(format!("file:{}", path.display()))
            .status()
            .expect("ffmpeg");
        assert!(made.success(), "{name}");
        path
    }

    /// Loudness of each tenth of a second of a file's audio, on a player's timeline.
    fn tenths(path: &Path) -> Vec<f32> {
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(path)
            .args([
                "-map",
                "0:a",
                "-af",
                "aresample=16000:async=1:first_pts=0",
                "-ac",
                "1",
                "-f",
                "s16le",
                "-",
            ])
            .output()
            .expect("ffmpeg");
        let samples: Vec<i16> =
            output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        samples
            .chunks(1_600)
            .map(|tenth| tenth.iter().map(|sample| f32::from(sample.unsigned_abs())).sum::<f32>() / 1_600.0)
            .collect()
    }

    /// Brightness of each 50 ms of a file's frames, on a player's timeline.
    fn brightness(path: &Path) -> Vec<u8> {
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(path)
            .args(["-map", "0:v", "-vf", "fps=20:start_time=0,scale=1:1,format=gray", "-f", "rawvideo", "-"])
            .output()
            .expect("ffmpeg");
        output.stdout
    }

    #[test]
    fn filters_hold_numbers_alone() {
        let steady = steady(0.0, Limits::MAX_MEDIA_SECONDS);
        let told = chain(&[(500, 1_250)], &probed(10.0, true));
        assert_eq!(
            told,
            format!(
                "[0:3]setpts='{steady}',trim=start=0.000:end=1.250,setpts='max(PTS-0.500/TB,0)',fps=30:start_time=0,trim=end=0.750[v0];\
                 [0:1]asetpts='{steady}',atrim=start=0.500:end=1.250,asetpts='PTS-0.500/TB',\
                 aresample=48000:async=1:first_pts=0[a0];\
                 [v0][a0]concat=n=1:v=1:a=1[joined][audio];[joined]scale=trunc(iw/2)*2:trunc(ih/2)*2[video]"
            )
        );
        assert!(!chain(&[(0, 1), (2, 3)], &probed(25.0, false)).contains("atrim"));
        for (own, wanted) in [(25.0, 25.0), (12.0, 24.0), (0.1, 23.0), (1000.0, 60.0), (f64::NAN, 25.0)] {
            assert!((fps(Some(own)) - wanted).abs() < 0.1, "{own}");
        }
    }

    #[test]
    fn audio_keeps_its_place_in_a_stretch() {
        let folder = tempfile::tempdir().expect("a folder");
        // White from 4 to 5 s, and a tone from 4 to 6 s: the track begins with it.
        let late = made(
            &folder,
            "late.mkv",
            &[
                "-f",
                "lavfi",
                "-i",
                "color=black:s=64x48:r=10:d=8,geq=lum='if(between(T,4,5),235,16)':cb=128:cr=128",
                "-itsoffset",
                "4",
                "-f",
                "lavfi",
                "-i",
                "sine=d=2",
                "-map",
                "0:v",
                "-map",
                "1:a",
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
            ],
        );
        let target = folder.path().join("clip.mp4");
        cut_clip(&late, &[(1_000, 2_000), (3_000, 8_000)], &target, &Cancel::new()).expect("a clip");
        // The tone lies 1 s into the second stretch, which begins behind a first one of 1 s.
        let found = tenths(&target);
        let loud: Vec<_> = (0..found.len()).filter(|tenth| found[*tenth] > 500.0).collect();
        assert!(loud.first().is_some_and(|tenth| tenth.abs_diff(20) <= 1), "{loud:?}");
        assert!(loud.last().is_some_and(|tenth| tenth.abs_diff(39) <= 1), "{loud:?}");
        let white = brightness(&target).iter().position(|grey| *grey > 128).expect("white");
        assert!(white.abs_diff(40) <= 1, "white at {white} of 20 a second");
    }

    #[test]
    fn a_hole_between_stretches_is_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let video = "testsrc=s=64x48:r=10:d=6,setpts='PTS+if(gte(T,4),900/TB,0)'";
        let audio = "sine=d=6,asetpts='PTS+if(gte(T,4),900/TB,0)'";
        let args = ["-f", "lavfi", "-i", video, "-f", "lavfi", "-i", audio, "-fps_mode", "vfr"];
        let hole = made(&folder, "hole.mkv", &args);
        let target = folder.path().join("clip.mp4");
        cut_clip(&hole, &[(1_000, 4_000), (904_000, 906_000)], &target, &Cancel::new()).expect("a clip");
        let length = probe(&target).expect("a video").duration_ms;
        assert!(length.abs_diff(5_000) <= 150, "{length}");
    }

    #[test]
    fn a_slide_is_there_when_its_stretch_begins() {
        let folder = tempfile::tempdir().expect("a folder");
        // Black until 4 s, then white: four seconds each of one frame.
        let slides = made(
            &folder,
            "slides.mp4",
            &[
                "-f",
                "lavfi",
                "-i",
                "color=black:s=64x48:r=1/4:d=12,geq=lum='if(gte(T,4),235,16)':cb=128:cr=128",
                "-f",
                "lavfi",
                "-i",
                "sine=d=12",
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
            ],
        );
        let target = folder.path().join("clip.mp4");
        cut_clip(&slides, &[(2_000, 6_000)], &target, &Cancel::new()).expect("a clip");
        let white = brightness(&target).iter().position(|grey| *grey > 128).expect("white");
        assert!(white.abs_diff(40) <= 1, "white at {white} of 20 a second");
    }

    #[test]
    fn stretches_are_joined_with_their_audio() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = "testsrc=d=6:s=97x64:r=10[out0];sine=d=6[out1]";
        let args = ["-f", "lavfi", "-i", source, "-pix_fmt", "yuv444p", "-f", "matroska"];
        let video = made(&folder, "-video: a.mkv", &args);
        let target = folder.path().join("clip.mp4");
        fs_err::write(&target, "old").expect("writes");
        cut_clip(&video, &[(500, 1_500), (4_000, 4_500)], &target, &Cancel::new()).expect("a clip");
        let probe = probe(&target).expect("a video");
        assert_eq!((probe.size, probe.audio.is_some()), (Some((96, 64)), true));
        assert!(probe.duration_ms.abs_diff(1_500) <= 150, "{}", probe.duration_ms);
        assert_eq!(fs_err::read_dir(folder.path()).expect("lists").count(), 2, "nothing else is left");
    }

    #[test]
    fn what_fails_leaves_the_target_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (video, target) = (folder.path().join("video.mp4"), folder.path().join("clip.mp4"));
        fs_err::write(&video, "no video").expect("writes");
        fs_err::write(&target, "old").expect("writes");
        cut_clip(&video, &[(0, 1)], &target, &Cancel::new()).expect_err("no video");
        assert_eq!(fs_err::read(&target).expect("reads"), b"old");
        assert_eq!(fs_err::read_dir(folder.path()).expect("lists").count(), 2);
    }
}
