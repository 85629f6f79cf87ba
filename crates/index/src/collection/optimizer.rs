//! When a graph is built, and its publication.
//!
//! ```text
//! policy ─► copy of live points ─► build (no lock) ─► chunks of a new generation ─► one batch: meta/graph, tombs,
//!                                                                                   old chunks ─► sync ─► new view
//! ```
//!
//! A crash before the one batch leaves chunks that nobody names; the next open sweeps them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use super::core::Core;
use super::sealed::{Columns, Sealed};
use super::view::View;
use super::writer::Writer;
use crate::error::IndexError;
use crate::graph::{self, BuildError, StoredGraph};
use crate::storage::{
    Batch, Family, GRAPH_KEY, GraphRow, PointOffset, Row as _, chunk_key, point_offset_key,
};

/// The tail may grow to this part of the sealed segment before the whole is built anew.
const TAIL_SHARE: usize = 4;
/// Dead points that the sealed segment may have, as a share of all its points: one in so many.
const DEAD_SHARE: usize = 5;
/// Fewest dead points that are worth a rebuild.
const MIN_DEAD: u64 = 64;

/// Whether a graph should be built now. Pure, so that it can be tested alone.
pub(super) fn is_due(tail: usize, sealed: Option<usize>, dead: u64, seal_points: usize) -> bool {
    let threshold = sealed.map_or(seal_points, |sealed| seal_points.max(sealed / TAIL_SHARE));
    let stale = sealed.is_some_and(|sealed| dead > (sealed / DEAD_SHARE) as u64 && dead >= MIN_DEAD);
    tail >= threshold.max(1) || stale
}

/// Starts a build in the background if one is due and none waits.
pub(super) fn consider(core: &Arc<Core>) {
    let view = core.view();
    let sealed = view.sealed.as_ref().map(|sealed| sealed.len());
    let in_doubt = core.graph_in_doubt.load(Ordering::Relaxed) && view.assets.len() > 0;
    let due = in_doubt || is_due(view.tail.len(), sealed, view.dead.len(), core.tuning.seal_points);
    let closing = core.closing.load(Ordering::Relaxed);
    if !due
        || closing
        || core.check_writable("build").is_err()
        || core.build_wanted.swap(true, Ordering::AcqRel)
    {
        return;
    }
    let shared = Arc::clone(core);
    let spawned = std::thread::Builder::new().name("index-build".to_owned()).spawn(move || {
        let built = seal(&shared, background_threads());
        shared.build_wanted.store(false, Ordering::Release);
        match built {
            Ok(()) => {}
            Err(_) if shared.closing.load(Ordering::Relaxed) => {}
            Err(error) => tracing::warn!(collection = %shared.name, %error, "build the graph"),
        }
    });
    match spawned {
        // The thread before has ended: it cleared `build_wanted` last.
        Ok(thread) => *core.builder.lock() = Some(thread),
        Err(error) => {
            core.build_wanted.store(false, Ordering::Release);
            tracing::warn!(%error, "start the builder of the graph");
        }
    }
}

/// Half the cores: searches and decoding go on.
fn background_threads() -> usize {
    all_threads().div_ceil(2)
}

/// All cores.
pub(super) fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Builds a graph over what is written so far and puts it to use. Does nothing if everything is in the graph.
pub(super) fn seal(core: &Core, threads: usize) -> Result<(), IndexError> {
    core.check_writable("build the graph")?;
    let _one_at_a_time = core.building.lock();
    let view = {
        let mut writer = core.writer.lock();
        writer.mark(core)?;
        if is_sealed(&writer.view) {
            return Ok(());
        }
        writer.building_below = Some(PointOffset(writer.view.state.next_point));
        writer.view.clone()
    };
    let built = build(core, &view, threads);
    let mut writer = core.writer.lock();
    writer.building_below = None;
    let built = built?;
    core.check_writable("build the graph")?;
    publish(core, &mut writer, built)
}

/// Whether the graph holds all live points and no dead one.
fn is_sealed(view: &View) -> bool {
    view.tail.len() == 0 && view.dead.is_empty() && (view.sealed.is_some() || view.assets.len() == 0)
}

/// A graph on disk that no row names yet.
struct Fresh {
    row: GraphRow,
    columns: Columns,
    graph: graph::FlatGraph,
}

