//! What this build decodes, and whether the programs that it calls are installed.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::try_sandbox;

/// A row of `sensorium formats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatRow {
    /// The modality of such files.
    pub modality: &'static str,
    /// Names of the formats.
    pub formats: &'static str,
    /// What decodes them.
    pub decoder: &'static str,
}

/// A finding of `sensorium doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, or what to do.
    pub detail: String,
}

/// What this build decodes.
pub fn formats() -> Vec<FormatRow> {
    let row = |modality, formats, decoder| FormatRow { modality, formats, decoder };
    vec![
        row("image", "JPEG", "libjpeg-turbo"),
        row("image", "PNG, GIF, WebP, BMP, TIFF, PNM, QOI", "image"),
        row("image", "camera RAW (embedded preview)", "libjpeg-turbo"),
        row("image", "AVIF, HEIC", "ffmpeg"),
        row("audio", "WAV, FLAC, MP3, Ogg Vorbis, AAC, ALAC, AIFF", "symphonia"),
        row("audio", "Opus and others in the containers below", "ffmpeg"),
        row(
            "video",
            "MP4, MOV, Matroska, WebM, AVI, MPEG, MPEG-TS, Ogg, FLV, ASF, raw H.264 and H.265",
            "ffmpeg",
        ),
        row("video", "animated GIF, PNG and WebP", "image"),
        row("text", "text, Markdown, HTML (UTF-8, UTF-16, declared charsets)", "built in"),
    ]
}

/// Looks for the programs that decoding calls, and at what keeps a worker of this program from doing anything else.
pub fn doctor(worker_program: &Path) -> Vec<Check> {
    let mut checks = programs();
    match try_sandbox(worker_program) {
        Ok(report) => checks.extend(report.checks()),
        Err(error) => {
            let detail = format!("a decoding worker cannot be tried: {error}");
            checks.push(Check { name: "sandbox".to_owned(), ok: false, detail });
        }
    }
    checks
}

fn programs() -> Vec<Check> {
    ["ffmpeg", "ffprobe"]
        .into_iter()
        .map(|name| {
            let version = Command::new(name).arg("-version").stderr(Stdio::null()).output();
            match version {
                Ok(output) if output.status.success() => {
                    let text = String::from_utf8_lossy(&output.stdout);
                    Check { name: name.to_owned(), ok: true, detail: text.lines().next().unwrap_or_default().to_owned() }
                }
                Ok(_) | Err(_) => {
                    let detail = "not found: videos, HEIC and some audio files fail as `decoder missing`; install the \
                                  Debian package ffmpeg";
                    Check { name: name.to_owned(), ok: false, detail: detail.to_owned() }
                }
            }
        })
        .collect()
}
