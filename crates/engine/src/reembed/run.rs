//! The threads and queues of a run.
//!
//! ```text
//!   pending ──work──► read, hash, decode (jobs) ──encoding──► wait for vectors (1) ──ready──► commit (async)
//! ```
//!
//! Every queue is bounded, as in a run of `index`, so that memory stays flat.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use sensorium_media::Cancel;
use sensorium_types::{AssetId, FailureReason, Losses, ReembedEvent, ReembedSummary, WithoutMedia};
use tokio::sync::mpsc;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use super::make::{self, Done, Made, Task, is_given_up};
use super::plan;
use super::shared::Run;
use crate::EngineError;

/// Assets that wait to be read.
const WORK_QUEUE: usize = 256;
/// Assets whose parts are with the encoders.
const ENCODING_QUEUE: usize = 32;
/// Assets that wait for the store.
const READY_QUEUE: usize = 64;
/// Most assets of one call of the store.
const BATCH: usize = 64;

/// What a run is told to do.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) pending: Vec<AssetId>,
    pub(super) without_media: Vec<WithoutMedia>,
    pub(super) losses: Losses,
    /// Whether the collection as it was is kept.
    pub(super) keeps: bool,
    pub(super) events: UnboundedSender<ReembedEvent>,
    pub(super) cancel: Cancel,
}

type Outcome = Result<Done, EngineError>;

impl Run {
    /// Brings the assets over, until all are or the run is cancelled.
    pub(super) async fn run(
        self: &Arc<Self>,
        pending: Vec<AssetId>,
        events: &UnboundedSender<ReembedEvent>,
    ) -> Result<ReembedSummary, EngineError> {
        let (work_in, work_out) = bounded(WORK_QUEUE);
        let (encoding_in, encoding_out) = bounded(ENCODING_QUEUE);
        let (ready_in, ready_out) = mpsc::channel(READY_QUEUE);
        let mut stages = vec![self.stage(move |_| {
            for asset in pending {
                if work_in.send(asset).is_err() {
                    break;
                }
            }
        })];
        for _ in 0..self.jobs {
            let (work, encoding, ready) = (work_out.clone(), encoding_in.clone(), ready_in.clone());
            stages.push(self.stage(move |run| run.read_all(&work, &encoding, &ready)));
        }
        drop((work_out, encoding_in));
        stages.push(self.stage(move |run| run.assemble_all(&encoding_out, &ready_in)));

        let committed = self.commit(ready_out, events).await;
        if committed.is_err() {
            self.cancel.cancel();
        }
        for stage in stages {
            stage.await.map_err(|_| EngineError::Task { action: "bring assets to another bundle" })?;
        }
        committed
    }

    fn stage(self: &Arc<Self>, body: impl FnOnce(&Self) + Send + 'static) -> JoinHandle<()> {
        let run = Arc::clone(self);
        tokio::task::spawn_blocking(move || body(&run))
    }

    /// Reads and decodes until no asset is left.
    fn read_all(&self, work: &Receiver<AssetId>, encoding: &Sender<Made>, ready: &mpsc::Sender<Outcome>) {
        while let Ok(asset) = work.recv() {
            if self.cancel.is_cancelled() {
                return;
            }
            let goes_on = match self.read(&asset) {
                Ok(Some(made)) => encoding.send(made).is_ok(),
                Ok(None) => true,
                Err(error) => {
                    let _ = ready.blocking_send(Err(error));
                    false
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Reads one asset; `None` if it went meanwhile, or is left for another run.
    fn read(&self, asset: &AssetId) -> Result<Option<Made>, EngineError> {
        let found = self.runtime.block_on(self.from.get(std::slice::from_ref(asset), false))?;
        let Some(stored) = found.into_iter().next().flatten() else { return Ok(None) };
        let sources = plan::ordered(&stored, self.sources.get(asset).cloned().unwrap_or_default());
        let task = Task { stored, sources };
        if let Some(lacking) = self.lacking.get(asset) {
            return self.make_do(task, lacking.reason.clone(), is_given_up(lacking.substitute, self.losses));
        }
        match make::of_media(self, task)? {
            Ok(made) => Ok(Some(made)),
            Err((task, reason)) => self.make_do(task, reason, self.gives_up_unlisted()),
        }
    }

    /// Whether an asset that nobody listed comes over though it cannot be read. In place it keeps what it has.
    fn gives_up_unlisted(&self) -> bool {
        self.moves && self.losses == Losses::All
    }

    /// An asset whose media cannot be read: what is left of it if it is given up, else it is noted.
    fn make_do(&self, task: Task, reason: FailureReason, give_up: bool) -> Result<Option<Made>, EngineError> {
        if self.cancel.is_cancelled() {
            return Ok(None);
        }
        if give_up {
            return make::of_what_is_left(self, task, reason).map(Some);
        }
        self.note_unread(&task, reason)?;
        Ok(None)
    }

    fn note_unread(&self, task: &Task, reason: FailureReason) -> Result<(), EngineError> {
        let lacking = plan::without_media(self.from.as_ref(), &task.stored, reason);
        let lacking = self.runtime.block_on(lacking)?;
        self.unread.lock().push(lacking);
        Ok(())
    }

    /// Waits for vectors, in order of decoding, until no asset is left.
    fn assemble_all(&self, encoding: &Receiver<Made>, ready: &mpsc::Sender<Outcome>) {
        let revision = self.to.space().revision;
        while let Ok(made) = encoding.recv() {
            if self.cancel.is_cancelled() {
                continue;
            }
            let outcome = match self.assemble(made, &revision) {
                Ok(Some(done)) => Ok(done),
                Ok(None) => continue,
                Err(_) if self.cancel.is_cancelled() => continue,
                Err(error) => Err(error),
            };
            if ready.blocking_send(outcome).is_err() {
                return;
            }
        }
    }

    fn assemble(&self, made: Made, revision: &str) -> Result<Option<Done>, EngineError> {
        match made.finish(revision)? {
            Ok(done) => Ok(Some(done)),
            Err((task, reason)) => {
                let Some(left) = self.make_do(task, reason, self.gives_up_unlisted())? else {
                    return Ok(None);
                };
                match left.finish(revision)? {
                    Ok(done) => Ok(Some(done)),
                    Err((task, reason)) => self.note_unread(&task, reason).map(|()| None),
                }
            }
        }
    }

    async fn commit(
        &self,
        mut ready: mpsc::Receiver<Outcome>,
        events: &UnboundedSender<ReembedEvent>,
    ) -> Result<ReembedSummary, EngineError> {
        let mut summary = ReembedSummary::default();
        let mut received = Vec::with_capacity(BATCH);
        while ready.recv_many(&mut received, BATCH).await > 0 {
            let mut changes = Vec::new();
            let mut told = Vec::with_capacity(received.len());
            for outcome in received.drain(..) {
                let (own, event) = outcome?;
                changes.extend(own);
                told.push(event);
            }
            self.to.apply(changes).await?;
            for event in told {
                summary.add(&event);
                // A receiver that is gone does not want to know.
                let _ = events.send(event);
            }
        }
        Ok(summary)
    }
}
