//! A file on its way through a run, and the changes that it ends in.

use std::path::PathBuf;

use sensorium_media::Head;
use sensorium_types::{
    AssetId, AssetRecord, Change, ContentHash, FailureReason, ItemState, MediaPolicy, Modality, Payload,
    PointRecord, ReasonKind, SourceKey, SourceRow, SourceState,
};

use super::facts;
use super::report::Told;
use super::rows::Rows;
use super::walk::Stamp;
use crate::warning::Warning;

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
    /// Decode its bytes once more: of this asset, which they are known as, something is doubtful.
    Again {
        /// The asset.
        asset: AssetId,
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
    pub(super) head: Head,
    /// The asset of these bytes that is replaced.
    pub(super) before: Option<Before>,
}

/// An asset that is decoded once more.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) record: AssetRecord,
    /// How many points its bytes gave.
    pub(super) points: usize,
}

impl Before {
    /// Whether it holds more than what came of another try, whose time was up sooner.
    fn reaches_further(&self, points: &[PointRecord], warning: Option<&FailureReason>) -> bool {
        warning.is_some_and(|reason| reason.kind == ReasonKind::TimedOut) && self.points > points.len()
    }
}

/// An asset that is there.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) asset: AssetId,
    pub(super) modality: Option<Modality>,
    /// What is doubtful about it.
    pub(super) warning: Option<FailureReason>,
}

impl Job {
    /// Ends in a failure: its rows say so. An asset that was to be decoded once more stays as it is.
    pub(super) fn failed(self, rows: &Rows, reason: FailureReason, settles: Option<AssetId>) -> Ready {
        let tries = match self.task {
            Task::Read { tries } => tries + 1,
            Task::Check { .. } => 1,
            Task::Again { .. } => {
                return Ready { changes: Vec::new(), told: told_failure(self.path, reason), settles };
            }
        };
        let metadata = self.metadata.clone();
        let state = SourceState::Failed { reason: reason.clone(), tries, metadata };
        let changes = put(rows.keys(&self.root, &self.path), &self.row(state));
        Ready { changes, told: told_failure(self.path, reason), settles }
    }

    /// Ends in a failure that says nothing about the bytes. A file that is indexed keeps its row, and is read again
    /// next time; fields given for it are those of its asset.
    pub(super) fn failed_alone(self, rows: &Rows, reason: FailureReason) -> Ready {
        let Some(asset) = rows.indexed_as(&self.path).cloned() else {
            return self.failed(rows, reason, None);
        };
        let changes = if self.metadata.is_empty() {
            Vec::new()
        } else {
            vec![Change::MergeMetadata { asset, metadata: self.metadata }]
        };
        Ready { changes, told: told_failure(self.path, reason), settles: None }
    }

    /// Ends in rows that point at an asset which is there, and in metadata that it lacks.
    pub(super) fn known(self, rows: &Rows, found: Found, merge: bool, settles: Option<AssetId>) -> Ready {
        let Found { asset, modality, warning } = found;
        let state = SourceState::Indexed { asset: asset.clone() };
        let mut changes = match self.task {
            Task::Check { own: true, .. } => Vec::new(),
            Task::Check { own: false, .. } | Task::Read { .. } | Task::Again { .. } => {
                put(rows.keys(&self.root, &self.path), &self.row(state))
            }
        };
        if merge {
            changes.push(Change::MergeMetadata { asset: asset.clone(), metadata: self.metadata });
        }
        let (state, reason) =
            if changes.is_empty() { (ItemState::Unchanged, None) } else { (ItemState::Indexed, warning) };
        let told = Told { path: self.path, asset: Some(asset), modality, points: 0, state, reason };
        Ready { changes, told, settles }
    }

    /// Ends in a new asset, or one that was decoded once more.
    pub(super) fn new_asset(
        self,
        rows: &Rows,
        seen: Seen,
        points: Vec<PointRecord>,
        space_revision: &str,
    ) -> Ready {
        let Seen { hash, head: Head { modality, mime, facts, warning }, before } = seen;
        let id = AssetId::from_content(&hash);
        if let Some(Before { record, .. }) =
            before.as_ref().filter(|before| before.reaches_further(&points, warning.as_ref()))
        {
            let merge = is_news(&self.metadata, &record.metadata);
            let warning = Warning::of(record).map(|warning| warning.reason);
            let found = Found { asset: id.clone(), modality: Some(record.modality), warning };
            return self.known(rows, found, merge, Some(id));
        }
        let before = before.map(|before| before.record);
        let mut facts = facts::of_file(facts, &self.path, self.stamp, modality, &mime);
        if let Some(reason) = &warning {
            let tries = before.as_ref().and_then(Warning::of).map_or(1, |before| before.tries + 1);
            Warning { reason: reason.clone(), tries }.put(&mut facts);
        }
        let row = self.row(SourceState::Indexed { asset: id.clone() });
        let mut keys = rows.keys(&self.root, &self.path).into_iter();
        let source = keys.next().map(|key| (key, row.clone()));
        let (media, from_source) =
            before.map_or((MediaPolicy::Reference, true), |before| (before.media, before.from_source));
        let asset = AssetRecord {
            id: id.clone(),
            hash: Some(hash),
            modality,
            space_revision: space_revision.to_owned(),
            facts,
            metadata: self.metadata,
            media,
            from_source,
        };
        let mut changes = vec![Change::Upsert { asset, points, source }];
        changes.extend(put(keys.collect(), &row));
        let told = Told {
            path: self.path,
            asset: Some(id.clone()),
            modality: Some(modality),
            points: 0,
            state: ItemState::Indexed,
            reason: warning,
        };
        Ready { changes, told, settles: Some(id) }
    }

    fn row(&self, state: SourceState) -> SourceRow {
        SourceRow { bytes: self.stamp.bytes, mtime_ns: self.stamp.mtime_ns, state }
    }
}

/// What is told of a failure.
pub(super) fn told_failure(path: PathBuf, reason: FailureReason) -> Told {
    Told { path, asset: None, modality: None, points: 0, state: ItemState::Failed, reason: Some(reason) }
}

/// Ends in the rows of a path going whose failure has no cause any more.
pub(super) fn forgotten(path: PathBuf, keys: Vec<SourceKey>) -> Ready {
    let (state, reason) = (ItemState::Pruned, None);
    let told = Told { path, asset: None, modality: None, points: 0, state, reason };
    Ready { changes: vec![Change::RemoveSources { keys }], told, settles: None }
}

fn put(keys: Vec<SourceKey>, row: &SourceRow) -> Vec<Change> {
    keys.into_iter().map(|key| Change::PutSource { key, row: row.clone() }).collect()
}

/// Whether an asset's metadata lacks any of these fields or has other values.
pub(crate) fn is_news(metadata: &Payload, known: &Payload) -> bool {
    metadata.0.iter().any(|(name, value)| known.0.get(name) != Some(value))
}
