//! The file of a sealed segment: what searches touch, laid out as they touch it, and mapped.
//!
//! The file is a cache of rows in RocksDB: of the graph's chunks, of vectors and of points. One that is missing or damaged is
//! written anew from them.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..4096 | the head: magic `SNSS`, version 1, [`Head`] in postcard, its xxh3 in the last 8 bytes |
//! | from there, each on a multiple of 64 | the sections, see [`Section`]; then those of the graph's levels, three each |
//! | at the end | xxh3 of each MiB of the sections, 8 bytes each |
//!
//! All numbers are little-endian. Version history: 1, the first.

use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use sensorium_kernels::{CodeMatrix, MappedFile, Numbers, as_bytes};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::sealed::{Columns, Sealed, SealedParts};
use crate::error::IndexError;
use crate::graph::{FlatGraph, Level};
use crate::storage::SegmentRow;

/// The folder of the files, in that of the collection.
pub(super) const FOLDER: &str = "segments";
const MAGIC: [u8; 4] = *b"SNSS";
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 4096;
/// Sections begin on multiples of this, as the widest vectors of the kernels want.
const ALIGN: usize = 64;
/// Bytes that one checksum covers.
const BLOCK: usize = 1 << 20;
/// Most levels of a graph, so that the head holds their places.
const MAX_LEVELS: usize = 32;
/// Files up to this size are checked whole before they are used: some milliseconds.
const CHECKED_AT_OPEN_BYTES: usize = 64 << 20;
/// Room that is left on the disk for everything else.
const SPARE_BYTES: u64 = 64 << 20;

/// The sections, in their order.
#[derive(Debug, Clone, Copy)]
enum Section {
    Lanes,
    Scales,
    Points,
    Assets,
    Tracks,
    Vectors,
    /// The points in order.
    Sorted,
    /// The place of each of them.
    Order,
}

const SECTIONS: usize = 8;

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
    /// Where each section begins, and its bytes.
    sections: Vec<(u64, u64)>,
    /// Where the sections end and the checksums begin.
    end: u64,
}

/// The file of a generation.
pub(super) fn path(collection: &Path, generation: u64) -> PathBuf {
    collection.join(FOLDER).join(format!("{generation}.seg"))
}

/// Writes a segment's file and maps it; what comes back is the segment over the file.
///
/// # Errors
/// If the disk has no room, or the file cannot be written; nothing is left of it then.
pub(super) fn write(collection: &Path, sealed: &Sealed) -> Result<Sealed, IndexError> {
    let row = sealed.stored();
    let target = path(collection, row.generation);
    let partial = target.with_extension("partial");
    let failed = |error| IndexError::file("write the file of a segment", error);
    let (head, parts) = describe(sealed)?;
    fs::create_dir_all(collection.join(FOLDER)).map_err(failed)?;
    check_room(collection, head.end)?;
    let written = write_to(&partial, &head, &parts)
        .and_then(|()| fs::rename(&partial, &target))
        .and_then(|()| fs::File::open(collection.join(FOLDER))?.sync_all());
    if let Err(error) = written {
        // What is left of it is swept at the next open in any case.
        let _ = fs::remove_file(&partial);
        return Err(failed(error));
    }
    open(collection, row, sealed.dim())
        .map_err(|what| IndexError::damaged(target.display().to_string(), what))
}

fn check_room(collection: &Path, needed: u64) -> Result<(), IndexError> {
    let room = rustix::fs::statvfs(collection)
        .map_err(|error| IndexError::file("ask for room on the disk", error.into()))?;
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    if free < needed.saturating_add(SPARE_BYTES) {
        let error = std::io::Error::new(
            std::io::ErrorKind::StorageFull,
            format!("{} MiB are needed and {} MiB free", needed >> 20, free >> 20),
        );
        return Err(IndexError::file("write the file of a segment", error));
    }
    Ok(())
}

