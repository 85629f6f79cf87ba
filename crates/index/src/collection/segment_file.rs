//! The file of a sealed segment: what searches touch, laid out as they touch it, and mapped.
//!
//! The file is a cache of rows in RocksDB: of the graph's chunks, of vectors and of points. One that is missing or damaged is
//! written anew from them.
//!
//! Its head is [`Head`]; its sections are those of [`Section`], then three for each of the graph's levels. Version history: 1, the
//! first, with vectors of `f32`; 2, with what their codes leave; 3, with codes of half a byte where the graph is walked by them.

use std::path::{Path, PathBuf};

use sensorium_kernels::{NibbleMatrix, StoredNibbles, StoredVectors, VectorMatrix, VectorPlaces, as_bytes};
use serde::{Deserialize, Serialize};

use super::sealed::{Columns, Sealed, SealedParts};
use crate::cache_file::{self, CacheFile, CacheWriter, Kind, check_room};
use crate::error::IndexError;
use crate::graph::{FlatGraph, Level, half_bytes};
use crate::options::Tuning;
use crate::storage::SegmentRow;

/// The folder of the files, in that of the collection.
pub(super) const FOLDER: &str = "segments";
/// Most levels of a graph, so that the head holds their places.
const MAX_LEVELS: usize = 32;

/// The sections, in their order.
#[derive(Debug, Clone, Copy)]
enum Section {
    /// The codes of the vectors.
    Codes,
    Scales,
    Points,
    Assets,
    Tracks,
    /// What the codes leave.
    Rests,
    /// The points in order.
    Sorted,
    /// The place of each of them.
    Order,
    /// The codes of half a byte a number and their scales; both empty where the graph is not walked by them.
    Nibbles,
    NibbleScales,
}

const SECTIONS: usize = 10;

/// What the head says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Head {
    kind: u8,
    generation: u64,
    /// The xxh3 of the graph that it was made from.
    graph: u64,
    dim: u32,
    rows: u32,
    entry: u32,
    /// The norm and the error that bound what codes are off by.
    norm: f32,
    error: f32,
    /// The same of the codes of half a byte; zeros where there are none.
    nibble_bounds: [f32; 2],
}

/// The file of a generation.
pub(super) fn path(collection: &Path, generation: u64) -> PathBuf {
    collection.join(FOLDER).join(format!("{generation}.seg"))
}

/// What its files are. Those up to `checked_at_open_bytes` are compared with their checksums whenever they are opened.
const fn kind(checked_at_open_bytes: usize) -> Kind {
    Kind { magic: *b"SNSS", version: 3, checked_at_open_bytes }
}

/// Writes a segment's file and maps it; what comes back is the segment over the file, opened as [`open`] does.
///
/// # Errors
/// If the disk has no room, or the file cannot be written; nothing is left of it then.
pub(super) fn write(collection: &Path, sealed: &Sealed, tuning: &Tuning) -> Result<Sealed, IndexError> {
    const ACTION: &str = "write the file of a segment";
    let row = sealed.stored();
    let target = path(collection, row.generation);
    let nibbles = half_bytes(tuning.layout, sealed.borrowed().1, sealed.vectors());
    let nibbles = nibbles.as_ref().map(NibbleMatrix::stored);
    let (head, parts) = describe(sealed, nibbles)?;
    check_room(collection, parts.iter().map(|part| part.len() as u64).sum(), ACTION)?;
    let write = || -> std::io::Result<u64> {
        let mut file = CacheWriter::create(target.clone())?;
        parts.iter().try_for_each(|part| file.section(part))?;
        file.finish(&kind(0), &head)
    };
    write().map_err(|error| IndexError::file(ACTION, error))?;
    open(collection, row, sealed.vectors().dim(), tuning.checked_at_open_bytes)
        .map_err(|what| IndexError::damaged(target.display().to_string(), what))
}

/// The head of a segment's file, and its sections.
fn describe<'a>(
    sealed: &'a Sealed,
    nibbles: Option<StoredNibbles<'a>>,
) -> Result<(Head, Vec<&'a [u8]>), IndexError> {
    let row = sealed.stored();
    let (columns, graph, [sorted, order]) = sealed.borrowed();
    if graph.levels.len() > MAX_LEVELS {
        return Err(IndexError::Bug { what: format!("a graph of {} levels", graph.levels.len()) });
    }
    let StoredVectors { codes, scales, rests, bounds: [norm, error] } = columns.vectors.stored();
    let nibbles = nibbles.unwrap_or(StoredNibbles { codes: &[], scales: &[], bounds: [0.0; 2] });
    let mut parts: Vec<&[u8]> = vec![
        codes,
        scales,
        as_bytes(&columns.points),
        as_bytes(&columns.assets),
        as_bytes(&columns.tracks),
        rests,
        as_bytes(sorted),
        as_bytes(order),
        nibbles.codes,
        nibbles.scales,
    ];
    for level in &graph.levels {
        parts.extend([as_bytes(&level.rows), as_bytes(&level.starts), as_bytes(&level.links)]);
    }
    let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
    let head = Head {
        kind: row.kind,
        generation: row.generation,
        graph: row.checksum,
        dim: count(columns.vectors.dim()),
        rows: count(sealed.len()),
        entry: graph.entry,
        norm,
        error,
        nibble_bounds: nibbles.bounds,
    };
    Ok((head, parts))
}

