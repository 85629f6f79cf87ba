//! One worker as its parent sees it.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use sensorium_types::{Cancel, FailureReason, Modality, ReasonKind, Span, Track};

use super::protocol::{Reply, Request, receive, send};
use crate::complaints::Complaints;
use crate::deadline::{Deadline, clock};
use crate::tied::{WORKER_SUBCOMMAND, bare};
use crate::{Head, Limits, Part, reason};

/// How often a wait for a worker looks at the cancel flag: nobody sees who sets it, so the work of a caller who has left goes on so long.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// How long a worker that closed its pipe may take to end before it is killed.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Most of a worker's standard error that is kept.
const MAX_COMPLAINT_BYTES: usize = 2048;
/// Settings of the C library's heap: one for all threads, which keeps what a file needed for the next. Each file has a thread of its own,
/// and would else ask the kernel for all of its memory anew.
const HEAP: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "33554432"),
    ("MALLOC_TRIM_THRESHOLD_", "67108864"),
];

/// A worker and its pipes. Killed, with its whole process group, when dropped.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    complaints: Complaints,
    /// Files it has decoded.
    pub files: usize,
}

/// What became of a file and of the worker that had it.
pub(super) enum Outcome {
    /// The file was decoded or failed; the worker is fit.
    Fit(Result<Head, FailureReason>),
    /// The worker is dead or in the middle of something, and must be dropped. What it gave of a stream in its time may
    /// be kept.
    Dead(Death, Result<Head, FailureReason>),
}

/// Why a worker is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Death {
    /// The file's time was up.
    OutOfTime,
    /// Nobody wants the file any more.
    Unwanted,
    /// It died by itself.
    Died,
}

/// What becomes of a stream when its time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenUp {
    /// The parts that came of a stream stand, with a warning that says up to where.
    Keep,
    /// It fails.
    Fail,
}

/// Who takes parts as they come; an error stops the file.
pub(super) type OnPart<'a> = &'a mut dyn FnMut(Part) -> Result<(), FailureReason>;

impl Worker {
    pub(super) fn start(program: &Path) -> io::Result<Self> {
        let mut child = bare(program)
            .arg(WORKER_SUBCOMMAND)
            .envs(HEAP)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| io::Error::other("the worker has no pipes"))?;
        let complaints = Complaints::new(child.stderr.take(), MAX_COMPLAINT_BYTES);
        Ok(Self { child, input, output, complaints, files: 0 })
    }

    /// Whether it has not ended.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Decodes one file. Only the time of the worker counts, never that of who takes its parts.
    pub(super) fn decode(
        &mut self,
        request: &Request,
        when_up: WhenUp,
        cancel: &Cancel,
        on_part: OnPart,
    ) -> Outcome {
        let Limits { max_stall, max_time, .. } = request.limits;
        let mut deadline = Deadline::within(max_stall, max_time);
        self.files += 1;
        if send(&mut self.input, request).is_err() {
            return Outcome::Dead(Death::Died, Err(self.cause_of_death()));
        }
        let mut kept = Kept::default();
        loop {
            let mut reader = Waiting { worker: self, deadline: deadline.moment(), cancel, stopped: None };
            let reply = receive::<Reply>(&mut reader);
            match reader.stopped {
                Some(Stopped::OutOfTime) => {
                    let left = match when_up {
                        WhenUp::Keep => kept.out_of_time(),
                        WhenUp::Fail => Err(reason(ReasonKind::TimedOut, "")),
                    };
                    return Outcome::Dead(Death::OutOfTime, left);
                }
                Some(Stopped::Cancelled) => {
                    let interrupted = reason(ReasonKind::TimedOut, "interrupted");
                    return Outcome::Dead(Death::Unwanted, Err(interrupted));
                }
                None => {}
            }
            match reply {
                Ok(Some(Reply::Begun(told))) => kept.head = Some(told.into()),
                Ok(Some(Reply::GoesOn)) => deadline.moved(Instant::now()),
                Ok(Some(Reply::Part(part))) => {
                    let (before, place) = (Instant::now(), (part.track, part.span));
                    if let Err(stopped) = on_part(part) {
                        return Outcome::Dead(Death::Unwanted, Err(stopped));
                    }
                    kept.last = Some(place);
                    deadline.waited(before.elapsed());
                    deadline.moved(Instant::now());
                }
                Ok(Some(Reply::Done(told))) => return Outcome::Fit(Ok(told.into())),
                Ok(Some(Reply::Failed(failed))) => return Outcome::Fit(Err(failed)),
                // The pipe closed, or what came through it is no message: either way the worker is done for.
                Ok(None) | Err(_) => return Outcome::Dead(Death::Died, Err(self.cause_of_death())),
            }
        }
    }

    fn cause_of_death(&mut self) -> FailureReason {
        let cause = match self.wait(LAST_WORDS) {
            Some(status) => match (status.signal(), status.code()) {
                (Some(signal), _) => format!("signal {signal}"),
                (None, Some(code)) => format!("exit code {code}"),
                (None, None) => "unknown".to_owned(),
            },
            None => "an answer that makes no sense".to_owned(),
        };
        while self.complaints.fd().is_some() && !self.is_alive() {
            self.complaints.listen();
        }
        let said = self.complaints.said();
        tracing::debug!(pid = self.child.id(), %cause, %said, "a decoding worker died");
        reason(ReasonKind::Crashed, cause)
    }

    fn wait(&mut self, most: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + most;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Also when it has ended: what it ran may live on in its group, which exists until this wait.
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if self.is_alive() {
            let killed = group.is_some_and(|group| kill_process_group(group, Signal::KILL).is_ok());
            if !killed {
                let _ = self.child.kill();
            }
        }
        let _ = self.child.wait();
    }
}

