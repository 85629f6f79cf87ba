//! What the queue counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sensorium_types::{EncoderFigures, Spread};

use super::priority::Priority;

/// Counters of a batcher.
#[derive(Debug)]
pub(super) struct Tally {
    refused: AtomicU64,
    batch_inputs: Spread,
    batch_seconds: Spread,
    query_wait: Spread,
    bulk_wait: Spread,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            refused: AtomicU64::new(0),
            batch_inputs: Spread::of_counts(),
            batch_seconds: Spread::of_seconds(),
            query_wait: Spread::of_seconds(),
            bulk_wait: Spread::of_seconds(),
        }
    }
}

impl Tally {
    /// A query found the queue full.
    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A batch begins: of each chunk of it who waits, since when, and how many inputs it has.
    #[expect(clippy::cast_precision_loss, reason = "a batch has few inputs")]
    pub(super) fn begin(&self, batch: impl Iterator<Item = (Priority, Instant, usize)>) {
        let now = Instant::now();
        let mut all = 0;
        for (priority, since, inputs) in batch {
            let wait = match priority {
                Priority::Query => &self.query_wait,
                Priority::Bulk => &self.bulk_wait,
            };
            wait.time(now.saturating_duration_since(since));
            all += inputs;
        }
        self.batch_inputs.observe(all as f64);
    }

    /// A batch was encoded.
    pub(super) fn end(&self, took: Duration) {
        self.batch_seconds.time(took);
    }

    /// What was counted, beside those who wait.
    pub(super) fn read(&self, (queries, bulk): (u64, u64)) -> EncoderFigures {
        let [query, of_bulk] = [Priority::Query.name(), Priority::Bulk.name()];
        EncoderFigures {
            waiting: vec![(query, queries), (of_bulk, bulk)],
            refused: self.refused.load(Ordering::Relaxed),
            batch_inputs: self.batch_inputs.read(),
            batch_seconds: self.batch_seconds.read(),
            wait_seconds: vec![(query, self.query_wait.read()), (of_bulk, self.bulk_wait.read())],
        }
    }
}
