//! What both a data folder and a server tell, in one form.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sensorium_client as client;
use sensorium_engine as engine;
use sensorium_types::{
    AssetId, CollectionStats, ContentHash, FailureReason, MediaPolicy, Modality, Payload, PointInfo,
    SpaceInfo, StoredAsset,
};

/// What became of a file.
pub(crate) use engine::AssetState as FileState;

/// Why a file failed, or what is doubtful about one that was indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The reason, for people.
    pub(crate) reason: String,
    /// Whether the same bytes may succeed later.
    pub(crate) retryable: bool,
}

impl From<&FailureReason> for Failure {
    fn from(reason: &FailureReason) -> Self {
        Self { reason: reason.to_string(), retryable: reason.is_retryable() }
    }
}

impl From<client::ItemFailure> for Failure {
    fn from(failure: client::ItemFailure) -> Self {
        match failure.reason {
            Some(reason) => Self::from(&reason),
            None => Self { reason: failure.message, retryable: failure.retryable },
        }
    }
}

/// A caption that a server made.
pub(crate) fn part_caption(part: client::PartCaption) -> engine::PartCaption {
    let client::PartCaption { span, text, confidence, tokens, end_log_prob } = part;
    let tokens =
        tokens.into_iter().map(|(piece, log_prob)| engine::CaptionToken { piece, log_prob }).collect();
    let end = if end_log_prob.is_some() { engine::CaptionEnd::Whole } else { engine::CaptionEnd::TooLong };
    let caption = engine::Caption { text, confidence, tokens, end_log_prob, end };
    engine::PartCaption { span, caption }
}

/// A file of a run of `index`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileEvent {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its asset.
    pub(crate) asset: Option<AssetId>,
    /// What it is.
    pub(crate) modality: Option<Modality>,
    /// Points newly written.
    pub(crate) points: u64,
    /// What became of it.
    pub(crate) state: FileState,
    /// Why it failed; of one that was indexed, what is doubtful about it.
    pub(crate) failure: Option<Failure>,
}

impl FileEvent {
    /// Whether it was indexed, and something is doubtful about it.
    pub(crate) fn is_warned(&self) -> bool {
        self.state == FileState::Indexed && self.failure.is_some()
    }
}

/// Counts of a run of `index`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Summary {
    /// Files whose source row was added or changed.
    pub(crate) indexed: u64,
    /// Files not touched.
    pub(crate) unchanged: u64,
    /// Files that failed.
    pub(crate) failed: u64,
    /// Sources taken away.
    pub(crate) pruned: u64,
    /// Files among the indexed that have a warning.
    pub(crate) warned: u64,
    /// Points newly written.
    pub(crate) points: u64,
    /// Wall time.
    pub(crate) seconds: f64,
    /// Whether the run was cut short.
    pub(crate) interrupted: bool,
    /// Rows of the metadata file that no file took.
    pub(crate) metadata_unused: u64,
}

impl From<engine::IndexSummary> for Summary {
    fn from(summary: engine::IndexSummary) -> Self {
        let engine::IndexSummary {
            indexed,
            unchanged,
            failed,
            pruned,
            warned,
            points,
            seconds,
            interrupted,
            metadata_unused,
        } = summary;
        Self { indexed, unchanged, failed, pruned, warned, points, seconds, interrupted, metadata_unused }
    }
}

impl From<client::IndexSummary> for Summary {
    fn from(summary: client::IndexSummary) -> Self {
        let client::IndexSummary {
            indexed,
            unchanged,
            failed,
            pruned,
            warned,
            points,
            seconds,
            interrupted,
            metadata_unused,
        } = summary;
        Self { indexed, unchanged, failed, pruned, warned, points, seconds, interrupted, metadata_unused }
    }
}

