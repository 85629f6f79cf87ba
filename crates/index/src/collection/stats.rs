//! Counts and sizes, and what the storage does.

use sensorium_types::{CollectionStats, StorageFigures};

use super::core::Core;
use super::open::folder_bytes;
use super::segments::Segments;
use crate::error::IndexError;

/// Counts and sizes of a collection.
pub(super) fn stats(core: &Core) -> Result<CollectionStats, IndexError> {
    let view = core.view();
    let bytes = view.assets.bytes()
        + view.all_segments().map(Segments::bytes).sum::<usize>()
        + view.hubs.bytes()
        + view.columns.bytes();
    Ok(CollectionStats {
        assets: view.assets.len() as u64,
        points: view.assets.points() as u64,
        sources_indexed: view.sources.indexed,
        sources_failed: view.sources.failed,
        points_in_graph: Some(view.sealed_points() as u64),
        points_without_hubs: view.hubs.lacking().len(),
        bytes_on_disk: Some(folder_bytes(&core.folder)?),
        bytes_in_memory: Some(bytes as u64),
        change: view.state.operations,
        recall: core.auditor.figures(core.tuning.graph.ef),
    })
}

/// What the storage does, and how often columns were of use.
pub(super) fn figures(core: &Core) -> StorageFigures {
    StorageFigures {
        columns: Some(core.columns.figures()),
        column_bytes: Some(core.view().columns.bytes() as u64),
        ..core.rocks.figures()
    }
}