fn build(core: &Core, view: &View, threads: usize) -> Result<Fresh, IndexError> {
    let dim = core.space.dim;
    let mut columns = Columns::default();
    for row in view.live_rows() {
        columns.points.push(row.point);
        columns.assets.push(row.asset);
        columns.tracks.push(row.track);
        columns.vectors.extend_from_slice(row.vector);
    }
    let params = core.tuning.graph.clamped();
    let built =
        graph::build(&columns.vectors, dim, params, threads, &core.closing).map_err(|error| match error {
            BuildError::Cancelled => IndexError::Closing { action: "build the graph" },
            BuildError::Failed { .. } => IndexError::Bug { what: error.to_string() },
        })?;
    columns.vectors = built.vectors;
    columns.points = reordered(&columns.points, &built.order);
    columns.assets = reordered(&columns.assets, &built.order);
    columns.tracks = reordered(&columns.tracks, &built.order);
    let stored = StoredGraph {
        dim: u32::try_from(dim).unwrap_or(u32::MAX),
        m: u32::try_from(params.m).unwrap_or(u32::MAX),
        points: columns.points.iter().map(|point| point.0).collect(),
        graph: built.graph,
    };
    let generation = view.generation + 1;
    let bytes = graph::encode(&stored);
    let mut chunks = 0;
    for value in graph::chunks(&bytes) {
        let mut batch = Batch::default();
        core.rocks.put(&mut batch, Family::Graph, &chunk_key(generation, chunks), &value)?;
        core.rocks.write(batch)?;
        chunks += 1;
    }
    let row = GraphRow {
        generation,
        chunks,
        bytes: bytes.len() as u64,
        checksum: xxh3_64(&bytes),
        watermark: view.state.next_point,
    };
    Ok(Fresh { row, columns, graph: stored.graph })
}

fn reordered<T: Copy>(column: &[T], order: &[u32]) -> Vec<T> {
    order.iter().filter_map(|row| column.get(*row as usize).copied()).collect()
}

/// Puts a graph to use: the one batch, then the view.
fn publish(core: &Core, writer: &mut Writer, fresh: Fresh) -> Result<(), IndexError> {
    let Fresh { row, columns, graph } = fresh;
    let watermark = PointOffset(row.watermark);
    let sealed = (!columns.points.is_empty())
        .then(|| Sealed::new(row.generation, watermark, core.space.dim, columns, graph));
    let mut batch = Batch::default();
    match &sealed {
        Some(_) => core.rocks.put(&mut batch, Family::Meta, GRAPH_KEY, &row.encode()?)?,
        None => core.rocks.delete(&mut batch, Family::Meta, GRAPH_KEY)?,
    }
    let upto = if sealed.is_some() { row.generation } else { row.generation + 1 };
    core.rocks.delete_range(&mut batch, Family::Graph, &chunk_key(0, 0), &chunk_key(upto, 0))?;
    let mut dead = RoaringBitmap::new();
    for point in &*writer.view.dead {
        let offset = PointOffset(point);
        if sealed.as_ref().is_some_and(|sealed| sealed.has(offset)) {
            dead.insert(point);
        } else if offset < watermark {
            core.rocks.delete(&mut batch, Family::Tomb, &point_offset_key(offset))?;
            core.rocks.delete(&mut batch, Family::Vectors, &point_offset_key(offset))?;
        }
    }
    core.rocks.write(batch).inspect_err(|error| core.poison(error))?;
    let killed = Arc::clone(&writer.view.dead);
    writer.view.tail = writer.view.tail.without(watermark, |point| killed.contains(point.0));
    writer.view.sealed = sealed.map(Arc::new);
    writer.view.dead = Arc::new(dead);
    writer.view.generation = row.generation;
    writer.written = true;
    core.graph_in_doubt.store(false, Ordering::Relaxed);
    writer.sync_and_publish(core)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_is_due_when_the_tail_is_long_or_many_are_dead() {
        assert!(!is_due(99, None, 0, 100));
        assert!(is_due(100, None, 0, 100));
        assert!(!is_due(100, Some(1000), 0, 100));
        assert!(is_due(250, Some(1000), 0, 100));
        assert!(!is_due(0, Some(1000), 200, 100));
        assert!(is_due(0, Some(1000), 201, 100));
        assert!(!is_due(0, None, 1000, 100));
        assert!(!is_due(0, Some(10), 9, 100));
    }
}
