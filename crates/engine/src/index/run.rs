//! One run of `index`: its threads and queues.
//!
//! ```text
//!   walk (1) ──work──► read, hash, decode (jobs) ──encoding──► wait for vectors (1) ──ready──► commit (async)
//!      └───────────────────────────── rows that fail or move at once ────────────────────────►
//! ```
//!
//! Every queue is bounded, and so is that of the encoders, so that the slowest stage sets the pace and memory stays
//! flat. A file is told of once: where nothing has to be written by the stage that sees so, else after its commit.

use std::sync::Arc;

use crossbeam_channel::bounded;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::commit::commit;
use super::shared::Run;
use super::{decide, work};
use crate::EngineError;

/// Files that wait to be read.
const WORK_QUEUE: usize = 256;
/// Files whose parts are with the encoders. The queue of the encoders bounds their pixels and samples; this only has to
/// be long enough for whole batches of single images.
const ENCODING_QUEUE: usize = 32;
/// Jobs that wait for the store.
const READY_QUEUE: usize = 64;

impl Run {
    /// Walks and writes until all is done, or the run is cancelled.
    pub(super) async fn run(self: &Arc<Self>) -> Result<(), EngineError> {
        let (work_in, work_out) = bounded(WORK_QUEUE);
        let (encoding_in, encoding_out) = bounded(ENCODING_QUEUE);
        let (ready_in, ready_out) = mpsc::channel(READY_QUEUE);
        let mut stages = Vec::new();
        stages.push(self.stage({
            let ready = ready_in.clone();
            move |run| decide::walk(run, &work_in, &ready)
        }));
        for _ in 0..self.jobs {
            let (work, encoding, ready) = (work_out.clone(), encoding_in.clone(), ready_in.clone());
            stages.push(self.stage(move |run| work::read_all(run, &work, &encoding, &ready)));
        }
        drop((work_out, encoding_in));
        stages.push(self.stage(move |run| work::assemble_all(run, &encoding_out, &ready_in)));

        let committed = commit(self, ready_out).await;
        if committed.is_err() {
            self.cancel.cancel();
        }
        for stage in stages {
            stage.await.map_err(|_| EngineError::Task { action: "index files" })?;
        }
        committed
    }

    fn stage(self: &Arc<Self>, body: impl FnOnce(&Self) + Send + 'static) -> JoinHandle<()> {
        let run = Arc::clone(self);
        tokio::task::spawn_blocking(move || body(&run))
    }
}
