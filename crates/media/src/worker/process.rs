//! One worker as its parent sees it.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use sensorium_types::{FailureReason, ReasonKind};

use super::WORKER_SUBCOMMAND;
use super::pool::Cancel;
use super::protocol::{Reply, Request, receive, send};
use crate::{Head, Part, reason};

/// How often a wait looks at the cancel flag.
const TICK: Duration = Duration::from_millis(50);
/// How long a worker that closed its pipe may take to end before it is killed.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Most of a worker's standard error that is kept.
const MAX_COMPLAINT_BYTES: usize = 2048;

/// A worker and its pipes. Killed, with its whole process group, when dropped.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    complaints: Option<ChildStderr>,
    /// The beginning of what it wrote to standard error.
    complaint: Vec<u8>,
    /// Files it has decoded.
    pub files: usize,
}

/// What became of a file and of the worker that had it.
pub(super) enum Outcome {
    /// The file was decoded or failed; the worker is fit.
    Fit(Result<Head, FailureReason>),
    /// The worker is dead or in the middle of something: it must be dropped.
    Dead(FailureReason),
}

/// Who takes parts as they come; an error stops the file.
pub(super) type OnPart<'a> = &'a mut dyn FnMut(Part) -> Result<(), FailureReason>;

impl Worker {
    pub(super) fn start(program: &Path) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg(WORKER_SUBCOMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| io::Error::other("the worker has no pipes"))?;
        let complaints = child.stderr.take();
        Ok(Self { child, input, output, complaints, complaint: Vec::new(), files: 0 })
    }

    /// Whether it has not ended.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Decodes one file within the time. The time that `on_part` takes does not count.
    pub(super) fn decode(
        &mut self,
        request: &Request,
        time: Duration,
        cancel: &Cancel,
        on_part: OnPart,
    ) -> Outcome {
        let mut deadline = Instant::now() + time;
        self.files += 1;
        if send(&mut self.input, request).is_err() {
            return Outcome::Dead(self.cause_of_death());
        }
        loop {
            let mut reader = Waiting { worker: self, deadline, cancel, stopped: None };
            let reply = receive::<Reply>(&mut reader);
            if let Some(stopped) = reader.stopped {
                return Outcome::Dead(stopped);
            }
            match reply {
                Ok(Some(Reply::Part(part))) => {
                    let before = Instant::now();
                    if let Err(stopped) = on_part(part) {
                        return Outcome::Dead(stopped);
                    }
                    deadline += before.elapsed();
                }
                Ok(Some(Reply::Done { modality, mime, facts, warning })) => {
                    let facts = serde_json::from_str(&facts).unwrap_or_default();
                    return Outcome::Fit(Ok(Head { modality, mime, facts, warning }));
                }
                Ok(Some(Reply::Failed(failed))) => return Outcome::Fit(Err(failed)),
                // The pipe closed, or what came through it is no message: either way the worker is done for.
                Ok(None) | Err(_) => return Outcome::Dead(self.cause_of_death()),
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
        while self.complaints.is_some() && !self.is_alive() {
            self.listen();
        }
        let said = String::from_utf8_lossy(&self.complaint);
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

    /// Takes some of its standard error, so that it never waits for a reader; keeps the beginning.
    fn listen(&mut self) {
        let Some(complaints) = self.complaints.as_mut() else { return };
        let mut some = [0_u8; 1024];
        match complaints.read(&mut some) {
            Ok(count) if count > 0 => {
                let room = MAX_COMPLAINT_BYTES.saturating_sub(self.complaint.len());
                self.complaint.extend(some.iter().take(count.min(room)));
            }
            Ok(_) | Err(_) => self.complaints = None,
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

/// A reader of a worker's output that gives up at a deadline or when it is cancelled.
struct Waiting<'a> {
    worker: &'a mut Worker,
    deadline: Instant,
    cancel: &'a Cancel,
    stopped: Option<FailureReason>,
}

impl Read for Waiting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.cancel.is_cancelled() {
                self.stopped = Some(reason(ReasonKind::TimedOut, "interrupted"));
                return Err(io::Error::other("interrupted"));
            }
            if Instant::now() >= self.deadline {
                self.stopped = Some(reason(ReasonKind::TimedOut, ""));
                return Err(io::ErrorKind::TimedOut.into());
            }
            let (readable, complaining) = {
                let output = self.worker.output.as_fd();
                let complaints = self.worker.complaints.as_ref().map(AsFd::as_fd);
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
                self.worker.listen();
            }
            if readable {
                return self.worker.output.read(buffer);
            }
        }
    }
}
