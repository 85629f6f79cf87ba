//! Ten minutes of 720p H.264, made by a fixed recipe, sampled and embedded: the bar is 10 times real time.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::path::Path;
use std::process::Command;

use sensorium_benches::{bundle, index_folder, report};
use serde_json::json;

const SECONDS: u32 = 600;

fn main() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let media = folder.path().join("media");
    fs_err::create_dir(&media).expect("folder");
    make_video(&media.join("video.mp4"));

    let (summary, whole) = index_folder(folder.path().join("data"), media, bundle());
    assert_eq!(summary.indexed, 1, "the video is indexed");
    report(
        "video_720p",
        json!({
            "video_s": SECONDS, "wall_s": whole.as_secs_f64(), "points": summary.points,
            "times_real_time": f64::from(SECONDS) / whole.as_secs_f64(),
        }),
    );
}

/// 25 frames a second of moving test pattern with noise and a tone, scenes of 20 s.
fn make_video(path: &Path) {
    let done = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i"])
        .arg(format!("testsrc2=size=1280x720:rate=25:duration={SECONDS},hue=h=90*floor(t/20),noise=alls=8"))
        .args(["-f", "lavfi", "-i"])
        .arg(format!("sine=frequency=440:beep_factor=4:duration={SECONDS}"))
        .args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", "-c:a", "aac"])
        .arg(path)
        .status()
        .expect("ffmpeg starts");
    assert!(done.success(), "ffmpeg makes the video");
}
