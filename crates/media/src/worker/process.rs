//! One worker as its parent sees it.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use sensorium_types::{FailureReason, Payload, ReasonKind};

use super::pool::Cancel;
use super::protocol::{Reply, Request, receive, send};
use super::WORKER_SUBCOMMAND;
use crate::{Decoded, reason};

/// How often a wait looks at the cancel flag.
const TICK: Duration = Duration::from_millis(50);

/// A worker and its pipes. Killed, with its whole process group, when dropped.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// Files it has decoded.
    pub files: usize,
}

/// Why a worker cannot be used any more, or only the file's own failure.
pub(super) enum Outcome {
    /// The file was decoded or failed; the worker is fit.
    Fit(Result<Decoded, FailureReason>),
    /// The worker is dead or was killed.
    Dead(FailureReason),
}

impl Worker {
    pub(super) fn start(program: &Path) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg(WORKER_SUBCOMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| io::Error::other("the worker has no pipes"))?;
        Ok(Self { child, input, output, files: 0 })
    }

    /// Decodes one file within the time.
    pub(super) fn decode(&mut self, request: &Request, time: Duration, cancel: &Cancel) -> Outcome {
        let deadline = Instant::now() + time;
        self.files += 1;
        if send(&mut self.input, request).is_err() {
            return Outcome::Dead(self.cause_of_death());
        }
        let mut decoded: Option<Decoded> = None;
        loop {
            let mut reader = Waiting { output: &mut self.output, deadline, cancel, stopped: None };
            let reply = receive::<Reply>(&mut reader);
            if let Some(stopped) = reader.stopped {
                return Outcome::Dead(stopped);
            }
            match (reply, &mut decoded) {
                (Ok(Some(Reply::Head { modality, mime, facts })), None) => {
                    let facts: Payload = serde_json::from_str(&facts).unwrap_or_default();
                    decoded = Some(Decoded { modality, mime, facts, parts: Vec::new() });
                }
                (Ok(Some(Reply::Part(part))), Some(decoded)) => decoded.parts.push(part),
                (Ok(Some(Reply::Done)), Some(_)) => {
                    let whole = decoded.take().ok_or_else(|| reason(ReasonKind::Crashed, "no answer"));
                    return Outcome::Fit(whole);
                }
                (Ok(Some(Reply::Failed(failed))), None) => return Outcome::Fit(Err(failed)),
                (Ok(None), _) => return Outcome::Dead(self.cause_of_death()),
                (Ok(Some(_)) | Err(_), _) => {
                    return Outcome::Dead(reason(ReasonKind::Crashed, "an answer that makes no sense"));
                }
            }
        }
    }

    fn cause_of_death(&mut self) -> FailureReason {
        let status = self.child.wait();
        let cause = match status {
            Ok(status) => match (status.signal(), status.code()) {
                (Some(signal), _) => format!("signal {signal}"),
                (None, Some(code)) => format!("exit code {code}"),
                (None, None) => "unknown".to_owned(),
            },
            Err(error) => error.to_string(),
        };
        reason(ReasonKind::Crashed, cause)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Ok(Some(_)) = self.child.try_wait() {
            return;
        }
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let killed = group.is_some_and(|group| kill_process_group(group, Signal::KILL).is_ok());
        if !killed {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// A reader that gives up at a deadline or when it is cancelled.
struct Waiting<'a> {
    output: &'a mut ChildStdout,
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
            let ready = {
                let fd = self.output.as_fd();
                let mut fds = [PollFd::new(&fd, PollFlags::IN)];
                let tick = Timespec::try_from(TICK).map_err(io::Error::other)?;
                match poll(&mut fds, Some(&tick)) {
                    Ok(count) => count > 0,
                    Err(rustix::io::Errno::INTR) => false,
                    Err(error) => return Err(error.into()),
                }
            };
            if ready {
                return self.output.read(buffer);
            }
        }
    }
}
