//! The end of a run's pipeline: changes to the store, events after them.

use std::time::Instant;

use super::job::{Found, Ready, is_news};
use super::report::Told;
use super::shared::{Outcome, Run};
use crate::EngineError;
use crate::stages::COMMIT;
use sensorium_types::{AssetId, FailureReason, ItemState, Modality, Payload};
use tokio::sync::mpsc::Receiver;

/// Most jobs of one call of the store.
const BATCH: usize = 64;

/// Writes jobs as they come, until no stage is left that could send one.
pub(super) async fn commit(run: &Run, mut ready: Receiver<Outcome>) -> Result<(), EngineError> {
    let mut received = Vec::with_capacity(BATCH);
    loop {
        if ready.recv_many(&mut received, BATCH).await == 0 {
            return Ok(());
        }
        let mut batch = received.drain(..).collect::<Result<Vec<_>, _>>()?;
        while !batch.is_empty() {
            batch = write(run, batch).await?;
        }
    }
}

/// Writes a batch and tells of it. Returns the jobs that waited for it.
async fn write(run: &Run, batch: Vec<Ready>) -> Result<Vec<Ready>, EngineError> {
    let mut changes = Vec::new();
    let mut written = Vec::with_capacity(batch.len());
    for Ready { changes: own, told, settles } in batch {
        written.push((own.len(), told, settles));
        changes.extend(own);
    }
    let mut applied = if changes.is_empty() {
        Vec::new()
    } else {
        let begun = Instant::now();
        let applied = run.store.apply(changes).await?;
        run.stages.time(COMMIT, begun.elapsed());
        applied
    }
    .into_iter();
    let mut next = Vec::new();
    for (count, mut told, settles) in written {
        told.points = applied.by_ref().take(count).map(|applied| applied.points_written as u64).sum();
        let settled = Settled::of(&told);
        run.reporter.tell(told);
        if let Some(asset) = settles {
            settle(run, &asset, &settled, &mut next);
        }
    }
    Ok(next)
}

/// How the file that others wait for ended.
#[derive(Debug)]
struct Settled {
    failure: Option<FailureReason>,
    warning: Option<FailureReason>,
    modality: Option<Modality>,
}

impl Settled {
    fn of(told: &Told) -> Self {
        let (failure, warning) = match told.state {
            ItemState::Failed => (told.reason.clone(), None),
            ItemState::Indexed | ItemState::Unchanged | ItemState::Pruned => (None, told.reason.clone()),
        };
        Self { failure, warning, modality: told.modality }
    }
}

/// Files of the same bytes share the fate of the first.
fn settle(run: &Run, asset: &AssetId, settled: &Settled, next: &mut Vec<Ready>) {
    if let Some(reason) = &settled.failure {
        run.failed.lock().insert(asset.clone(), reason.clone());
    }
    let waiting = run.in_flight.lock().remove(asset).unwrap_or_default();
    for job in waiting {
        next.push(match &settled.failure {
            Some(reason) => job.failed(&run.rows, reason.clone(), None),
            None => {
                let merge = is_news(&job.metadata, &Payload::new());
                let (modality, warning) = (settled.modality, settled.warning.clone());
                job.known(&run.rows, Found { asset: asset.clone(), modality, warning }, merge, None)
            }
        });
    }
}