/// What a worker gave of a file so far.
#[derive(Debug, Default)]
struct Kept {
    /// What the file is, if it is a stream.
    head: Option<Head>,
    /// Where its last part lies.
    last: Option<(Track, Option<Span>)>,
}

impl Kept {
    /// What becomes of the file when its time is up.
    fn out_of_time(self) -> Result<Head, FailureReason> {
        let timed_out = |detail: String| reason(ReasonKind::TimedOut, detail);
        let (Some(head), Some((track, span))) = (self.head, self.last) else {
            return Err(timed_out(String::new()));
        };
        let of = match (head.modality, track) {
            (Modality::Video, Track::Audio) => " of the audio",
            (Modality::Video, Track::Video) | (Modality::Audio, Track::Audio) => "",
            // What began as a stream turned out to be something else.
            (Modality::Video | Modality::Audio | Modality::Image | Modality::Text, _) => {
                return Err(timed_out(String::new()));
            }
        };
        let reached = span.and_then(Span::time).map(|(_, end_ms)| clock(end_ms));
        let detail = reached.map_or_else(String::new, |reached| format!("kept up to {reached}{of}"));
        Ok(Head { warning: Some(timed_out(detail)), ..head })
    }
}

/// Why a worker is not waited for any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    OutOfTime,
    Cancelled,
}

/// A reader of a worker's output that gives up at a deadline or when it is cancelled.
struct Waiting<'a> {
    worker: &'a mut Worker,
    deadline: Instant,
    cancel: &'a Cancel,
    stopped: Option<Stopped>,
}

