//! [`ColumnJob`]: which fields have columns, and the job that makes them.

use parking_lot::Mutex;

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
}

impl ColumnJob {
    /// Whether the column of an indexed field did not fit.
    pub(super) fn is_too_large(&self, field: &str) -> bool {
        self.usage.is_too_large(field)
    }
}
