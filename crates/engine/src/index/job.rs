//! A file on its way through a run, and the changes that it ends in.

use std::path::PathBuf;

use sensorium_types::{
    AssetId, AssetRecord, Change, ContentHash, FailureReason, MediaPolicy, Modality, Payload, PointRecord,
    SourceKey, SourceRow, SourceState,
};

use super::report::Told;
use super::rows::Rows;
use super::walk::Stamp;
use super::{AssetState, facts};

/// A file that needs more than a look at its row.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// The PATH under which it was met.
    pub(super) root: PathBuf,
    /// Its path as walked.
    pub(super) path: PathBuf,
    /// Its size and time as walked.
    pub(super) stamp: Stamp,
    /// What is to be done.
    pub(super) task: Task,
    /// The user's own fields.
    pub(super) metadata: Payload,
}

/// What is to be done with a file.
#[derive(Debug, Clone)]
pub(super) enum Task {
    /// Read its bytes, which this many runs tried in vain.
    Read {
        /// Runs before this one.
        tries: u32,
    },
    /// Its bytes are known as this asset: see to its metadata and its row.
    Check {
        /// The asset.
        asset: AssetId,
        /// Whether the row of this root is there.
        own: bool,
    },
}

/// A job that is ready for the store.
#[derive(Debug)]
pub(super) struct Ready {
    /// What the store is to change.
    pub(super) changes: Vec<Change>,
    /// What is told once that is durable; points are counted then.
    pub(super) told: Told,
    /// The asset that other files of the same bytes wait for.
    pub(super) settles: Option<AssetId>,
}

/// What was decoded of a file, without its parts.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) hash: ContentHash,
    pub(super) modality: Modality,
    pub(super) mime: String,
    pub(super) facts: Payload,
}

impl Job {
    /// Ends in a failure: its rows say so.
    pub(super) fn failed(self, rows: &Rows, reason: FailureReason, settles: Option<AssetId>) -> Ready {
        let tries = match self.task {
            Task::Read { tries } => tries + 1,
            Task::Check { .. } => 1,
        };
        let state = SourceState::Failed { reason: reason.clone(), tries };
        let changes = put(rows.keys(&self.root, &self.path), &self.row(state));
        Ready { changes, told: told_failure(self.path, reason), settles }
    }

    /// Ends in rows that point at an asset which is there, and in metadata that it lacks.
    pub(super) fn known(
        self,
        rows: &Rows,
        asset: AssetId,
        modality: Option<Modality>,
        merge: bool,
        settles: Option<AssetId>,
    ) -> Ready {
        let state = SourceState::Indexed { asset: asset.clone() };
        let mut changes = match self.task {
            Task::Check { own: true, .. } => Vec::new(),
            Task::Check { own: false, .. } | Task::Read { .. } => {
                put(rows.keys(&self.root, &self.path), &self.row(state))
            }
        };
        if merge {
            changes.push(Change::MergeMetadata { asset: asset.clone(), metadata: self.metadata });
        }
        let told = Told {
            path: self.path,
            asset: Some(asset),
            modality,
            points: 0,
            state: if changes.is_empty() { AssetState::Unchanged } else { AssetState::Indexed },
            reason: None,
        };
        Ready { changes, told, settles }
    }

    /// Ends in a new asset.
    pub(super) fn new_asset(
        self,
        rows: &Rows,
        seen: Seen,
        points: Vec<PointRecord>,
        space_revision: &str,
    ) -> Ready {
        let Seen { hash, modality, mime, facts } = seen;
        let id = AssetId::from_content(&hash);
        let facts = facts::of_file(facts, &self.path, self.stamp, modality, &mime);
        let row = self.row(SourceState::Indexed { asset: id.clone() });
        let mut keys = rows.keys(&self.root, &self.path).into_iter();
        let source = keys.next().map(|key| (key, row.clone()));
        let asset = AssetRecord {
            id: id.clone(),
            hash: Some(hash),
            modality,
            space_revision: space_revision.to_owned(),
            facts,
            metadata: self.metadata,
            media: MediaPolicy::Reference,
            from_source: true,
        };
        let mut changes = vec![Change::Upsert { asset, points, source }];
        changes.extend(put(keys.collect(), &row));
        let told = Told {
            path: self.path,
            asset: Some(id.clone()),
            modality: Some(modality),
            points: 0,
            state: AssetState::Indexed,
            reason: None,
        };
        Ready { changes, told, settles: Some(id) }
    }

    fn row(&self, state: SourceState) -> SourceRow {
        SourceRow { bytes: self.stamp.bytes, mtime_ns: self.stamp.mtime_ns, state }
    }
}

/// What is told of a failure.
pub(super) fn told_failure(path: PathBuf, reason: FailureReason) -> Told {
    Told { path, asset: None, modality: None, points: 0, state: AssetState::Failed, reason: Some(reason) }
}

fn put(keys: Vec<SourceKey>, row: &SourceRow) -> Vec<Change> {
    keys.into_iter().map(|key| Change::PutSource { key, row: row.clone() }).collect()
}

/// Whether an asset's metadata lacks any of these fields or has other values.
pub(crate) fn is_news(metadata: &Payload, known: &Payload) -> bool {
    metadata.0.iter().any(|(name, value)| known.0.get(name) != Some(value))
}
