//! What those who work count, for those who watch: counters that cost some nanoseconds, and what was read of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of times, in seconds: a tenth of a millisecond, each twice the one before, to 26 s.
const SECONDS: [f64; 19] = bounds(0.0001);
/// Upper bounds of counts: one, each twice the one before, to 1024.
const COUNTS: [f64; 11] = bounds(1.0);
/// A spread's sum is kept in millionths.
const MILLION: f64 = 1e6;

#[expect(clippy::indexing_slicing, reason = "below the length, and looked at when it is compiled")]
const fn bounds<const N: usize>(first: f64) -> [f64; N] {
    let mut bounds = [first; N];
    let mut at = 1;
    while at < N {
        bounds[at] = bounds[at - 1] * 2.0;
        at += 1;
    }
    bounds
}

/// How values are spread: how many lay up to each bound, and their sum. Many threads may add to it at a time.
#[derive(Debug)]
pub struct Spread {
    bounds: &'static [f64],
    counts: Box<[AtomicU64]>,
    millionths: AtomicU64,
}

impl Spread {
    /// Of times.
    pub fn of_seconds() -> Self {
        Self::new(&SECONDS)
    }

    /// Of counts from one on.
    pub fn of_counts() -> Self {
        Self::new(&COUNTS)
    }

    fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, millionths: AtomicU64::new(0) }
    }

    /// Takes note of a value, which is not below zero.
    pub fn observe(&self, value: f64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float that is out of range becomes the nearest number"
        )]
        let millionths = (value * MILLION).round() as u64;
        self.millionths.fetch_add(millionths, Ordering::Relaxed);
    }

    /// Takes note of a time.
    pub fn time(&self, took: Duration) {
        self.observe(took.as_secs_f64());
    }

    /// What was noted so far.
    #[expect(clippy::cast_precision_loss, reason = "a sum for people")]
    pub fn read(&self) -> SpreadReading {
        SpreadReading {
            bounds: self.bounds,
            counts: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: self.millionths.load(Ordering::Relaxed) as f64 / MILLION,
        }
    }
}

/// A spread as it was at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct SpreadReading {
    /// Upper bounds.
    pub bounds: &'static [f64],
    /// Values up to each bound and above the one before it; last those above all bounds.
    pub counts: Vec<u64>,
    /// The sum of all values.
    pub sum: f64,
}

impl SpreadReading {
    /// How many values there were.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The queue of the encoders, and what it made.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderFigures {
    /// Inputs that wait, by who waits: `query` or `bulk`.
    pub waiting: Vec<(&'static str, u64)>,
    /// Queries that found the queue full.
    pub refused: u64,
    /// Inputs of a batch.
    pub batch_inputs: SpreadReading,
    /// How long a batch took to encode, in seconds.
    pub batch_seconds: SpreadReading,
    /// How long inputs waited until their batch began, in seconds, by who waited.
    pub wait_seconds: Vec<(&'static str, SpreadReading)>,
}

/// The decoding workers that serve one kind of caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WorkerFigures {
    /// Most that run at a time.
    pub most: u64,
    /// Processes that run.
    pub running: u64,
    /// Those of them that decode a file.
    pub busy: u64,
    /// Processes that were started.
    pub started: u64,
    /// Files whose time was up; their workers were killed.
    pub timed_out: u64,
    /// Workers that were killed because nobody waited for their file any more.
    pub cancelled: u64,
    /// Workers that died by themselves: a decoder crashed, or a limit of theirs was met.
    pub died: u64,
}

/// What an engine's encoders and decoders did, and how long the stages of ingest took.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EngineFigures {
    /// The encoders; `None` until they are first used.
    pub encoders: Option<EncoderFigures>,
    /// Decoding workers by whom they serve, those that were used.
    pub workers: Vec<(&'static str, WorkerFigures)>,
    /// Stages of ingest, in seconds an item.
    pub ingest_seconds: Vec<(&'static str, SpreadReading)>,
}

/// How often a cache had what was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheFigures {
    /// It had it.
    pub hits: u64,
    /// It had not.
    pub misses: u64,
}

/// What the storage below one collection does. What is not known is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StorageFigures {
    /// Whether writes are stopped at this moment.
    pub writes_stopped: Option<bool>,
    /// Bytes a second that writes are slowed to at this moment, 0 where they are not.
    pub delayed_bytes_a_second: Option<u64>,
    /// How often writes were slowed or stopped.
    pub stalls: Option<u64>,
    /// Bytes of rows that are in no table yet.
    pub memtable_bytes: Option<u64>,
    /// Bytes that compaction has to rewrite, about.
    pub pending_compaction_bytes: Option<u64>,
    /// Flushes that run.
    pub running_flushes: Option<u64>,
    /// Compactions that run.
    pub running_compactions: Option<u64>,
    /// Background work that failed.
    pub background_errors: Option<u64>,
    /// Filters that columns answered, and those for which assets were asked one by one. `None` where there are no columns.
    pub columns: Option<CacheFigures>,
    /// Bytes of the columns.
    pub column_bytes: Option<u64>,
}

/// What all collections of a data folder share. What is not known is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SharedFigures {
    /// Bytes of blocks that are kept.
    pub block_cache_bytes: Option<u64>,
    /// Most bytes of them.
    pub block_cache_limit_bytes: Option<u64>,
    /// How often a block was there.
    pub block_cache: Option<CacheFigures>,
    /// Microseconds that writers had to wait for flushes and compactions.
    pub stall_microseconds: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_up_to_their_bounds() {
        let spread = Spread::of_counts();
        for value in [1.0, 2.0, 2.5, 1024.0, 5000.0] {
            spread.observe(value);
        }
        let read = spread.read();
        assert_eq!(read.bounds.len() + 1, read.counts.len());
        assert_eq!((read.counts[0], read.counts[1], read.counts[2], read.counts[10]), (1, 1, 1, 1));
        assert_eq!((read.counts[11], read.total()), (1, 5));
        assert!((read.sum - 6029.5).abs() < 1e-6);
    }

    #[test]
    fn times_add_up_and_their_bounds_double() {
        let spread = Spread::of_seconds();
        spread.time(Duration::from_micros(150));
        spread.time(Duration::from_secs(60));
        let read = spread.read();
        assert_eq!((read.counts[1], read.counts[19]), (1, 1));
        assert!((read.sum - 60.000_15).abs() < 1e-9);
        assert!(read.bounds.windows(2).all(|pair| (pair[1] - pair[0] * 2.0).abs() < 1e-12));
    }
}
