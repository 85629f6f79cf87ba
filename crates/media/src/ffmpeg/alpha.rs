//! Frames with alpha: ffmpeg gives their four channels, and they are laid over white here, for its own conversion to RGB
//! shows the colours that lie under what is transparent.
//!
//! ```text
//! stream as ffprobe tells it ─► Transparency ─► decoder and pixel format for ffmpeg ─► frames ─► RGB over white
//! ```

use serde_json::Value;

use crate::image::flatten;

/// How the frames of a stream are asked for, so that nothing that is transparent is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Transparency {
    /// A decoder that gives the alpha, where ffmpeg's own one drops it.
    decoder: Option<&'static str>,
    has_alpha: bool,
}

impl Transparency {
    /// Reads a stream of ffprobe's report.
    pub(super) fn of(stream: &Value) -> Self {
        let text = |name: &str| stream.get(name).and_then(Value::as_str);
        let tags = stream.get("tags").and_then(Value::as_object);
        // WebM keeps the alpha of VP8 and VP9 beside each frame and says so by a tag.
        let is_beside = tags.is_some_and(|tags| {
            tags.iter()
                .any(|(name, value)| name.eq_ignore_ascii_case("alpha_mode") && value.as_str() == Some("1"))
        });
        let decoder = match text("codec_name") {
            Some("vp8") if is_beside => Some("libvpx"),
            Some("vp9") if is_beside => Some("libvpx-vp9"),
            _ => None,
        };
        Self { decoder, has_alpha: decoder.is_some() || text("pix_fmt").is_some_and(has_alpha) }
    }

    /// How to read the stream where ffmpeg lacks the decoder that gives the alpha; `None` if none is lacking.
    pub(crate) fn without_decoder(self) -> Option<Self> {
        self.decoder.map(|_| Self::default())
    }

    /// Options that go before the input.
    pub(crate) fn before(self) -> Vec<&'static str> {
        self.decoder.map(|decoder| vec!["-c:v", decoder]).unwrap_or_default()
    }

    /// The pixel format that is asked for.
    pub(crate) fn format(self) -> &'static str {
        if self.has_alpha { "rgba" } else { "rgb24" }
    }

    /// Bytes of a pixel in that format.
    pub(crate) fn channels(self) -> usize {
        if self.has_alpha { 4 } else { 3 }
    }

    /// Turns the pixels of a frame in that format into RGB, in place.
    pub(crate) fn flatten(self, frame: &mut Vec<u8>) {
        if self.has_alpha {
            flatten(frame);
        }
    }
}

/// Whether a pixel format of ffmpeg has alpha, or a palette that may have it.
fn has_alpha(format: &str) -> bool {
    const WITH: [&str; 10] = ["yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "vuya", "ayuv"];
    format == "pal8" || WITH.iter().any(|with| format.starts_with(with))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::ffmpeg::{Ffmpeg, read_whole};

    #[test]
    fn formats_with_alpha_are_known() {
        for with in [
            "yuva420p",
            "yuva444p10le",
            "rgba",
            "bgra",
            "argb",
            "rgba64be",
            "gbrap12le",
            "ya8",
            "ya16le",
            "pal8",
        ] {
            assert!(has_alpha(with), "{with}");
        }
        for without in ["yuv420p", "yuvj420p", "rgb24", "bgr0", "gbrp", "gray", "nv12", "0rgb"] {
            assert!(!has_alpha(without), "{without}");
        }
    }

    /// A black square in the middle of what is transparent; `None`, loudly, where ffmpeg lacks the encoder.
    fn made(folder: &Path, name: &str, encoder: &[&str]) -> Option<PathBuf> {
        let path = folder.join(name);
        let source = "color=black:s=96x64:r=5:d=1,format=rgba,\
                      geq=r=0:g=0:b=0:a='255*between(X,24,71)*between(Y,16,47)'";
        let done = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", source])
            .args(encoder)
            .arg(&path)
            .stderr(Stdio::null())
            .status()
            .expect("ffmpeg is installed");
        if !done.success() {
            eprintln!("SKIPPED: this ffmpeg cannot make {name} ({encoder:?})");
        }
        done.success().then_some(path)
    }

    /// The second frame of a video, as a scan would read it.
    fn second_frame(path: &Path) -> Vec<u8> {
        let mut ffprobe = Ffmpeg::probe(path, &["-show_streams", "-of", "json"]).expect("starts");
        let mut report = String::new();
        std::io::Read::read_to_string(&mut ffprobe, &mut report).expect("reads");
        let report: Value = serde_json::from_str(&report).expect("JSON");
        let alpha = Transparency::of(&report["streams"][0]);
        assert!(alpha.has_alpha, "{report}");
        let is_webm = path.extension().is_some_and(|suffix| suffix == "webm");
        assert_eq!(alpha.without_decoder().map(|opaque| opaque.format()), is_webm.then_some("rgb24"));
        let filter = format!("scale=96:64:flags=bicubic,format={}", alpha.format());
        let after = ["-map", "0:V:0", "-vf", &filter, "-f", "rawvideo", "-pix_fmt", alpha.format(), "pipe:1"];
        let mut ffmpeg = Ffmpeg::start_with(path, 1, &alpha.before(), &after).expect("starts");
        let mut frame = vec![0; 96 * 64 * alpha.channels()];
        for _ in 0..2 {
            assert!(read_whole(&mut ffmpeg, &mut frame).expect("reads"), "a frame");
        }
        alpha.flatten(&mut frame);
        frame
    }

    #[test]
    fn videos_with_alpha_lie_over_white() {
        let folder = tempfile::tempdir().expect("a folder");
        let kinds: [(&str, &[&str]); 6] = [
            ("vp9.webm", &["-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-cpu-used", "8"]),
            ("vp8.webm", &["-c:v", "libvpx", "-pix_fmt", "yuva420p", "-auto-alt-ref", "0", "-cpu-used", "8"]),
            ("prores.mov", &["-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"]),
            ("rle.mov", &["-c:v", "qtrle", "-pix_fmt", "argb"]),
            ("ffv1.mkv", &["-c:v", "ffv1", "-pix_fmt", "bgra"]),
            ("png.mkv", &["-c:v", "png", "-pix_fmt", "rgba"]),
        ];
        for (name, encoder) in kinds {
            let Some(path) = made(folder.path(), name, encoder) else { continue };
            let frame = second_frame(&path);
            let pixel =
                |x: usize, y: usize| frame.as_chunks::<3>().0.get(y * 96 + x).copied().expect("a pixel");
            for (x, y, level) in [(3, 3, 255), (92, 60, 255), (48, 3, 255), (48, 32, 0), (30, 20, 0)] {
                assert!(
                    pixel(x, y).iter().all(|found| found.abs_diff(level) < 12),
                    "{name} at {x}, {y}: {:?}",
                    pixel(x, y)
                );
            }
        }
    }

    #[test]
    fn frames_whose_alpha_is_zero_throughout_are_opaque() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("zero.mkv");
        let source = "color=red:s=96x64:r=5:d=1,format=rgba,colorchannelmixer=aa=0";
        let done = Command::new("ffmpeg")
            .args([
                "-nostdin", "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "ffv1", "-pix_fmt", "bgra",
            ])
            .arg(&path)
            .status()
            .expect("ffmpeg is installed");
        assert!(done.success());
        let first = *second_frame(&path).first_chunk::<3>().expect("a pixel");
        assert!(first[0] > 250 && first[1] < 4 && first[2] < 4, "{first:?}");
    }
}