/// The head of a segment's file, and its sections as bytes.
fn describe(sealed: &Sealed) -> Result<(Head, Vec<&[u8]>), IndexError> {
    let row = sealed.stored();
    let (columns, codes, graph, [sorted, order]) = sealed.borrowed();
    if graph.levels.len() > MAX_LEVELS {
        return Err(IndexError::Bug { what: format!("a graph of {} levels", graph.levels.len()) });
    }
    let (lanes, scales, [norm, error]) = codes.stored();
    let mut parts: Vec<&[u8]> = vec![
        lanes,
        scales,
        as_bytes(&columns.points),
        as_bytes(&columns.assets),
        as_bytes(&columns.tracks),
        as_bytes(&columns.vectors),
        as_bytes(sorted),
        as_bytes(order),
    ];
    for level in &graph.levels {
        parts.extend([as_bytes(&level.rows), as_bytes(&level.starts), as_bytes(&level.links)]);
    }
    let mut at = HEAD_BYTES;
    let mut sections = Vec::with_capacity(parts.len());
    for part in &parts {
        sections.push((at as u64, part.len() as u64));
        at = (at + part.len()).next_multiple_of(ALIGN);
    }
    let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
    let head = Head {
        kind: row.kind,
        generation: row.generation,
        graph: row.checksum,
        dim: count(sealed.dim()),
        rows: count(sealed.len()),
        entry: graph.entry,
        norm,
        error,
        sections,
        end: at as u64,
    };
    Ok((head, parts))
}

fn write_to(path: &Path, head: &Head, parts: &[&[u8]]) -> std::io::Result<()> {
    let mut file = BufWriter::with_capacity(BLOCK, fs::File::create(path)?);
    file.write_all(&[0; HEAD_BYTES])?;
    let mut sums = Sums::default();
    for part in parts {
        file.write_all(part)?;
        sums.take(part);
        let padding = part.len().next_multiple_of(ALIGN) - part.len();
        let zeros = [0; ALIGN];
        let zeros = zeros.get(..padding).unwrap_or_default();
        file.write_all(zeros)?;
        sums.take(zeros);
    }
    for sum in sums.finish() {
        file.write_all(&sum.to_le_bytes())?;
    }
    file.flush()?;
    let mut file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&encode_head(head).map_err(std::io::Error::other)?)?;
    file.sync_all()
}

/// Checksums of blocks of what flows by.
#[derive(Default)]
struct Sums {
    block: Vec<u8>,
    sums: Vec<u64>,
}

impl Sums {
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(head);
            bytes = rest;
            if self.block.len() == BLOCK {
                self.sums.push(xxh3_64(&self.block));
                self.block.clear();
            }
        }
    }

    fn finish(mut self) -> Vec<u64> {
        if !self.block.is_empty() {
            self.sums.push(xxh3_64(&self.block));
        }
        self.sums
    }
}

fn encode_head(head: &Head) -> Result<Vec<u8>, String> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(VERSION);
    let mut bytes = postcard::to_extend(head, bytes).map_err(|error| error.to_string())?;
    if bytes.len() > HEAD_BYTES - 8 {
        return Err("the head is too long".to_owned());
    }
    bytes.resize(HEAD_BYTES - 8, 0);
    let sum = xxh3_64(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    Ok(bytes)
}

fn decode_head(bytes: &[u8]) -> Result<Head, String> {
    let bytes = bytes.get(..HEAD_BYTES).ok_or("the file ends in its head")?;
    let (body, sum) = bytes.split_last_chunk::<8>().ok_or("the file ends in its head")?;
    let rest = body.strip_prefix(&MAGIC).ok_or("the file is no segment")?;
    if xxh3_64(body) != u64::from_le_bytes(*sum) {
        return Err("the checksum of the head does not hold".to_owned());
    }
    match rest.split_first() {
        Some((&VERSION, rest)) => {
            let (head, _) = postcard::take_from_bytes(rest).map_err(|error| error.to_string())?;
            Ok(head)
        }
        Some((version, _)) => Err(format!("the file has version {version}, expected {VERSION}")),
        None => Err("the file ends in its head".to_owned()),
    }
}