/// Maps the file of a segment; `Err` says why it cannot be used. Its head, its order and its links are checked, so that
/// searches stay inside and no link is followed that is not as it was written. Of a file of more than `checked_at_open_bytes` the
/// vectors, which are most of it, are left to be looked at in the background ([`Sealed::check`]).
pub(super) fn open(
    collection: &Path,
    row: SegmentRow,
    dim: usize,
    checked_at_open_bytes: usize,
) -> Result<Sealed, String> {
    let file = CacheFile::<Head>::open(&path(collection, row.generation), &kind(checked_at_open_bytes))?;
    let unchecked = file.unchecked();
    if let Some(body) = &unchecked {
        let vectors = [Section::Codes, Section::Rests, Section::Nibbles].map(|section| section as usize);
        body.check_sections(|section| !vectors.contains(&section))?;
    }
    let head = &file.head;
    let is_its = head.kind == row.kind
        && head.generation == row.generation
        && head.graph == row.checksum
        && head.dim as usize == dim;
    if !is_its {
        return Err("the file is of another segment".to_owned());
    }
    let rows = head.rows as usize;
    let u32s = |section: Section| file.numbers::<u32>(section as usize, rows);
    let columns = Columns {
        points: u32s(Section::Points)?,
        assets: u32s(Section::Assets)?,
        tracks: file.numbers(Section::Tracks as usize, rows)?,
        vectors: vectors(&file, dim)?,
    };
    let (sorted, order) = (u32s(Section::Sorted)?, u32s(Section::Order)?);
    check_order(&columns.points, &sorted, &order)?;
    let levels = (SECTIONS..file.sections()).step_by(3).map(|section| {
        let list = |number: usize| file.all_numbers::<u32>(section + number);
        Ok(Level { rows: list(0)?, starts: list(1)?, links: list(2)? })
    });
    let graph = FlatGraph { entry: head.entry, levels: levels.collect::<Result<_, String>>()? };
    if graph.len() != rows {
        return Err("its graph is of other rows".to_owned());
    }
    graph.check_structure()?;
    Ok(Sealed::of_parts(SealedParts {
        row,
        columns,
        graph,
        nibbles: nibbles(&file, dim)?,
        sorted,
        order,
        unchecked,
    }))
}

/// The vectors of a file, if its sections are as long as those of so many.
fn vectors(file: &CacheFile<Head>, dim: usize) -> Result<VectorMatrix, String> {
    let Head { rows, norm, error, .. } = file.head;
    let rows = rows as usize;
    let [codes, scales, rests] =
        [Section::Codes, Section::Scales, Section::Rests].map(|section| file.place(section as usize));
    let lanes = VectorMatrix::lane_bytes(dim, rows);
    let places = VectorPlaces { codes: codes.0, scales: scales.0, rests: rests.0 };
    VectorMatrix::mapped(file.mapped(), dim, rows, places, [norm, error])
        .filter(|_| (codes.1, scales.1, rests.1) == (lanes, rows * 4, lanes))
        .ok_or_else(|| "the vectors do not fit in the file".to_owned())
}

/// The codes of half a byte of a file, if it has them and they are as many as its rows.
fn nibbles(file: &CacheFile<Head>, dim: usize) -> Result<Option<NibbleMatrix>, String> {
    let (codes, scales) = (file.place(Section::Nibbles as usize), file.place(Section::NibbleScales as usize));
    if codes.1 == 0 && scales.1 == 0 {
        return Ok(None);
    }
    let rows = file.head.rows as usize;
    let bounds = file.head.nibble_bounds;
    NibbleMatrix::mapped(file.mapped(), dim, rows, [codes.0, scales.0], bounds)
        .filter(|_| (codes.1, scales.1) == (NibbleMatrix::lane_bytes(dim, rows), rows * 4))
        .map(Some)
        .ok_or_else(|| "the codes of half a byte do not fit in the file".to_owned())
}

/// Whether `sorted` are the points in order, and `order` their places.
fn check_order(points: &[u32], sorted: &[u32], order: &[u32]) -> Result<(), String> {
    let is_there = |(point, place): (&u32, &u32)| points.get(*place as usize) == Some(point);
    // Ascending points of so many places are all of them.
    if sorted.is_sorted_by(|a, b| a < b) && sorted.iter().zip(order).all(is_there) {
        Ok(())
    } else {
        Err("the order of its points does not hold".to_owned())
    }
}

/// Reads every byte of a segment's file and compares it with its checksums, until `stop` says so; `Err` says what is wrong.
pub(super) fn check(collection: &Path, row: SegmentRow, stop: impl Fn() -> bool) -> Result<(), String> {
    CacheFile::<Head>::check(&path(collection, row.generation), &kind(0), stop)
}

/// Takes away files that none of these segments has.
pub(super) fn sweep(collection: &Path, named: &[SegmentRow]) {
    let known: Vec<PathBuf> = named.iter().map(|row| path(collection, row.generation)).collect();
    cache_file::sweep(&collection.join(FOLDER), &known);
}
