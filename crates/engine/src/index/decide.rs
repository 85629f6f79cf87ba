//! The walk of a run: each file met is told of at once, or becomes a job.

use crossbeam_channel::Sender;
use sensorium_types::{FailureReason, Payload, ReasonKind};
use tokio::sync::mpsc;

use super::job::{Job, Task, told_failure};
use super::report::Told;
use super::rows::Known;
use super::run::{Outcome, Run};
use super::walk::{Met, Stamp, Walk, What};
use super::{AssetState, job};

/// The stamp of a file that cannot be looked at.
const NO_STAMP: Stamp = Stamp { bytes: 0, mtime_ns: 0 };

/// Walks the PATHs of a run.
pub(super) fn walk(run: &Run, work: &Sender<Job>, ready: &mpsc::Sender<Outcome>) {
    let left_out: Vec<_> = run.left_out.iter().map(std::path::PathBuf::as_path).collect();
    let mut walk = Walk::new(&run.selection, &left_out, &run.cancel);
    let mut files = 0;
    walk.run(&run.roots, &mut |met| {
        files += 1;
        run.reporter.walked(files, false);
        match decide(run, met) {
            Decision::Told(told) => {
                run.reporter.tell(told);
                true
            }
            Decision::Work(job) => work.send(job).is_ok(),
            Decision::Ready(outcome) => ready.blocking_send(Ok(outcome)).is_ok(),
        }
    });
    run.reporter.walked(files, true);
}

/// What is done with a file that was met.
#[derive(Debug)]
enum Decision {
    /// Nothing: its row says it all.
    Told(Told),
    /// It has to be looked into.
    Work(Job),
    /// A row has to be written.
    Ready(job::Ready),
}

fn decide(run: &Run, met: Met) -> Decision {
    let Met { root, path, what } = met;
    let metadata = run.meta.get(&root, &path).cloned();
    let (stamp, reason) = match what {
        What::File(stamp) if stamp.bytes > run.decode.max_bytes() => (stamp, Some(too_large(run, stamp))),
        What::File(stamp) => (stamp, None),
        What::Special(stamp, kind) => (stamp, Some(FailureReason::new(ReasonKind::Unsupported, kind))),
        What::Unreadable(reason) if run.rows.is_indexed(&path) => {
            // It may be the same as ever behind an error that passes: its row and its asset stay.
            return Decision::Told(told_failure(path, reason));
        }
        What::Unreadable(reason) => (NO_STAMP, Some(reason)),
    };
    let has_news = metadata.is_some();
    let known = run.rows.look_up(&root, &path, stamp, run.retry_all);
    let job = |task| Job { root, path, stamp, task, metadata: metadata.unwrap_or_else(Payload::new) };
    match (known, reason) {
        (Known::Failed { reason, own: true, .. }, _) => {
            Decision::Told(told_failure(job(Task::Read { tries: 0 }).path, reason))
        }
        (Known::Failed { reason, tries, own: false }, _) => {
            let job = job(Task::Read { tries: tries.saturating_sub(1) });
            Decision::Ready(job.failed(&run.rows, reason, None))
        }
        (Known::Unread { tries }, Some(reason)) => {
            Decision::Ready(job(Task::Read { tries }).failed(&run.rows, reason, None))
        }
        (Known::Indexed { .. }, Some(reason)) => {
            Decision::Ready(job(Task::Read { tries: 0 }).failed(&run.rows, reason, None))
        }
        (Known::Indexed { asset, own: true }, None) if !has_news => {
            let path = job(Task::Read { tries: 0 }).path;
            let state = AssetState::Unchanged;
            Decision::Told(Told { path, asset: Some(asset), modality: None, points: 0, state, reason: None })
        }
        (Known::Indexed { asset, own }, None) => Decision::Work(job(Task::Check { asset, own })),
        (Known::Unread { tries }, None) => Decision::Work(job(Task::Read { tries })),
    }
}

fn too_large(run: &Run, stamp: Stamp) -> FailureReason {
    let detail = format!("{} bytes, the limit is {}", stamp.bytes, run.decode.max_bytes());
    FailureReason::new(ReasonKind::TooLarge, detail)
}