/// Maps the file of a segment; `Err` says why it cannot be used. Its head, its order and its links are checked, so that
/// searches stay inside, and every byte of a file that is not large; the bytes of large ones are looked at in the background
/// ([`check`]).
pub(super) fn open(collection: &Path, row: SegmentRow, dim: usize) -> Result<Sealed, String> {
    let file = map(collection, row)?;
    let head = decode_head(file.bytes())?;
    if file.bytes().len() <= CHECKED_AT_OPEN_BYTES {
        check_sums(&file, &head, || false)?;
    }
    let is_its = head.kind == row.kind
        && head.generation == row.generation
        && head.graph == row.checksum
        && head.dim as usize == dim;
    if !is_its {
        return Err("the file is of another segment".to_owned());
    }
    let rows = head.rows as usize;
    let numbers = |section: Section| head.sections.get(section as usize).copied().unwrap_or_default();
    let u32s = |section| section_of::<u32>(&file, numbers(section), rows);
    let columns = Columns {
        points: u32s(Section::Points)?,
        assets: u32s(Section::Assets)?,
        tracks: section_of(&file, numbers(Section::Tracks), rows)?,
        vectors: section_of(&file, numbers(Section::Vectors), rows * dim)?,
    };
    let (sorted, order) = (u32s(Section::Sorted)?, u32s(Section::Order)?);
    check_order(&columns.points, &sorted, &order)?;
    let (lanes, scales) = (numbers(Section::Lanes), numbers(Section::Scales));
    let sized = (CodeMatrix::lane_bytes(dim, rows) as u64, rows as u64 * 4) == (lanes.1, scales.1);
    let codes = CodeMatrix::mapped(&file, dim, rows, (at(lanes), at(scales)), [head.norm, head.error])
        .filter(|_| sized)
        .ok_or("the codes do not fit in the file")?;
    let levels = head.sections.get(SECTIONS..).unwrap_or_default().chunks_exact(3).map(|level| {
        let list = |number: usize| {
            let place = level.get(number).copied().unwrap_or_default();
            section_of::<u32>(&file, place, usize::try_from(place.1).unwrap_or(usize::MAX) / 4)
        };
        Ok(Level { rows: list(0)?, starts: list(1)?, links: list(2)? })
    });
    let graph = FlatGraph { entry: head.entry, levels: levels.collect::<Result<_, String>>()? };
    if graph.len() != rows {
        return Err("its graph is of other rows".to_owned());
    }
    graph.check_structure()?;
    Ok(Sealed::of_parts(SealedParts { row, dim, columns, codes, graph, sorted, order }))
}

fn at((from, _): (u64, u64)) -> usize {
    usize::try_from(from).unwrap_or(usize::MAX)
}

fn section_of<T: sensorium_kernels::Number>(
    file: &MappedFile,
    place: (u64, u64),
    count: usize,
) -> Result<Numbers<T>, String> {
    let sized = (count as u64).checked_mul(size_of::<T>() as u64) == Some(place.1);
    let numbers = file.numbers(at(place), count).filter(|_| sized);
    numbers.ok_or_else(|| "a section does not fit in the file".to_owned())
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
    let file = map(collection, row)?;
    check_sums(&file, &decode_head(file.bytes())?, stop)
}

/// Whether a file is so small that [`open`] checks all of it.
pub(super) fn is_checked_at_open(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() <= CHECKED_AT_OPEN_BYTES as u64)
}

fn map(collection: &Path, row: SegmentRow) -> Result<MappedFile, String> {
    let file = fs::File::open(path(collection, row.generation)).map_err(|error| error.to_string())?;
    MappedFile::open(file.file()).map_err(|error| error.to_string())
}

fn check_sums(file: &MappedFile, head: &Head, stop: impl Fn() -> bool) -> Result<(), String> {
    let end = usize::try_from(head.end).unwrap_or(usize::MAX);
    let (sections, sums) = file.bytes().split_at_checked(end).ok_or("the file ends early")?;
    let sections = sections.get(HEAD_BYTES..).ok_or("the sections end in the head")?;
    let (sums, rest) = sums.as_chunks::<8>();
    if sums.len() != sections.len().div_ceil(BLOCK) || !rest.is_empty() {
        return Err("the file has too few or too many checksums".to_owned());
    }
    for (number, (block, sum)) in sections.chunks(BLOCK).zip(sums).enumerate() {
        if stop() {
            break;
        }
        if xxh3_64(block) != u64::from_le_bytes(*sum) {
            return Err(format!("the checksum of its MiB {number} does not hold"));
        }
    }
    Ok(())
}

/// Takes away files that none of these segments has.
pub(super) fn sweep(collection: &Path, named: &[SegmentRow]) {
    let Ok(entries) = fs::read_dir(collection.join(FOLDER)) else { return };
    let known: Vec<PathBuf> = named.iter().map(|row| path(collection, row.generation)).collect();
    for entry in entries.flatten() {
        if !known.contains(&entry.path()) {
            remove(&entry.path());
        }
    }
}

/// Takes a file away; one that stays is swept later.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "remove the file of a segment");
    }
}
