//! When segments are built, and their publication.
//!
//! ```text
//! policy ─► copy of live points ─► build (no lock) ─► chunks of a new generation, its file ─► one batch: meta/segments,
//!                                                                       tombs, old chunks ─► sync ─► new view ─► old files
//! ```
//!
//! A crash before the one batch leaves chunks and a file that nobody names; the next open sweeps them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use roaring::RoaringBitmap;
use sensorium_kernels::VectorMatrix;
use xxhash_rust::xxh3::xxh3_64;

use super::audit;
use super::calibration::calibrate;
use super::core::{Core, Writer};
use super::policy::{Job, PartFacts, due, whole};
use super::sealed::{Columns, Sealed};
use super::segment_file;
use super::segments::{Part, SegmentKind, Segments};
use super::tail::RowRef;
use super::task::{Task, start};
use super::view::View;
use crate::cache_file;
use crate::error::IndexError;
use crate::failpoint::pass;
use crate::graph::{self, BuildError, StoredGraph};
use crate::storage::{
    Batch, Family, PointOffset, Row as _, SEGMENTS_KEY, SegmentRow, chunk_key, chunk_range, point_offset_key,
};

/// Rows of a segment from which on its publication is followed by tidying.
const TIDY_ROWS: usize = 10_000;
/// One in so many rows must have gone for tables to be written anew without them.
const TIDY_SHARE: usize = 5;
/// Points whose tables are written anew at a time.
const TIDY_STRIDE: u32 = 1 << 16;

static TASK: Task = Task {
    name: "index-build",
    job: |core| &core.optimizer,
    run: |core| match build_due(core) {
        Ok(()) => {}
        Err(_) if core.closing.load(Ordering::Relaxed) => {}
        Err(error) => tracing::warn!(collection = %core.name, %error, "build a segment"),
    },
    // One that failed is tried again after the next change.
    is_due: |_| false,
};

/// Builds what is due in the background, if anything is and no build runs.
pub(super) fn consider(core: &Core) {
    let writable = || core.check_writable("build").is_ok();
    if !core.lenient && next_due(core, &core.view()).is_some() && writable() {
        start(core, &TASK);
    }
}

/// What is due, and for which kind.
fn next_due(core: &Core, view: &View) -> Option<(SegmentKind, Job)> {
    SegmentKind::ALL.into_iter().find_map(|kind| {
        let (tail, parts) = facts(view.segments(kind));
        Some((kind, due(tail, &parts, core.tuning.seal_points)?))
    })
}

fn facts(segments: &Segments) -> (usize, Vec<PartFacts>) {
    let parts = segments.parts.iter().map(|part| PartFacts { rows: part.sealed.len(), dead: part.dead });
    (segments.tail.len(), parts.collect())
}

