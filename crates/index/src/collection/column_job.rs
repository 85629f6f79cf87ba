//! [`ColumnJob`]: which fields have columns, and the job that makes them.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use sensorium_types::CacheFigures;

use super::job::Job;
use crate::columns::Usage;

/// What a collection keeps for its columns beside its views.
#[derive(Debug, Default)]
pub(crate) struct ColumnJob {
    pub(super) usage: Usage,
    /// Makes them.
    pub(super) job: Job,
    /// Held while some are made.
    pub(super) making: Mutex<()>,
    /// The change and the fields of the columns in the file in use, if this process wrote it.
    pub(super) kept: Mutex<Option<(u64, Vec<String>)>>,
    /// Filters that columns answered, and those for which assets were asked one by one.
    hits: AtomicU64,
    misses: AtomicU64,
}

impl ColumnJob {
    /// Columns answered a filter, apart from what they leave open.
    pub(super) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Assets were asked one by one.
    pub(super) fn miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// How often each was so.
    pub(super) fn figures(&self) -> CacheFigures {
        CacheFigures { hits: self.hits.load(Ordering::Relaxed), misses: self.misses.load(Ordering::Relaxed) }
    }

    /// Whether the column of an indexed field did not fit.
    pub(super) fn is_too_large(&self, field: &str) -> bool {
        self.usage.is_too_large(field)
    }
}
