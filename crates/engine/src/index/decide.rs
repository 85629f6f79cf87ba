//! The walk of a run: each file met is told of at once, or becomes a job.

use std::path::{Path, PathBuf};

use crossbeam_channel::Sender;
use sensorium_types::{FailureReason, ItemState, Payload, ReasonKind};
use tokio::sync::mpsc;

use super::job;
use super::job::{Job, Task, forgotten, told_failure};
use super::report::Told;
use super::rows::Known;
use super::shared::{Outcome, Run};
use super::walk::{Met, Stamp, Walk, What};

/// The stamp of a file that cannot be looked at.
const NO_STAMP: Stamp = Stamp { bytes: 0, mtime_ns: 0 };

/// Walks the PATHs of a run.
pub(super) fn walk(run: &Run, work: &Sender<Job>, ready: &mpsc::Sender<Outcome>) {
    let left_out: Vec<_> = run.left_out.iter().map(PathBuf::as_path).collect();
    let mut walk = Walk::new(&run.selection, &left_out, &run.cancel);
    let mut files = 0;
    walk.run(&run.roots, &mut |met| {
        let Met { root, path, what } = met;
        let (stamp, reason) = match what {
            What::Folder => return forget(run, &[&path], ready),
            What::DataFolder => {
                let failed = run.rows.failed_below(&path);
                run.reporter.passed_over(path.clone());
                return forget(run, &failed, ready);
            }
            What::File(stamp) if stamp.bytes > run.decode.max_bytes() => {
                (Some(stamp), Some(too_large(run, stamp)))
            }
            What::File(stamp) => (Some(stamp), None),
            What::Special(stamp, kind) => {
                (Some(stamp), Some(FailureReason::new(ReasonKind::Unsupported, kind)))
            }
            What::Unreadable(reason) => (None, Some(reason)),
        };
        files += 1;
        run.reporter.walked(files, false);
        match decide(run, (root, path), stamp, reason) {
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

/// Has the failed rows of these paths go, if there are any: what they tell has no cause any more. Returns whether the
/// run goes on.
fn forget(run: &Run, paths: &[&Path], ready: &mpsc::Sender<Outcome>) -> bool {
    paths.iter().all(|path| {
        let keys = run.rows.failed_keys(path);
        keys.is_empty() || ready.blocking_send(Ok(forgotten(path.to_path_buf(), keys))).is_ok()
    })
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

/// Decides about a file; without a stamp it could not be looked at, and with a reason it is not read.
fn decide(
    run: &Run,
    (root, path): (PathBuf, PathBuf),
    stamp: Option<Stamp>,
    reason: Option<FailureReason>,
) -> Decision {
    let (waiting, given) = (run.rows.waiting_fields(&path), run.meta.get(&root, &path));
    let metadata = fields(waiting, given);
    let is_news = waiting.map_or(!metadata.is_empty(), |waiting| *waiting != metadata);
    let is_indexed = run.rows.indexed_as(&path).is_some();
    let known = run.rows.look_up(&root, &path, stamp.unwrap_or(NO_STAMP), run.retry_all);
    let job = |task| Job { root, path, stamp: stamp.unwrap_or(NO_STAMP), task, metadata };
    match (known, reason) {
        // It may be the same as ever behind an error that passes: its row and its asset stay.
        (_, Some(reason)) if stamp.is_none() && is_indexed => {
            Decision::Ready(job(Task::Read { tries: 0 }).failed_alone(&run.rows, reason))
        }
        (Known::Failed { reason, own: true, .. }, _) if !is_news => {
            Decision::Told(told_failure(job(Task::Read { tries: 0 }).path, reason))
        }
        (Known::Failed { reason, tries, .. }, _) => {
            let job = job(Task::Read { tries: tries.saturating_sub(1) });
            Decision::Ready(job.failed(&run.rows, reason, None))
        }
        (Known::Unread { tries }, Some(reason)) => {
            Decision::Ready(job(Task::Read { tries }).failed(&run.rows, reason, None))
        }
        (Known::Indexed { .. }, Some(reason)) => {
            Decision::Ready(job(Task::Read { tries: 0 }).failed(&run.rows, reason, None))
        }
        (Known::Indexed { asset, .. }, None) if run.again.contains(&asset) => {
            Decision::Work(job(Task::Again { asset }))
        }
        (Known::Indexed { asset, own: true }, None) if given.is_none() => {
            let path = job(Task::Read { tries: 0 }).path;
            let state = ItemState::Unchanged;
            Decision::Told(Told { path, asset: Some(asset), modality: None, points: 0, state, reason: None })
        }
        (Known::Indexed { asset, own }, None) => Decision::Work(job(Task::Check { asset, own })),
        (Known::Unread { tries }, None) => Decision::Work(job(Task::Read { tries })),
    }
}

/// The user's own fields of a file: those that wait for it since it failed, and those given now, which win.
fn fields(waiting: Option<&Payload>, given: Option<&Payload>) -> Payload {
    let mut fields = waiting.cloned().unwrap_or_else(Payload::new);
    if let Some(given) = given {
        fields.merge(given.clone());
        if fields.check_user().is_err() {
            // Together they are too large; each alone is not.
            return given.clone();
        }
    }
    fields
}

fn too_large(run: &Run, stamp: Stamp) -> FailureReason {
    let detail = format!("{} bytes, the limit is {}", stamp.bytes, run.decode.max_bytes());
    FailureReason::new(ReasonKind::TooLarge, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_given_now_win_and_two_that_are_too_large_together_are_not_mixed() {
        let payload = |name: &str, value: &str| {
            let mut payload = Payload::new();
            payload.set(name, value);
            payload
        };
        assert_eq!(fields(None, None), Payload::new());
        assert_eq!(fields(Some(&payload("a", "1")), Some(&payload("a", "2"))), payload("a", "2"));
        let large = "x".repeat(40_000);
        let (waiting, given) = (payload("a", &large), payload("b", &large));
        assert_eq!(fields(Some(&waiting), None), waiting);
        assert_eq!(fields(Some(&waiting), Some(&given)), given);
    }
}