/// Builds until nothing is due. Held while it runs: nobody else builds.
fn build_due(core: &Core) -> Result<(), IndexError> {
    let _one_at_a_time = core.building.lock();
    loop {
        let next = next_due(core, &core.writer.lock().view);
        let Some((kind, job)) = next else { return Ok(()) };
        if core.closing.load(Ordering::Relaxed) {
            return Ok(());
        }
        run(core, kind, &job, background_threads())?;
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

/// Puts all points of each kind into one segment without dead rows. Does nothing for kinds that are so.
pub(super) fn seal(core: &Core, threads: usize) -> Result<(), IndexError> {
    core.check_writable("build the graph")?;
    let _one_at_a_time = core.building.lock();
    core.writer.lock().mark(core)?;
    for kind in SegmentKind::ALL {
        let job = {
            let writer = core.writer.lock();
            let (tail, parts) = facts(writer.view.segments(kind));
            whole(tail, &parts)
        };
        if let Some(job) = job {
            run(core, kind, &job, threads)?;
        }
    }
    Ok(())
}

/// Builds one segment and puts it to use. The caller holds `building`: places of segments stay what they are.
fn run(core: &Core, kind: SegmentKind, job: &Job, threads: usize) -> Result<(), IndexError> {
    let view = {
        let mut writer = core.writer.lock();
        writer.mark(core)?;
        writer.building_below = Some(PointOffset(writer.view.state.next_point));
        writer.view.clone()
    };
    let built = build(core, &view, kind, job, threads);
    let mut writer = core.writer.lock();
    writer.building_below = None;
    let built = built?;
    core.check_writable("build the graph")?;
    pass("segment, before it is published");
    let freed = publish(core, &mut writer, kind, job, built)?;
    drop(writer);
    tidy(core, &freed)?;
    calibrate(core, kind)?;
    audit::keep(core)
}

/// What a publication left to be tidied.
struct Freed {
    /// Generations whose chunks are deleted.
    generations: Vec<u64>,
    /// Points whose vectors are deleted.
    points: RoaringBitmap,
    /// Rows of the new segment.
    rows: usize,
}

/// Puts what a large segment left in the log into tables, so that the log can go, and gives back the room of what is deleted: RocksDB
/// by itself would do so only where more is written.
fn tidy(core: &Core, freed: &Freed) -> Result<(), IndexError> {
    let dead = usize::try_from(freed.points.len()).unwrap_or(usize::MAX);
    let all = freed.rows.saturating_add(dead);
    if all < TIDY_ROWS {
        return Ok(());
    }
    core.rocks.flush()?;
    for generation in &freed.generations {
        let (from, to) = chunk_range(*generation);
        core.rocks.compact(Family::Graph, &from, &to)?;
    }
    if dead < all / TIDY_SHARE {
        return Ok(());
    }
    let (Some(mut from), Some(last)) = (freed.points.min(), freed.points.max()) else { return Ok(()) };
    // In strides, so that a collection that closes does not wait long.
    while from <= last && !core.closing.load(Ordering::Relaxed) {
        let to = from.saturating_add(TIDY_STRIDE);
        let keys = [from, to].map(|point| point_offset_key(PointOffset(point)));
        let [first, next] = &keys;
        for family in [Family::Vectors, Family::Thumbs, Family::Tomb] {
            core.rocks.compact(family, first, next)?;
        }
        if to == u32::MAX {
            break;
        }
        from = to;
    }
    Ok(())
}

/// A segment on disk that no row names yet; none where no point is left alive.
struct Fresh {
    generation: u64,
    segment: Option<Sealed>,
}

fn build(
    core: &Core,
    view: &View,
    kind: SegmentKind,
    job: &Job,
    threads: usize,
) -> Result<Fresh, IndexError> {
    let dim = core.space.dim_of(kind.content());
    let segments = view.segments(kind);
    let (mut points, mut assets, mut tracks) = (Vec::new(), Vec::new(), Vec::new());
    let mut vectors = VectorMatrix::new(dim);
    let mut take = |row: RowRef<'_>| {
        if !view.is_dead(row.point) {
            points.push(row.point.0);
            assets.push(row.asset.0);
            tracks.push(row.track);
            row.vector.copy_to(&mut vectors);
        }
    };
    for part in job.parts.iter().filter_map(|at| segments.parts.get(*at)) {
        part.sealed.rows().for_each(&mut take);
    }
    if job.tail {
        segments.tail.rows().for_each(&mut take);
    }
    let generation = view.generation + 1;
    if points.is_empty() {
        return Ok(Fresh { generation, segment: None });
    }
    let params = core.tuning.graph.clamped();
    let built = graph::build(&vectors, params, threads, &core.closing).map_err(|error| match error {
        BuildError::Cancelled => IndexError::Closing { action: "build the graph" },
        BuildError::Failed { .. } => IndexError::Bug { what: error.to_string() },
    })?;
    drop(vectors);
    let points = reordered(&points, &built.order);
    let stored = StoredGraph {
        dim: u32::try_from(dim).unwrap_or(u32::MAX),
        m: u32::try_from(params.m).unwrap_or(u32::MAX),
        points: points.clone(),
        graph: built.graph,
    };
    let row = write_graph(core, kind, generation, &stored)?;
    let columns = Columns {
        points: points.into(),
        assets: reordered(&assets, &built.order).into(),
        tracks: reordered(&tracks, &built.order).into(),
        vectors: built.vectors,
    };
    let sealed = in_file(core, Sealed::new(row, columns, stored.graph));
    Ok(Fresh { generation, segment: Some(sealed) })
}

/// Writes a graph as chunks of its generation.
fn write_graph(
    core: &Core,
    kind: SegmentKind,
    generation: u64,
    stored: &StoredGraph,
) -> Result<SegmentRow, IndexError> {
    let bytes = graph::encode(stored);
    let mut chunks = 0;
    let rows = graph::chunks(&bytes).map(|value| {
        let key = chunk_key(generation, chunks);
        chunks += 1;
        (key.to_vec(), value)
    });
    // Before anybody names them.
    core.rocks.add_table(Family::Graph, rows)?;
    pass("graph, written");
    Ok(SegmentRow {
        kind: kind.code(),
        generation,
        chunks,
        bytes: bytes.len() as u64,
        checksum: xxh3_64(&bytes),
    })
}

/// The same segment over a file of its own; in memory where that cannot be written, for the file is a cache.
fn in_file(core: &Core, sealed: Sealed) -> Sealed {
    match segment_file::write(&core.folder, &sealed, &core.tuning) {
        Ok(mapped) => mapped,
        Err(error) => {
            tracing::warn!(collection = %core.name, %error, "keep a segment in memory");
            sealed
        }
    }
}

fn reordered<T: Copy>(column: &[T], order: &[u32]) -> Vec<T> {
    order.iter().filter_map(|row| column.get(*row as usize).copied()).collect()
}

/// Puts a segment to use in the place of what it was made of: the one batch, then the view.
fn publish(
    core: &Core,
    writer: &mut Writer,
    kind: SegmentKind,
    job: &Job,
    fresh: Fresh,
) -> Result<Freed, IndexError> {
    let mut batch = Batch::default();
    let mut view = writer.view.clone();
    view.generation = fresh.generation;
    let segments = view.segments_mut(kind);
    let mut at = 0;
    let mut gone = Vec::new();
    segments.parts.retain(|part| {
        let goes = job.parts.contains(&at);
        at += 1;
        if goes {
            gone.push(part.sealed.generation());
        }
        !goes
    });
    let rows = fresh.segment.as_ref().map_or(0, Sealed::len);
    if let Some(sealed) = fresh.segment {
        // Points that died while it was built.
        let dead = writer.view.dead.iter().filter(|point| sealed.has(PointOffset(*point))).count();
        segments.parts.push(Part { sealed: Arc::new(sealed), dead });
    }
    if job.tail {
        let dead = &writer.view.dead;
        let tail = segments.tail.with(|point| !dead.contains(point.0) && !segments.is_sealed(point));
        segments.tail = tail;
    }
    core.rocks.put(&mut batch, Family::Meta, SEGMENTS_KEY, &view.segment_rows().encode()?)?;
    for generation in &gone {
        let (from, to) = chunk_range(*generation);
        core.rocks.delete_range(&mut batch, Family::Graph, &from, &to)?;
    }
    let mut dead = (*writer.view.dead).clone();
    let mut points = RoaringBitmap::new();
    for point in &*writer.view.dead {
        let offset = PointOffset(point);
        if view.all_segments().any(|segments| segments.is_sealed(offset)) {
            continue;
        }
        core.rocks.delete(&mut batch, Family::Tomb, &point_offset_key(offset))?;
        core.rocks.delete(&mut batch, Family::Vectors, &point_offset_key(offset))?;
        points.insert(point);
        if !view.all_segments().any(|segments| segments.tail.has(offset)) {
            dead.remove(point);
        }
    }
    view.dead = Arc::new(dead);
    core.rocks.write(batch).inspect_err(|error| core.poison(error))?;
    pass("segment, written");
    writer.view = view;
    writer.written = true;
    writer.sync_and_publish(core)?;
    pass("segment, published");
    // Readers that still search them have them mapped.
    gone.iter().for_each(|generation| cache_file::remove(&segment_file::path(&core.folder, *generation)));
    Ok(Freed { generations: gone, points, rows })
}
