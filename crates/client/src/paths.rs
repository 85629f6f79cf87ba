//! Files that the server itself reads.

use std::path::PathBuf;

use futures::{Stream, StreamExt};
use sensorium_api::v1::ingest_service_client::IngestServiceClient;
use sensorium_api::{ConvertError, v1};
use sensorium_types::{AssetId, Modality};

use crate::item::{optional_id, optional_modality};
use crate::{Client, ClientError, ItemFailure, ItemState};

/// Files and folders of the server's machine.
#[derive(Debug, Clone, Default)]
pub struct IndexPaths {
    /// Absolute paths.
    pub paths: Vec<PathBuf>,
    /// Globs of files to take (none: all).
    pub include: Vec<String>,
    /// Globs of files and folders to leave out.
    pub exclude: Vec<String>,
    /// Forget files below the paths that are gone.
    pub prune: bool,
    /// Also where that looks like an unmounted disk.
    pub force: bool,
    /// A JSONL or CSV file of metadata by path, absolute.
    pub meta: Option<PathBuf>,
    /// Try every file again that failed or was indexed with a warning.
    pub retry_all: bool,
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
    /// A file is done; told after the commit that makes it true.
    Asset {
        /// The file as walked.
        path: PathBuf,
        /// Its asset, if it has one.
        asset: Option<AssetId>,
        /// What it is, if that is known.
        modality: Option<Modality>,
        /// Points newly written.
        points: u64,
        /// What became of it.
        state: ItemState,
        /// Why it failed; of one that was indexed, what is doubtful about it.
        failure: Option<ItemFailure>,
    },
    /// Another data folder was met, and is not indexed.
    PassedOver {
        /// The folder.
        path: PathBuf,
    },
    /// The counts at the end.
    Summary(IndexSummary),
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
    /// Files among the indexed that have a warning.
    pub warned: u64,
    /// Points newly written.
    pub points: u64,
    /// Wall time.
    pub seconds: f64,
    /// Whether the run was cut short; what it counts is committed.
    pub interrupted: bool,
    /// Rows of the metadata file that no file met took.
    pub metadata_unused: u64,
}

impl Client {
    /// Has the server index files of its own machine; the last event is the summary. Dropping the events ends the run.
    ///
    /// # Errors
    /// [`ClientError`], among others if the server's operator does not allow these paths. Not tried again.
    pub async fn index_paths(
        &self,
        request: IndexPaths,
    ) -> Result<impl Stream<Item = Result<IndexEvent, ClientError>> + Send + use<>, ClientError> {
        let IndexPaths { paths, include, exclude, prune, force, meta, retry_all } = request;
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let message = v1::IndexPathsRequest {
            collection_name: self.collection(),
            paths: paths.into_iter().map(text).collect(),
            include,
            exclude,
            prune,
            force,
            metadata_path: meta.map(text).unwrap_or_default(),
            retry_all,
        };
        let events = IngestServiceClient::new(self.channel.clone()).index_paths(message).await?.into_inner();
        Ok(events.map(|event| match event {
            Ok(message) => IndexEvent::try_from(message).map_err(ClientError::from),
            Err(status) => Err(status.into()),
        }))
    }
}

impl TryFrom<v1::IndexPathsResponse> for IndexEvent {
    type Error = ConvertError;

    fn try_from(message: v1::IndexPathsResponse) -> Result<Self, ConvertError> {
        use v1::index_paths_response::Event;
        Ok(match message.event.ok_or(ConvertError::Missing { field: "event" })? {
            Event::Walked(v1::IndexWalked { files, done }) => Self::Walked { files, done },
            Event::File(v1::IndexedFile { path, asset_id, modality, points, state, failure }) => {
                Self::Asset {
                    path: path.into(),
                    asset: optional_id(&asset_id)?,
                    modality: optional_modality(modality)?,
                    points,
                    state: ItemState::read(state)?,
                    failure: failure.map(ItemFailure::from),
                }
            }
            Event::PassedOver(v1::IndexPassedOver { path }) => Self::PassedOver { path: path.into() },
            Event::Summary(summary) => Self::Summary(summary.into()),
        })
    }
}

impl From<v1::IndexSummary> for IndexSummary {
    fn from(message: v1::IndexSummary) -> Self {
        let v1::IndexSummary {
            indexed,
            unchanged,
            failed,
            pruned,
            points,
            seconds,
            interrupted,
            metadata_unused,
            warned,
        } = message;
        Self { indexed, unchanged, failed, pruned, warned, points, seconds, interrupted, metadata_unused }
    }
}
