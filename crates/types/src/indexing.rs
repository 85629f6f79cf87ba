//! A run of `index`: what it is asked to do, and what it tells.

use std::path::PathBuf;

use crate::{FailureReason, ItemOutcome, ItemState};

/// Files and folders to bring in, of the machine that reads them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndexRequest {
    /// Files and folders. Relative ones are taken from the current folder; a server takes absolute ones alone.
    pub paths: Vec<PathBuf>,
    /// Only files that one of these globs matches (none: all). A glob without `/` is matched against the name, another
    /// against the path below the PATH given.
    pub include: Vec<String>,
    /// No files or folders that one of these globs matches.
    pub exclude: Vec<String>,
    /// Take away the sources below the paths whose files are gone.
    pub prune: bool,
    /// Prune even where it looks like an unmounted disk.
    pub force: bool,
    /// JSONL or CSV with the user's own metadata, joined by its field `path` (or `file`).
    pub meta: Option<PathBuf>,
    /// Try every file again that failed before or was indexed with a warning, whatever the reason and however often it
    /// was tried.
    pub retry_all: bool,
}

/// A file with what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct FileOutcome {
    /// The file as walked.
    pub path: PathBuf,
    /// What became of it.
    pub outcome: ItemOutcome,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexEvent {
    /// The walk has met this many files so far.
    Walked {
        /// Files met.
        files: u64,
        /// Whether the walk is over.
        done: bool,
    },
    /// A file is done; sent after the commit that makes it true, once for each file met.
    File(FileOutcome),
    /// Another data folder of sensorium was met, and is not walked.
    PassedOver {
        /// The folder.
        path: PathBuf,
    },
}

/// Counts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct IndexSummary {
    /// Files whose source row was added or changed.
    pub indexed: u64,
    /// Files not touched.
    pub unchanged: u64,
    /// Files that failed, now or before.
    pub failed: u64,
    /// Sources taken away.
    pub pruned: u64,
    /// Files among the indexed of which something is doubtful.
    pub warned: u64,
    /// Points newly written.
    pub points: u64,
    /// Wall time, in seconds.
    pub seconds: f64,
    /// Whether the run was cut short; what it counts is committed.
    pub interrupted: bool,
    /// Rows of the metadata file that no file met took.
    pub metadata_unused: u64,
}

impl IndexSummary {
    /// Counts a file.
    pub fn add(&mut self, outcome: &ItemOutcome) {
        match outcome.state {
            ItemState::Indexed => self.indexed += 1,
            ItemState::Unchanged => self.unchanged += 1,
            ItemState::Failed => self.failed += 1,
            ItemState::Pruned => self.pruned += 1,
        }
        self.warned += u64::from(outcome.is_warned());
        self.points += outcome.points;
    }
}

/// A file that was not indexed, or was with a warning, as a listing tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedFile {
    /// The file; `asset:ID` for an asset without one.
    pub path: PathBuf,
    /// Why it failed, or what is doubtful about it.
    pub reason: FailureReason,
    /// How many runs have tried it.
    pub tries: u32,
    /// Its size in bytes when it was read.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReasonKind;

    #[test]
    fn files_are_counted_by_what_became_of_them() {
        let failed = ItemOutcome::failed(FailureReason::new(ReasonKind::Corrupt, ""));
        let mut summary = IndexSummary::default();
        for (state, points) in [
            (ItemState::Indexed, 2),
            (ItemState::Unchanged, 0),
            (ItemState::Failed, 0),
            (ItemState::Failed, 0),
            (ItemState::Pruned, 0),
        ] {
            summary.add(&ItemOutcome { state, points, ..failed.clone() });
        }
        summary.add(&ItemOutcome { state: ItemState::Indexed, points: 1, failure: None, ..failed });
        let IndexSummary { indexed, unchanged, failed, pruned, warned, points, .. } = summary;
        assert_eq!((indexed, unchanged, failed, pruned), (2, 1, 2, 1));
        assert_eq!((warned, points), (1, 3), "a file that failed has no warning");
    }
}
