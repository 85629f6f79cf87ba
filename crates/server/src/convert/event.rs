//! Runs over files of the server's machine.

use std::path::PathBuf;

use sensorium_api::v1;
use sensorium_types::{FileOutcome, IndexEvent, IndexRequest, IndexSummary};

use super::hit::shown;
use super::item::item_result;

/// What a run is asked for; the paths are allowed already.
pub(crate) fn index_request(
    message: v1::IndexPathsRequest,
    paths: Vec<PathBuf>,
    meta: Option<PathBuf>,
) -> IndexRequest {
    let v1::IndexPathsRequest { include, exclude, prune, force, retry_all, .. } = message;
    IndexRequest { paths, include, exclude, prune, force, meta, retry_all }
}

/// One thing that happened.
pub(crate) fn index_event(event: IndexEvent) -> v1::IndexPathsResponse {
    use v1::index_paths_response::Event;
    let event = match event {
        IndexEvent::Walked { files, done } => Event::Walked(v1::IndexWalked { files, done }),
        IndexEvent::File(FileOutcome { path, outcome }) => {
            let v1::IngestItemResult { sequence: _, asset_id, modality, points, state, failure, change: _ } =
                item_result(0, &outcome, 0);
            Event::File(v1::IndexedFile { path: shown(&path), asset_id, modality, points, state, failure })
        }
        IndexEvent::PassedOver { path } => Event::PassedOver(v1::IndexPassedOver { path: shown(&path) }),
    };
    v1::IndexPathsResponse { event: Some(event) }
}

/// The counts at the end, at this change of the collection.
pub(crate) fn index_summary(summary: IndexSummary, change: u64) -> v1::IndexPathsResponse {
    let IndexSummary {
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
    let summary = v1::IndexSummary {
        indexed,
        unchanged,
        failed,
        pruned,
        points,
        seconds,
        interrupted,
        metadata_unused,
        warned,
        change,
    };
    v1::IndexPathsResponse { event: Some(v1::index_paths_response::Event::Summary(summary)) }
}
