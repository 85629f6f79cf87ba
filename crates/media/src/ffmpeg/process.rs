//! Runs ffmpeg and ffprobe as children that read one local file and nothing else.

use std::ffi::{OsStr, OsString};
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sensorium_types::{FailureReason, ReasonKind};

use super::clock::Clock;
use crate::complaints::Complaints;
use crate::reason;

/// Demuxers that may be used. No playlists and no concatenation: they would name other files and addresses.
const FORMATS: &str = "mov,matroska,avi,mpegts,mpeg,ogg,flv,asf,h264,hevc,ivf,gif,apng,wav,mp3,flac,aac";
/// Largest single allocation of ffmpeg.
const MAX_ALLOCATION: &str = "268435456";
/// Most pixels of a frame that its decoders accept.
const MAX_PIXELS: &str = "120000000";
/// Most of a child's complaints that are kept.
const MAX_COMPLAINT_BYTES: usize = 4096;
/// Longest complaint that is shown, in characters.
const MAX_COMPLAINT_CHARS: usize = 200;

/// A running child whose standard output is read. It is killed when dropped.
///
/// A reader of its output also takes what comes through its other pipes, whenever it comes, so that the child never waits
/// for one pipe while its reader waits for another.
#[derive(Debug)]
pub(crate) struct Ffmpeg {
    program: &'static str,
    child: Child,
    output: ChildStdout,
    complaints: Complaints,
    /// Where its filters tell the times of frames; see [`Ffmpeg::start_with_clock`].
    times: Option<PipeReader>,
    clock: Clock,
    /// When reading is given up.
    until: Option<Instant>,
}

/// Where it reads from.
#[derive(Debug, Clone, Copy)]
enum From<'a> {
    File(&'a Path),
    Input,
}

/// The path as ffmpeg takes it: absolute, with its protocol.
fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(std::path::absolute(path).as_deref().unwrap_or(path));
    url
}

impl Ffmpeg {
    /// Starts ffmpeg on a file with this many threads of its decoder; `after` goes behind the input.
    pub(crate) fn start(path: &Path, threads: usize, after: &[&str]) -> Result<Self, FailureReason> {
        Self::start_with(path, threads, &[], after)
    }

    /// As [`Ffmpeg::start`]; `before` goes before the input and says how to read it.
    pub(crate) fn start_with(
        path: &Path,
        threads: usize,
        before: &[&str],
        after: &[&str],
    ) -> Result<Self, FailureReason> {
        Self::decoder(From::File(path), threads, before, after, Stdio::null())
    }

    /// Starts ffmpeg as [`Ffmpeg::start_with`] does; what its filters write to `pipe:0` sets the [`Ffmpeg::clock`].
    /// Standard input is the one descriptor besides output and complaints that every child has.
    pub(super) fn start_with_clock(
        path: &Path,
        threads: usize,
        before: &[&str],
        after: &[&str],
    ) -> Result<Self, FailureReason> {
        let (times, writer) =
            io::pipe().map_err(|error| reason(ReasonKind::Crashed, format!("no pipe: {error}")))?;
        let mut ffmpeg = Self::decoder(From::File(path), threads, before, after, writer.into())?;
        ffmpeg.times = Some(times);
        Ok(ffmpeg)
    }

    /// Starts ffmpeg on a bare stream of this format, which it reads from its standard input.
    pub(crate) fn feed(format: &str, stream: Vec<u8>, after: &[&str]) -> Result<Self, FailureReason> {
        let mut ffmpeg = Self::decoder(From::Input, 1, &["-f", format], after, Stdio::piped())?;
        if let Some(mut input) = ffmpeg.child.stdin.take() {
            // It ends with the child at the latest, whose death closes the pipe.
            std::thread::spawn(move || input.write_all(&stream));
        }
        Ok(ffmpeg)
    }

    fn decoder(
        from: From<'_>,
        threads: usize,
        before: &[&str],
        after: &[&str],
        input: Stdio,
    ) -> Result<Self, FailureReason> {
        let threads = threads.to_string();
        let bounds = [
            "-nostdin",
            "-threads",
            &threads,
            "-max_pixels",
            MAX_PIXELS,
            "-filter_threads",
            "1",
            // Of a file that begins at 0 ffmpeg would take the start of the stream that it decodes for the file's.
            "-itsoffset",
            "0.000001",
        ];
        Self::run("ffmpeg", &[&bounds[..], before].concat(), from, after, input)
    }

    /// Starts ffprobe on a file.
    pub(super) fn probe(path: &Path, after: &[&str]) -> Result<Self, FailureReason> {
        Self::run("ffprobe", &[], From::File(path), after, Stdio::null())
    }

