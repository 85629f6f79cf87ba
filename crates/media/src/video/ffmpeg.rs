//! Runs ffmpeg and ffprobe as children that read one local file and nothing else.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use sensorium_types::{FailureReason, ReasonKind};

use crate::reason;

/// Demuxers that may be used. No playlists and no concatenation: they would name other files and addresses.
const FORMATS: &str = "mov,matroska,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,h264,hevc,gif,apng,wav,mp3,flac,aac";
/// Most of a child's complaints that are kept.
const MAX_COMPLAINT_BYTES: u64 = 4096;

/// A running ffmpeg whose standard output is read. It is killed when dropped.
pub(crate) struct Ffmpeg {
    child: Child,
    output: ChildStdout,
}

/// The path as ffmpeg takes it: absolute, with its protocol.
pub(super) fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    url.push(std::ffi::OsStr::from_bytes(absolute.as_os_str().as_bytes()));
    url
}

/// A command with what every run has: no terminal, no protocol but files and pipes, known demuxers only.
pub(super) fn command(program: &str) -> Command {
    let mut command = crate::worker::child_that_dies_with_us(program);
    command.args(["-v", "error", "-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS]);
    command.stdin(Stdio::null());
    command
}

/// What it means that the program is not there.
pub(super) fn missing(program: &str) -> FailureReason {
    reason(ReasonKind::DecoderMissing, format!("{program} is not installed (Debian package ffmpeg)"))
}

/// What a failed start means.
pub(super) fn start_failure(program: &str, error: &io::Error) -> FailureReason {
    reason(ReasonKind::Crashed, format!("{program} cannot be started: {error}"))
}

impl Ffmpeg {
    /// Starts ffmpeg on a file: `before` go ahead of the input, `after` behind it.
    pub(crate) fn start(path: &Path, before: &[&str], after: &[&str]) -> Result<Self, FailureReason> {
        let mut child = command("ffmpeg")
            .args(["-nostdin", "-threads", "1"])
            .args(before)
            .arg("-i")
            .arg(file_url(path))
            .args(after)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| start_failure("ffmpeg", &error))?;
        let output = child.stdout.take().ok_or_else(|| reason(ReasonKind::Crashed, "ffmpeg has no output"))?;
        Ok(Self { child, output })
    }

    /// Waits for its end; an error if it failed, with its first complaint.
    pub(crate) fn finish(mut self) -> Result<(), FailureReason> {
        let _ = io::copy(&mut self.output, &mut io::sink());
        let mut complaint = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            let _ = stderr.take(MAX_COMPLAINT_BYTES).read_to_string(&mut complaint);
        }
        let status = self.child.wait().map_err(|error| reason(ReasonKind::Crashed, error.to_string()))?;
        if status.success() {
            return Ok(());
        }
        if status.code() == Some(crate::worker::PROGRAM_MISSING) {
            return Err(missing("ffmpeg"));
        }
        Err(complaint_of("ffmpeg", &complaint))
    }
}

/// A failed run by its first line of complaint, without the file's name.
pub(super) fn complaint_of(program: &str, complaint: &str) -> FailureReason {
    let line = complaint.lines().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    let line = line.rsplit_once("file:").map_or(line, |(_, rest)| rest.split_once(": ").map_or(rest, |(_, why)| why));
    let kind = if line.contains("not found") && line.contains("ecoder") {
        ReasonKind::DecoderMissing
    } else {
        ReasonKind::Corrupt
    };
    reason(kind, format!("{program}: {}", line.trim().chars().take(200).collect::<String>()))
}

impl Read for Ffmpeg {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.read(buffer)
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
