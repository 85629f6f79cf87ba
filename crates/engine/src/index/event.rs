//! What a run of `index` tells while it goes, and at its end.

use std::path::PathBuf;

use sensorium_types::{AssetId, FailureReason, Modality};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AssetState {
    /// Its source row was added or changed, or its metadata was.
    Indexed,
    /// It was not touched.
    Unchanged,
    /// It failed now, or failed before and was not tried again.
    Failed,
    /// Its source row was taken away.
    Pruned,
}

impl AssetState {
    /// The lower-case name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Indexed => "indexed",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::Pruned => "pruned",
        }
    }
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
    Asset {
        /// The file as walked.
        path: PathBuf,
        /// Its asset, if it has one.
        asset: Option<AssetId>,
        /// What it is, if that is known.
        modality: Option<Modality>,
        /// Points newly written: 0 for a known hash.
        points: u64,
        /// What became of it.
        state: AssetState,
        /// Why it failed; of one that was indexed, what is doubtful about it.
        reason: Option<FailureReason>,
    },
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
    /// Wall time.
    pub seconds: f64,
    /// Whether the run was cancelled; what it counts is committed.
    pub interrupted: bool,
    /// Rows of the metadata file that no file met took.
    pub metadata_unused: u64,
}