impl Summary {
    /// Counts a file.
    pub(crate) fn add(&mut self, file: &FileEvent) {
        match file.state {
            FileState::Indexed => self.indexed += 1,
            FileState::Unchanged => self.unchanged += 1,
            FileState::Failed => self.failed += 1,
            FileState::Pruned => self.pruned += 1,
        }
        if file.is_warned() {
            self.warned += 1;
        }
        self.points += file.points;
    }
}

/// One thing that a run of `index` tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// The walk has met this many files.
    Walked {
        /// Files.
        files: u64,
        /// Whether the walk is over.
        done: bool,
    },
    /// A file is done.
    File(FileEvent),
    /// Another data folder was met, and is not indexed.
    PassedOver(PathBuf),
}

impl From<engine::IndexEvent> for Event {
    fn from(event: engine::IndexEvent) -> Self {
        match event {
            engine::IndexEvent::Walked { files, done } => Self::Walked { files, done },
            engine::IndexEvent::Asset { path, asset, modality, points, state, reason } => {
                let failure = reason.as_ref().map(Failure::from);
                Self::File(FileEvent { path, asset, modality, points, state, failure })
            }
            engine::IndexEvent::PassedOver { path } => Self::PassedOver(path),
        }
    }
}

/// The state of a file as a server tells it.
pub(crate) const fn state_of(state: client::ItemState) -> FileState {
    match state {
        client::ItemState::Indexed => FileState::Indexed,
        client::ItemState::Unchanged => FileState::Unchanged,
        client::ItemState::Failed => FileState::Failed,
        client::ItemState::Pruned => FileState::Pruned,
    }
}

/// A hit as a server tells it.
pub(crate) fn hit_of(hit: client::Hit) -> engine::Hit {
    let client::Hit { rank, asset, score, cosine, modality, path, paths, moment, range, payload, point } =
        hit;
    engine::Hit { rank, asset, score, cosine, modality, path, paths, moment, range, payload, point }
}

/// A stored asset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asset {
    /// Its name.
    pub(crate) id: AssetId,
    /// The hash of its bytes.
    pub(crate) hash: Option<ContentHash>,
    /// What it is.
    pub(crate) modality: Modality,
    /// Its fields.
    pub(crate) payload: Payload,
    /// Its points.
    pub(crate) points: Vec<PointInfo>,
    /// Their vectors, if they were asked for.
    pub(crate) vectors: Vec<Vec<f32>>,
    /// Paths of its sources.
    pub(crate) paths: Vec<PathBuf>,
    /// What became of its bytes.
    pub(crate) media: MediaPolicy,
    /// The bundle that made its vectors.
    pub(crate) space_revision: String,
}

impl From<StoredAsset> for Asset {
    fn from(stored: StoredAsset) -> Self {
        let StoredAsset { record, points, vectors, paths } = stored;
        Self {
            payload: record.payload(),
            id: record.id,
            hash: record.hash,
            modality: record.modality,
            points,
            vectors,
            paths: paths.iter().map(|path| Path::new(OsStr::from_bytes(path)).to_path_buf()).collect(),
            media: record.media,
            space_revision: record.space_revision,
        }
    }
}

impl From<client::Asset> for Asset {
    fn from(asset: client::Asset) -> Self {
        let client::Asset { id, hash, modality, payload, points, vectors, paths, media, space_revision } =
            asset;
        Self { id, hash, modality, payload, points, vectors, paths, media, space_revision }
    }
}

/// Assets that went, and assets that were not there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Deleted {
    /// Assets that went.
    pub(crate) deleted: Vec<AssetId>,
    /// Assets that were not there.
    pub(crate) missing: Vec<AssetId>,
}

/// Counts and sizes of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stats {
    /// Its name.
    pub(crate) collection: String,
    /// The space of its vectors.
    pub(crate) space: SpaceInfo,
    /// Counts and sizes.
    pub(crate) counts: CollectionStats,
    /// Captions made and missing, where they are kept.
    pub(crate) captions: Option<engine::CaptionCounts>,
}
