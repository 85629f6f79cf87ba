//! [`Task`]: work of a collection in the background, and how it is started; `job.rs` says where it stands.

use std::sync::atomic::Ordering;

use super::core::Core;
use super::job::Job;

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
