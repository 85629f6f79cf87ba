//! Stretches of a film as one clip.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sensorium_types::{FailureReason, ReasonKind};

use super::ffmpeg::Ffmpeg;
use super::probe::probe;
use crate::{Cancel, reason};

/// Bytes that are taken from ffmpeg at a time.
const CHUNK_BYTES: usize = 1 << 16;
/// Picture and sound of the clip. It is written from front to back, as what goes through a pipe must be; there is no room
/// then for a list that would take back the delay of pictures out of order, so there are none.
const MP4: [&str; 18] = [
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-crf",
    "21",
    "-pix_fmt",
    "yuv420p",
    "-bf",
    "0",
    "-c:a",
    "aac",
    "-movflags",
    "frag_keyframe+empty_moov+default_base_moof",
    "-f",
    "mp4",
    "-map_metadata",
    "-1",
];

/// Cuts stretches (in milliseconds, in order of time) out of a film and joins them, picture and sound, as MP4. The target
/// is there when all of it is written, and replaces what was there.
///
/// # Errors
/// If ffmpeg or ffprobe is not installed or fails, there is no stretch, the file is no film, or the target cannot be
/// written; then there is no new target.
pub fn cut_clip(
    film: &Path,
    spans: &[(u64, u64)],
    target: &Path,
    cancel: &Cancel,
) -> Result<(), FailureReason> {
    let probe = probe(film)?;
    if probe.picture.is_none() || spans.is_empty() {
        return Err(reason(ReasonKind::Unsupported, "there is no moving picture to cut"));
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
    let chain = chain(spans, probe.has_sound);
    let mut after = vec!["-filter_complex", &chain, "-map", "[picture]"];
    if probe.has_sound {
        after.extend(["-map", "[sound]"]);
    }
    after.extend(MP4);
    after.push("pipe:1");
    let mut ffmpeg = Ffmpeg::start(film, 1, &after)?;
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

/// The filters: each stretch from both streams, then all one after another, with even sides.
fn chain(spans: &[(u64, u64)], has_sound: bool) -> String {
    let mut chain = String::new();
    let mut joined = String::new();
    for (place, (start_ms, end_ms)) in spans.iter().enumerate() {
        let (start, end) = (seconds(*start_ms), seconds(*end_ms));
        chain += &format!("[0:V:0]trim=start={start}:end={end},setpts=PTS-STARTPTS[v{place}];");
        joined += &format!("[v{place}]");
        if has_sound {
            chain += &format!("[0:a:0]atrim=start={start}:end={end},asetpts=PTS-STARTPTS[a{place}];");
            joined += &format!("[a{place}]");
        }
    }
    let (sounds, pads) = if has_sound { (1, "[joined][sound]") } else { (0, "[joined]") };
    chain += &format!("{joined}concat=n={}:v=1:a={sounds}{pads};", spans.len());
    chain + "[joined]scale=trunc(iw/2)*2:trunc(ih/2)*2[picture]"
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn filters_hold_numbers_alone() {
        let told = chain(&[(500, 1_250)], true);
        assert_eq!(
            told,
            "[0:V:0]trim=start=0.500:end=1.250,setpts=PTS-STARTPTS[v0];\
             [0:a:0]atrim=start=0.500:end=1.250,asetpts=PTS-STARTPTS[a0];\
             [v0][a0]concat=n=1:v=1:a=1[joined][sound];[joined]scale=trunc(iw/2)*2:trunc(ih/2)*2[picture]"
        );
        assert!(!chain(&[(0, 1), (2, 3)], false).contains("atrim"));
    }

    #[test]
    fn stretches_are_joined_with_their_sound() {
        let folder = tempfile::tempdir().expect("a folder");
        let film = folder.path().join("-film: a.mkv");
        let source = "testsrc=d=6:s=97x64:r=10[out0];sine=d=6[out1]";
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv444p", "-f", "matroska"])
            .arg(format!("file:{}", film.display()))
            .status()
            .expect("ffmpeg");
        assert!(made.success());
        let target = folder.path().join("clip.mp4");
        fs_err::write(&target, "old").expect("writes");
        cut_clip(&film, &[(500, 1_500), (4_000, 4_500)], &target, &Cancel::new()).expect("a clip");
        let probe = probe(&target).expect("a film");
        assert_eq!((probe.picture, probe.has_sound), (Some((96, 64)), true));
        assert!(probe.duration_ms.abs_diff(1_500) <= 150, "{}", probe.duration_ms);
        assert_eq!(fs_err::read_dir(folder.path()).expect("lists").count(), 2, "nothing else is left");
    }

    #[test]
    fn what_fails_leaves_the_target_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (film, target) = (folder.path().join("film.mp4"), folder.path().join("clip.mp4"));
        fs_err::write(&film, "no film").expect("writes");
        fs_err::write(&target, "old").expect("writes");
        cut_clip(&film, &[(0, 1)], &target, &Cancel::new()).expect_err("no film");
        assert_eq!(fs_err::read(&target).expect("reads"), b"old");
        assert_eq!(fs_err::read_dir(folder.path()).expect("lists").count(), 2);
    }
}
