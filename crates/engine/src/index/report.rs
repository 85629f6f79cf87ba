//! Events and counts of a run.

use std::path::PathBuf;

use parking_lot::Mutex;
use sensorium_types::{
    AssetId, FailureReason, FileOutcome, IndexEvent, IndexSummary, ItemFailure, ItemOutcome, ItemState,
    Modality,
};
use tokio::sync::mpsc::UnboundedSender;

/// Files between two `Walked` events.
const WALKED_EVERY: u64 = 256;

/// What is told of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) path: PathBuf,
    pub(super) asset: Option<AssetId>,
    pub(super) modality: Option<Modality>,
    pub(super) points: u64,
    pub(super) state: ItemState,
    pub(super) reason: Option<FailureReason>,
}

/// Sends events and counts what they say.
#[derive(Debug)]
pub(super) struct Reporter {
    events: UnboundedSender<IndexEvent>,
    counts: Mutex<IndexSummary>,
}

impl Reporter {
    pub(super) fn new(events: UnboundedSender<IndexEvent>) -> Self {
        Self { events, counts: Mutex::default() }
    }

    /// Tells what became of a file.
    pub(super) fn tell(&self, told: Told) {
        let Told { path, asset, modality, points, state, reason } = told;
        let outcome = ItemOutcome { asset, modality, points, state, failure: reason.map(ItemFailure::from) };
        self.counts.lock().add(&outcome);
        self.send(IndexEvent::File(FileOutcome { path, outcome }));
    }

    /// Tells how far the walk is.
    pub(super) fn walked(&self, files: u64, done: bool) {
        if done || files.is_multiple_of(WALKED_EVERY) {
            self.send(IndexEvent::Walked { files, done });
        }
    }

    /// Tells of a data folder that is not walked.
    pub(super) fn passed_over(&self, path: PathBuf) {
        self.send(IndexEvent::PassedOver { path });
    }

    /// The counts so far.
    pub(super) fn counts(&self) -> IndexSummary {
        *self.counts.lock()
    }

    fn send(&self, event: IndexEvent) {
        // A receiver that is gone does not want to know.
        let _ = self.events.send(event);
    }
}