    fn run(
        program: &'static str,
        before: &[&str],
        from: From<'_>,
        after: &[&str],
        input: Stdio,
    ) -> Result<Self, FailureReason> {
        let cannot = |error: io::Error| {
            let crashed = || reason(ReasonKind::Crashed, format!("{program} cannot be started: {error}"));
            if error.kind() == io::ErrorKind::NotFound { missing(program) } else { crashed() }
        };
        let (url, file) = match from {
            From::File(path) => (file_url(path), Some(path)),
            From::Input => (OsString::from("pipe:0"), None),
        };
        let mut command: Command = crate::tied::child_that_dies_with_us(program, file);
        command
            .args(["-v", "error", "-max_alloc", MAX_ALLOCATION])
            .args(["-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS])
            .args(before)
            .args([OsStr::new("-i"), &url])
            .args(after)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(cannot)?;
        let output = child.stdout.take().ok_or_else(|| cannot(io::Error::other("no output")))?;
        let complaints = Complaints::new(child.stderr.take(), MAX_COMPLAINT_BYTES);
        Ok(Self { program, child, output, complaints, times: None, clock: Clock::default(), until: None })
    }

    /// From here on, reading ends with [`io::ErrorKind::TimedOut`] at this moment.
    pub(super) fn read_until(&mut self, moment: Instant) {
        self.until = Some(moment);
    }

    /// What its filters have told of times so far: all of it once its output has ended.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Waits for its end; an error if it failed, with its first complaint.
    pub(crate) fn finish(mut self) -> Result<(), FailureReason> {
        let mut rest = vec![0_u8; 1 << 16];
        while self.read(&mut rest).is_ok_and(|count| count > 0) {}
        while self.complaints.fd().is_some() {
            self.complaints.listen();
        }
        let status = self.child.wait().map_err(|error| reason(ReasonKind::Crashed, error.to_string()))?;
        if status.success() {
            return Ok(());
        }
        if status.code() == Some(crate::tied::PROGRAM_MISSING) {
            return Err(missing(self.program));
        }
        if status.code() == Some(crate::tied::PROGRAM_REFUSED) {
            return Err(reason(ReasonKind::DecoderMissing, format!("{} may not be run", self.program)));
        }
        if let Some(signal) = status.signal() {
            return Err(reason(ReasonKind::Crashed, format!("{}, signal {signal}", self.program)));
        }
        Err(complaint_of(self.program, &self.complaints.said()))
    }
}

impl Read for Ffmpeg {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.wait_for_output()? {}
        let count = self.output.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            // The times that came last may still lie in their pipe. It closes with the child, which has ended by now.
            while self.times.is_some() {
                self.take_times();
            }
        }
        Ok(count)
    }
}

impl Ffmpeg {
    /// Waits until any pipe has something; takes what is not output. Whether there is output.
    fn wait_for_output(&mut self) -> io::Result<bool> {
        let left = match self.until.map(|until| until.saturating_duration_since(Instant::now())) {
            Some(left) if left.is_zero() => return Err(io::ErrorKind::TimedOut.into()),
            left => left.map(Timespec::try_from).transpose().map_err(io::Error::other)?,
        };
        let mut fds = vec![PollFd::new(&self.output, PollFlags::IN)];
        fds.extend(self.complaints.fd().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        fds.extend(self.times.as_ref().map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
        match poll(&mut fds, left.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty()).collect::<Vec<_>>().into_iter();
        drop(fds);
        let output = ready.next().unwrap_or(false);
        if self.complaints.fd().is_some() && ready.next().unwrap_or(false) {
            self.complaints.listen();
        }
        if self.times.is_some() && ready.next().unwrap_or(false) {
            self.take_times();
        }
        Ok(output)
    }

    /// Takes some times; blocks if there are none.
    fn take_times(&mut self) {
        let Some(times) = self.times.as_mut() else { return };
        let mut some = [0_u8; 4096];
        match times.read(&mut some) {
            Ok(count) if count > 0 => self.clock.take(some.get(..count).unwrap_or_default()),
            Ok(_) | Err(_) => self.times = None,
        }
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What it means that the program is not there.
fn missing(program: &str) -> FailureReason {
    reason(ReasonKind::DecoderMissing, format!("{program} is not installed (Debian package ffmpeg)"))
}

/// A failed run by its first line of complaint, without the file's name and the decoder's address.
fn complaint_of(program: &str, complaint: &str) -> FailureReason {
    let line = complaint.lines().find(|line| !line.trim().is_empty()).unwrap_or("no reason given").trim();
    let line = line.strip_prefix('[').and_then(|line| line.split_once("] ")).map_or(line, |(_, rest)| rest);
    let line = match line.split_once("file:") {
        Some((_, named)) => named.rsplit_once(": ").map_or("it cannot be opened", |(_, why)| why),
        None => line,
    };
    let kind = if line.contains("not on whitelist") {
        ReasonKind::Unsupported
    } else if line.contains("Cannot allocate memory") {
        ReasonKind::TooLarge
    } else if line.contains("ecoder") && line.contains("not found")
        || line.starts_with("Unknown encoder")
        || line.starts_with("Unknown decoder")
    {
        ReasonKind::DecoderMissing
    } else {
        ReasonKind::Corrupt
    };
    reason(kind, format!("{program}: {}", line.chars().take(MAX_COMPLAINT_CHARS).collect::<String>()))
}

/// Fills the buffer; `false` at the end of the stream (a piece of a frame at the end is dropped).
pub(crate) fn read_whole(ffmpeg: &mut Ffmpeg, buffer: &mut [u8]) -> Result<bool, FailureReason> {
    match ffmpeg.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(reason(ReasonKind::Corrupt, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_name_no_path() {
        let said = |line| complaint_of("ffprobe", line).to_string();
        assert_eq!(
            said("\nfile:/home/x: y/a.mp4: Invalid data found when processing input\n"),
            "corrupt: ffprobe: Invalid data found when processing input"
        );
        assert_eq!(said("[h264 @ 0x55d0] no frame!\nmore"), "corrupt: ffprobe: no frame!");
        assert_eq!(complaint_of("ffmpeg", "file:/a: Cannot allocate memory").kind, ReasonKind::TooLarge);
        assert_eq!(
            complaint_of("ffmpeg", "Decoder (codec x) not found for y").kind,
            ReasonKind::DecoderMissing
        );
    }
}
