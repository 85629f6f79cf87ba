//! The commit thread: takes the changes of all callers, writes each as its own batch, syncs the log once for the whole
//! group, shows the result to readers and answers.
//!
//! ```text
//! apply ──┐                       ┌─ batch, batch, batch, ... ─ one sync ─ publish ─┐
//! apply ──┼─► bounded queue ─► group                                                ├─► answers
//! apply ──┘                       └─ at most once a second: high-water mark ────────┘
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;
use sensorium_types::Applied;

use super::core::Core;
use super::halt::Halt;
use super::writer::ValuedChange;
use super::{asset_files, column_making, optimizer};
use crate::error::IndexError;
use crate::failpoint::pass;
use crate::storage::SlowTables;

/// Calls that wait for the thread before more callers are held back.
const QUEUE: usize = 256;
/// Changes after which a group is synced though more wait.
const GROUP_CHANGES: usize = 4096;
/// Longest time between a change and the mark that covers it.
const MARK_EVERY: Duration = Duration::from_secs(1);

type Answer = Result<Vec<Applied>, IndexError>;

#[derive(Debug)]
struct Job {
    changes: Vec<ValuedChange>,
    answer: Sender<Answer>,
}

/// The handle of the thread. Dropping it ends the thread cleanly: mark written, tables flushed.
#[derive(Debug)]
pub(super) struct Committer {
    queue: Option<Sender<Job>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start(core: Arc<Core>) -> Result<Self, IndexError> {
        let (queue, jobs) = bounded(QUEUE);
        let thread = std::thread::Builder::new()
            .name("index-commit".to_owned())
            .spawn(move || run(&core, &jobs))
            .map_err(|error| IndexError::file("start the commit thread", error))?;
        Ok(Self { queue: Some(queue), thread: Mutex::new(Some(thread)) })
    }

    /// Hands over changes and waits until they are durable and visible.
    pub(super) fn apply(&self, changes: Vec<ValuedChange>) -> Answer {
        let stopped = || IndexError::Poisoned { cause: "the commit thread has stopped".to_owned() };
        let (answer, answered) = bounded(1);
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(Job { changes, answer }).map_err(|_| stopped())?;
        answered.recv().map_err(|_| stopped())?
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.get_mut().take() {
            // A panic was turned into poison inside the thread.
            let _ = thread.join();
        }
    }
}

fn run(core: &Arc<Core>, jobs: &Receiver<Job>) {
    let ended = catch_unwind(AssertUnwindSafe(|| serve(core, jobs)));
    if ended.is_err() {
        core.poison(&IndexError::Bug { what: "the commit thread panicked".to_owned() });
    }
}

fn serve(core: &Arc<Core>, jobs: &Receiver<Job>) {
    let mut marked = Instant::now();
    let mut slow = SlowTables::new();
    loop {
        let mark = core.writer.lock().mark_is_due().then(|| MARK_EVERY.saturating_sub(marked.elapsed()));
        let wait = mark.into_iter().chain(slow.due_in()).min().unwrap_or(Duration::from_secs(3600));
        match jobs.recv_timeout(wait) {
            Ok(first) => {
                commit_group(core, collect(first, jobs));
                slow.wrote();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if marked.elapsed() >= MARK_EVERY && core.check_writable("mark").is_ok() {
            // A failure poisons inside; later calls are told.
            let _ = core.writer.lock().mark(core);
            marked = Instant::now();
        }
        if slow.due_in().is_some_and(|wait| wait.is_zero()) && core.check_writable("write tables").is_ok() {
            let _ = slow.look(&core.rocks).inspect_err(|error| {
                tracing::warn!(collection = %core.name, %error, "write out slow memtables");
            });
        }
    }
    stop(core);
}

fn collect(first: Job, jobs: &Receiver<Job>) -> Vec<Job> {
    let mut changes = first.changes.len();
    let mut group = vec![first];
    while changes < GROUP_CHANGES {
        let Ok(job) = jobs.try_recv() else { break };
        changes += job.changes.len();
        group.push(job);
    }
    group
}

fn commit_group(core: &Arc<Core>, group: Vec<Job>) {
    let mut writer = core.writer.lock();
    let mut answers = Vec::with_capacity(group.len());
    for job in group {
        let applied: Answer = job
            .changes
            .into_iter()
            .map(|change| {
                core.check_writable("write")?;
                writer.apply(core, change)
            })
            .collect();
        answers.push((job.answer, applied));
    }
    let synced = core.check_writable("write").and_then(|()| writer.sync_and_publish(core));
    drop(writer);
    pass("group, before the answers");
    let lost = synced.err().map(|error| Halt::after(&error));
    for (answer, applied) in answers {
        let applied = match &lost {
            Some(halt) => Err(halt.error()),
            None => applied,
        };
        // A caller that has gone needs no answer.
        let _ = answer.send(applied);
    }
    if lost.is_none() {
        optimizer::consider(core);
        column_making::consider(core);
        asset_files::consider(core);
    }
}

/// A clean stop: everything is marked, and tables are written so that the next open replays no log.
fn stop(core: &Core) {
    if core.check_writable("stop").is_err() {
        return;
    }
    let mut writer = core.writer.lock();
    pass("stop, before");
    let ended = writer.mark(core).and_then(|()| if writer.written { core.rocks.flush() } else { Ok(()) });
    if let Err(error) = ended {
        tracing::warn!(collection = %core.name, %error, "stop cleanly");
    }
}
