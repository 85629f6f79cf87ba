//! [`Job`]: where work of a collection stands that is done on a thread of its own, one run at a time.

use std::sync::atomic::AtomicBool;
#[cfg(test)]
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use parking_lot::Mutex;

/// The state of a task.
#[derive(Debug, Default)]
pub(crate) struct Job {
    /// Whether it waits or runs.
    pub(super) wanted: AtomicBool,
    /// The thread of the latest run.
    pub(super) thread: Mutex<Option<JoinHandle<()>>>,
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

/// What a collection keeps for its file of assets.
#[derive(Debug, Default)]
pub(crate) struct AssetFileJob {
    pub(super) job: Job,
    /// Held while a file is written.
    pub(super) writing: Mutex<()>,
}