impl Read for Waiting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.cancel.is_cancelled() {
                self.stopped = Some(Stopped::Cancelled);
                return Err(io::Error::other("interrupted"));
            }
            if Instant::now() >= self.deadline {
                self.stopped = Some(Stopped::OutOfTime);
                return Err(io::ErrorKind::TimedOut.into());
            }
            let (readable, complaining) = {
                let output = self.worker.output.as_fd();
                let complaints = self.worker.complaints.fd();
                let mut fds = vec![PollFd::new(&output, PollFlags::IN)];
                fds.extend(complaints.as_ref().map(|complaints| PollFd::new(complaints, PollFlags::IN)));
                let tick = Timespec::try_from(TICK).map_err(io::Error::other)?;
                match poll(&mut fds, Some(&tick)) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
                let is_ready = |fd: Option<&PollFd>| fd.is_some_and(|fd| !fd.revents().is_empty());
                (is_ready(fds.first()), is_ready(fds.get(1)))
            };
            if complaining {
                self.worker.complaints.listen();
            }
            if readable {
                return self.worker.output.read(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use sensorium_types::Payload;

    use super::*;

    fn head(modality: Modality) -> Head {
        Head { modality, mime: "video/mp4".to_owned(), facts: Payload::new(), warning: None }
    }

    fn kept(modality: Modality, track: Track, end_ms: u64) -> Result<Head, FailureReason> {
        let span = Some(Span::Time { start_ms: 0, end_ms });
        Kept { head: Some(head(modality)), last: Some((track, span)) }.out_of_time()
    }

    #[test]
    fn the_parts_of_a_stream_that_came_in_time_are_kept() {
        for (modality, track, end_ms, expected) in [
            (Modality::Video, Track::Video, 750_999, "timed out: kept up to 00:12:30"),
            (Modality::Video, Track::Audio, 3_600_000, "timed out: kept up to 01:00:00 of the audio"),
            (Modality::Audio, Track::Audio, 0, "timed out: kept up to 00:00:00"),
        ] {
            let warning = kept(modality, track, end_ms).expect("kept").warning.expect("a warning");
            assert_eq!(warning.to_string(), expected);
            assert!(warning.is_retryable());
        }
    }

    #[test]
    fn nothing_is_kept_of_what_did_not_begin_or_gave_no_part() {
        let begun = Kept { head: Some(head(Modality::Video)), last: None };
        let unknown = Kept { head: None, last: Some((Track::Image, None)) };
        let text = Kept { head: Some(head(Modality::Audio)), last: Some((Track::Text, None)) };
        for kept in [Kept::default(), begun, unknown, text] {
            assert_eq!(kept.out_of_time().expect_err("failed").to_string(), "timed out");
        }
    }

    /// A worker that says these replies, whatever it is asked, and then nothing more.
    fn saying(replies: &[Reply]) -> (tempfile::TempDir, Worker) {
        saying_in_turn(&[replies])
    }

    /// As [`saying`], with half a second behind each of these.
    fn saying_in_turn(turns: &[&[Reply]]) -> (tempfile::TempDir, Worker) {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("worker");
        let mut script = "#!/bin/sh\n".to_owned();
        for (number, replies) in turns.iter().enumerate() {
            let (said, mut wire) = (folder.path().join(format!("said-{number}")), Vec::new());
            for reply in *replies {
                send(&mut wire, reply).expect("encodes");
            }
            fs_err::write(&said, wire).expect("written");
            script += &format!("cat '{}'; sleep 0.5\n", said.display());
        }
        script += "exec sleep 60\n";
        // Written by a child: see the tests with scripts.
        let written = Command::new("sh")
            .args(["-c", "printf '%s' \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh"])
            .arg(script)
            .arg(&program)
            .status()
            .expect("sh starts");
        assert!(written.success());
        let worker = Worker::start(&program).expect("starts");
        (folder, worker)
    }

    fn part(ordinal: u32) -> Part {
        let start_ms = u64::from(ordinal) * 10_000;
        let span = Some(Span::Time { start_ms, end_ms: start_ms + 10_000 });
        let content = crate::PartContent::Frames(Vec::new());
        Part { track: Track::Video, ordinal, span, content, thumb: None }
    }

    fn decode(worker: &mut Worker, stall: Duration, when_up: WhenUp, on_part: OnPart) -> Outcome {
        worker.decode(&request(stall), when_up, &Cancel::new(), on_part)
    }

    fn request(max_stall: Duration) -> Request {
        Request {
            path: b"video".to_vec(),
            spec: crate::EncoderSpec::default(),
            limits: Limits { max_stall, ..Limits::default() },
            threads: 1,
            stops: None,
        }
    }

    #[test]
    fn no_part_is_given_once_the_caller_has_left() {
        for track in [Track::Video, Track::Audio] {
            for last in [1, 2, 7] {
                // All of them lie in the pipe by then.
                let replies: Vec<Reply> = [begun()]
                    .into_iter()
                    .chain((0..40).map(|ordinal| Reply::Part(Part { track, ..part(ordinal) })))
                    .collect();
                let (_folder, mut worker) = saying(&replies);
                let (cancel, mut taken) = (Cancel::new(), 0);
                let time = Duration::from_secs(600);
                let outcome = worker.decode(&request(time), WhenUp::Keep, &cancel, &mut |_| {
                    taken += 1;
                    if taken == last {
                        cancel.cancel();
                    }
                    Ok(())
                });
                let Outcome::Dead(_, Err(stopped)) = outcome else { panic!("it goes on") };
                assert_eq!((stopped.detail.as_str(), taken), ("interrupted", last), "{track:?}");
            }
        }
    }

    fn begun() -> Reply {
        Reply::Begun(head(Modality::Video).try_into().expect("encodes"))
    }

    fn done() -> Reply {
        Reply::Done(head(Modality::Video).try_into().expect("encodes"))
    }

    #[test]
    fn the_time_of_the_taker_does_not_count() {
        for (when_up, is_stream) in [(WhenUp::Keep, true), (WhenUp::Keep, false), (WhenUp::Fail, true)] {
            let first = is_stream.then(begun).into_iter();
            let replies: Vec<Reply> =
                first.chain((0..2).map(part).map(Reply::Part)).chain([done()]).collect();
            let (_folder, mut worker) = saying(&replies);
            let stall = Duration::from_secs(2);
            let mut taken = 0;
            let outcome = decode(&mut worker, stall, when_up, &mut |_| {
                taken += 1;
                std::thread::sleep(stall);
                Ok(())
            });
            let Outcome::Fit(Ok(decoded)) = outcome else { panic!("out of time") };
            assert_eq!((taken, decoded.warning), (2, None), "{when_up:?}, a stream: {is_stream}");
        }
    }

    #[test]
    fn a_stream_that_goes_on_is_waited_for_and_one_that_stalls_is_not() {
        let (opening, signs) = ([begun(), Reply::Part(part(0))], [const { Reply::GoesOn }; 1]);
        let stall = Duration::from_secs(3);
        // Ten half seconds are longer than it may say nothing.
        let turns = || std::iter::once(&opening[..]).chain(std::iter::repeat_n(&signs[..], 10));
        let (_folder, mut worker) = saying_in_turn(&turns().chain([&[done()][..]]).collect::<Vec<_>>());
        let Outcome::Fit(Ok(whole)) = decode(&mut worker, stall, WhenUp::Keep, &mut |_| Ok(())) else {
            panic!("it went on")
        };
        assert_eq!(whole.warning, None);
        for (when_up, expected) in [
            (WhenUp::Keep, Ok("timed out: kept up to 00:00:10".to_owned())),
            (WhenUp::Fail, Err("timed out".to_owned())),
        ] {
            let (_folder, mut worker) = saying_in_turn(&turns().collect::<Vec<_>>());
            let Outcome::Dead(_, stalled) = decode(&mut worker, stall, when_up, &mut |_| Ok(())) else {
                panic!("it stalled")
            };
            let warning = |head: Head| head.warning.map(|reason| reason.to_string()).unwrap_or_default();
            assert_eq!(stalled.map(warning).map_err(|reason| reason.to_string()), expected);
        }
    }

    #[test]
    fn no_stream_goes_on_for_longer_than_any_file_may() {
        let signs = [const { Reply::GoesOn }; 1];
        let (_folder, mut worker) = saying_in_turn(&[&signs[..]; 40]);
        let limits = Limits { max_time: Duration::from_secs(1), ..Limits::default() };
        let request = Request { limits, ..request(Limits::MAX_STALL) };
        let outcome = worker.decode(&request, WhenUp::Fail, &Cancel::new(), &mut |_| Ok(()));
        let Outcome::Dead(_, Err(failed)) = outcome else { panic!("it goes on") };
        assert_eq!(failed.kind, ReasonKind::TimedOut);
    }

    #[test]
    fn a_stream_that_is_told_whole_or_failed_is_that() {
        let (_folder, mut worker) =
            saying(&[begun(), Reply::Part(part(0)), Reply::Failed(reason(ReasonKind::Corrupt, "cut"))]);
        let outcome = decode(&mut worker, Duration::from_secs(60), WhenUp::Keep, &mut |_| Ok(()));
        let Outcome::Fit(Err(failed)) = outcome else { panic!("failed") };
        assert_eq!(failed.kind, ReasonKind::Corrupt);
    }
}
