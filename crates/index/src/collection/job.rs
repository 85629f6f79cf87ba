//! [`Job`]: work of a collection on a thread of its own, one run at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::core::Core;

/// What is done in the background.
pub(super) struct Task {
    /// The name of its thread.
    pub(super) name: &'static str,
    /// Where its state is.
    pub(super) job: fn(&Core) -> &Job,
    /// Does it.
    pub(super) run: fn(&Core),
    /// Whether it is to be done once more: for what came as it ended.
    pub(super) is_due: fn(&Core) -> bool,
}

/// The state of a task.
#[derive(Debug, Default)]
pub(crate) struct Job {
    /// Whether it waits or runs.
    wanted: AtomicBool,
    /// The thread of the latest run.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Job {
    /// Waits until it has ended. A task ends soon once the collection closes.
    pub(super) fn join(&self) {
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // A panic there left what was before, which the next open finds.
            let _ = thread.join();
        }
    }

    /// Keeps the task from being started, for tests that do its work by hand.
    #[cfg(test)]
    pub(super) fn hold(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }
}

/// Starts a task, unless it waits or runs, or the collection closes.
pub(super) fn start(core: &Core, task: &'static Task) {
    let Some(shared) = core.this.upgrade() else { return };
    let job = (task.job)(core);
    if core.closing.load(Ordering::Relaxed) || job.wanted.swap(true, Ordering::AcqRel) {
        return;
    }
    let spawned = std::thread::Builder::new().name(task.name.to_owned()).spawn(move || {
        let core = &*shared;
        loop {
            (task.run)(core);
            let wanted = &(task.job)(core).wanted;
            wanted.store(false, Ordering::Release);
            let ends = core.closing.load(Ordering::Relaxed) || !(task.is_due)(core);
            if ends || wanted.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    });
    let before = match spawned {
        Ok(thread) => job.thread.lock().replace(thread),
        Err(error) => {
            job.wanted.store(false, Ordering::Release);
            tracing::warn!(%error, thread = task.name, "start a thread");
            None
        }
    };
    if let Some(before) = before {
        // It has cleared `wanted`, and so is at its end.
        let _ = before.join();
    }
}
