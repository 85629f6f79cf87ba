//! Files that are made from rows in RocksDB, laid out as they are read, and mapped. Each is a cache: one that is missing or damaged
//! is made anew.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..4096 | the head: magic, version, what the kind says of itself and the places of the sections in postcard, its xxh3 in the last 8 bytes |
//! | from there, each on a multiple of 64 | the sections |
//! | at the end | xxh3 of each MiB of the sections, 8 bytes each |
//!
//! All numbers are little-endian. A file is written under another name, synced, and renamed; the folder is synced after.

use std::collections::BTreeSet;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use sensorium_kernels::{MappedFile, Number, Numbers};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::IndexError;
use crate::failpoint::pass;

const HEAD_BYTES: usize = 4096;
/// Sections begin on multiples of this, as the widest vectors of the kernels want.
const ALIGN: usize = 64;
/// Bytes that one checksum covers.
const BLOCK: usize = 1 << 20;
/// Room that is left on the disk for everything else.
const SPARE_BYTES: u64 = 64 << 20;

/// A kind of such files.
#[derive(Debug)]
pub(crate) struct Kind {
    /// What its files begin with.
    pub(crate) magic: [u8; 4],
    /// The version that is written and read.
    pub(crate) version: u8,
    /// Files up to this size are compared with their checksums whenever they are opened.
    pub(crate) checked_at_open_bytes: usize,
}

/// Where the sections of a file lie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Layout {
    /// Where each section begins, and its bytes.
    sections: Vec<(u64, u64)>,
    /// Where the sections end and the checksums begin.
    end: u64,
}

/// A file that is being written. It goes when it is not finished.
#[derive(Debug)]
pub(crate) struct CacheWriter {
    file: BufWriter<fs::File>,
    partial: PathBuf,
    target: PathBuf,
    sections: Vec<(u64, u64)>,
    /// Where the section that is being written began.
    start: u64,
    at: u64,
    sums: Sums,
    is_finished: bool,
}

impl CacheWriter {
    /// Begins a file, in a folder that is made if it is missing.
    pub(crate) fn create(target: PathBuf) -> std::io::Result<Self> {
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        let partial = target.with_extension("partial");
        let mut file = BufWriter::with_capacity(BLOCK, fs::File::create(&partial)?);
        file.write_all(&[0; HEAD_BYTES])?;
        pass("cache file, begun");
        let at = HEAD_BYTES as u64;
        let sections = Vec::new();
        Ok(Self { file, partial, target, sections, start: at, at, sums: Sums::default(), is_finished: false })
    }

    /// Writes more of the section that is open.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.sums.take(bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Ends the section that is open; the next begins.
    pub(crate) fn end_section(&mut self) -> std::io::Result<()> {
        self.sections.push((self.start, self.at - self.start));
        let zeros = [0; ALIGN];
        let padding = self.at.next_multiple_of(ALIGN as u64) - self.at;
        self.write(zeros.get(..usize::try_from(padding).unwrap_or(0)).unwrap_or_default())?;
        self.start = self.at;
        Ok(())
    }

    /// Writes a whole section.
    pub(crate) fn section(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.write(bytes)?;
        self.end_section()
    }

    /// Ends the file and gives it its name. Gives the checksum of its checksums.
    pub(crate) fn finish(mut self, kind: &Kind, head: &impl Serialize) -> std::io::Result<u64> {
        let layout = Layout { sections: std::mem::take(&mut self.sections), end: self.at };
        let head = encode_head(kind, &(head, layout)).map_err(std::io::Error::other)?;
        let sums = std::mem::take(&mut self.sums).finish();
        self.file.write_all(&sums)?;
        self.file.flush()?;
        let file = self.file.get_mut();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&head)?;
        pass("cache file, written");
        file.sync_all()?;
        pass("cache file, synced");
        fs::rename(&self.partial, &self.target)?;
        pass("cache file, named");
        self.is_finished = true;
        if let Some(folder) = self.target.parent() {
            crate::folder::sync(folder)?;
        }
        Ok(xxh3_64(&sums))
    }
}

impl Drop for CacheWriter {
    fn drop(&mut self) {
        if !self.is_finished {
            // What is left of it is swept at the next open in any case.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Refuses to begin where the disk has no room for so many bytes, and some beside.
pub(crate) fn check_room(folder: &Path, needed: u64, action: &'static str) -> Result<(), IndexError> {
    let room = rustix::fs::statvfs(folder)
        .map_err(|error| IndexError::file("ask for room on the disk", error.into()))?;
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    if free < needed.saturating_add(SPARE_BYTES) {
        let error = std::io::Error::new(
            std::io::ErrorKind::StorageFull,
            format!("{} MiB are needed and {} MiB free", needed >> 20, free >> 20),
        );
        return Err(IndexError::file(action, error));
    }
    Ok(())
}

/// Checksums of blocks of what flows by.
#[derive(Debug, Default)]
struct Sums {
    block: Vec<u8>,
    sums: Vec<u8>,
}

impl Sums {
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(head);
            bytes = rest;
            if self.block.len() == BLOCK {
                self.end_block();
            }
        }
    }

    fn end_block(&mut self) {
        self.sums.extend_from_slice(&xxh3_64(&self.block).to_le_bytes());
        self.block.clear();
    }

    fn finish(mut self) -> Vec<u8> {
        if !self.block.is_empty() {
            self.end_block();
        }
        self.sums
    }
}

fn encode_head(kind: &Kind, head: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut bytes = kind.magic.to_vec();
    bytes.push(kind.version);
    let mut bytes = postcard::to_extend(head, bytes).map_err(|error| error.to_string())?;
    if bytes.len() > HEAD_BYTES - 8 {
        return Err("the head is too long".to_owned());
    }
    bytes.resize(HEAD_BYTES - 8, 0);
    let sum = xxh3_64(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    Ok(bytes)
}

fn decode_head<H: DeserializeOwned>(kind: &Kind, bytes: &[u8]) -> Result<H, String> {
    let bytes = bytes.get(..HEAD_BYTES).ok_or("the file ends in its head")?;
    let (body, sum) = bytes.split_last_chunk::<8>().ok_or("the file ends in its head")?;
    let rest = body.strip_prefix(&kind.magic).ok_or("the file is of another kind")?;
    if xxh3_64(body) != u64::from_le_bytes(*sum) {
        return Err("the checksum of the head does not hold".to_owned());
    }
    match rest.split_first() {
        Some((version, rest)) if *version == kind.version => {
            let (head, _) = postcard::take_from_bytes(rest).map_err(|error| error.to_string())?;
            Ok(head)
        }
        Some((version, _)) => Err(format!("the file has version {version}, expected {}", kind.version)),
        None => Err("the file ends in its head".to_owned()),
    }
}

/// A file that is mapped.
#[derive(Debug)]
pub(crate) struct CacheFile<H> {
    /// What it says of itself.
    pub(crate) head: H,
    body: Body,
    is_checked: bool,
}

/// The bytes of a file behind its head, with their checksums.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    file: MappedFile,
    layout: Layout,
}

impl<H: DeserializeOwned> CacheFile<H> {
    /// Maps a file, and compares it with its checksums unless it is large; `Err` says why it cannot be used.
    pub(crate) fn open(path: &Path, kind: &Kind) -> Result<Self, String> {
        let mut file = Self::map(path, kind)?;
        if file.body.file.bytes().len() <= kind.checked_at_open_bytes {
            file.body.check(|| false)?;
            file.is_checked = true;
        }
        Ok(file)
    }

    /// What is still to be compared with its checksums: nothing of a file that is not large.
    pub(crate) fn unchecked(&self) -> Option<Body> {
        (!self.is_checked).then(|| self.body.clone())
    }

    /// Reads every byte of a file and compares it with its checksums, until `stop` says so; `Err` says what is wrong.
    pub(crate) fn check(path: &Path, kind: &Kind, stop: impl Fn() -> bool) -> Result<(), String> {
        Self::map(path, kind)?.body.check(stop)
    }

    fn map(path: &Path, kind: &Kind) -> Result<Self, String> {
        let file = fs::File::open(path).map_err(|error| error.to_string())?;
        let file = MappedFile::open(file.file()).map_err(|error| error.to_string())?;
        let (head, layout) = decode_head(kind, file.bytes())?;
        Ok(Self { head, body: Body { file, layout }, is_checked: false })
    }

    /// The checksum of its checksums, as [`CacheWriter::finish`] gave it.
    pub(crate) fn checksum(&self) -> Result<u64, String> {
        Ok(xxh3_64(self.body.parts()?.1))
    }

    /// The mapped bytes.
    pub(crate) const fn mapped(&self) -> &MappedFile {
        &self.body.file
    }

    /// How many sections there are.
    pub(crate) fn sections(&self) -> usize {
        self.body.layout.sections.len()
    }

    /// Where a section begins, and its bytes; nothing where there is no such section.
    pub(crate) fn place(&self, section: usize) -> (usize, usize) {
        self.body.place(section)
    }

    /// A section as so many numbers.
    pub(crate) fn numbers<T: Number>(&self, section: usize, count: usize) -> Result<Numbers<T>, String> {
        let (from, bytes) = self.place(section);
        let sized = count.checked_mul(size_of::<T>()) == Some(bytes);
        let numbers = self.body.file.numbers(from, count).filter(|_| sized);
        numbers.ok_or_else(|| "a section does not fit in the file".to_owned())
    }

    /// A section as the numbers that it has room for.
    pub(crate) fn all_numbers<T: Number>(&self, section: usize) -> Result<Numbers<T>, String> {
        self.numbers(section, self.place(section).1 / size_of::<T>())
    }
}

impl Body {
    fn parts(&self) -> Result<(&[u8], &[u8]), String> {
        let end = usize::try_from(self.layout.end).unwrap_or(usize::MAX);
        let (sections, sums) = self.file.bytes().split_at_checked(end).ok_or("the file ends early")?;
        let sections = sections.get(HEAD_BYTES..).ok_or("the sections end in the head")?;
        if sums.len() != sections.len().div_ceil(BLOCK) * 8 {
            return Err("the file has too few or too many checksums".to_owned());
        }
        Ok((sections, sums))
    }

    /// Compares every byte with the checksums, until `stop` says so; `Err` says what is wrong.
    pub(crate) fn check(&self, stop: impl Fn() -> bool) -> Result<(), String> {
        self.check_blocks(|_| true, stop)
    }

    /// Compares some sections with the checksums, and what lies beside them in the same MiB; `Err` says what is wrong.
    pub(crate) fn check_sections(&self, wanted: impl Fn(usize) -> bool) -> Result<(), String> {
        let mut blocks = BTreeSet::new();
        for section in (0..self.layout.sections.len()).filter(|section| wanted(*section)) {
            let (from, bytes) = self.place(section);
            let from = from.saturating_sub(HEAD_BYTES);
            blocks.extend(from / BLOCK..from.saturating_add(bytes).div_ceil(BLOCK).min(self.layout_blocks()));
        }
        self.check_blocks(|number| blocks.contains(&number), || false)
    }

    fn layout_blocks(&self) -> usize {
        self.file.bytes().len().div_ceil(BLOCK)
    }

    fn place(&self, section: usize) -> (usize, usize) {
        let (from, bytes) = self.layout.sections.get(section).copied().unwrap_or_default();
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        (size(from), size(bytes))
    }

    fn check_blocks(&self, wanted: impl Fn(usize) -> bool, stop: impl Fn() -> bool) -> Result<(), String> {
        let (sections, sums) = self.parts()?;
        let (sums, _) = sums.as_chunks::<8>();
        let blocks = sections.chunks(BLOCK).zip(sums).enumerate();
        for (number, (block, sum)) in blocks.filter(|(number, _)| wanted(*number)) {
            if stop() {
                break;
            }
            if xxh3_64(block) != u64::from_le_bytes(*sum) {
                return Err(format!("the checksum of its MiB {number} does not hold"));
            }
        }
        Ok(())
    }
}

/// Takes away files of a folder that are none of these.
pub(crate) fn sweep(folder: &Path, known: &[PathBuf]) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if !known.contains(&entry.path()) {
            remove(&entry.path());
        }
    }
}

/// Takes a file away; one that stays is swept later.
pub(crate) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "remove a file that is made anew");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind { magic: *b"TEST", version: 3, checked_at_open_bytes: usize::MAX };

    fn write(path: &Path) -> u64 {
        let mut file = CacheWriter::create(path.to_owned()).expect("begins");
        file.section(&[1, 2, 3]).expect("writes");
        file.write(&7_u64.to_le_bytes()).expect("writes");
        file.write(&8_u64.to_le_bytes()).expect("writes");
        file.end_section().expect("ends");
        file.section(&vec![9; 2 * BLOCK]).expect("writes");
        file.finish(&KIND, &"head".to_owned()).expect("finishes")
    }

    #[test]
    fn sections_are_read_as_they_were_written_and_every_flipped_byte_is_found() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("files/1.test");
        let checksum = write(&path);
        let file = CacheFile::<String>::open(&path, &KIND).expect("opens");
        assert_eq!((file.head.as_str(), file.sections(), file.checksum()), ("head", 3, Ok(checksum)));
        assert_eq!(*file.numbers::<u8>(0, 3).expect("fits"), [1, 2, 3]);
        assert_eq!(*file.all_numbers::<u64>(1).expect("fits"), [7, 8]);
        assert!(file.numbers::<u8>(0, 4).is_err());
        assert!(file.numbers::<u32>(7, 1).is_err());
        let other = Kind { version: 4, ..KIND };
        assert!(CacheFile::<String>::open(&path, &other).expect_err("another").contains("version 3"));
        let whole = fs::read(&path).expect("reads");
        let end = whole.len();
        for at in [0, 5, 4090, 4096, 4100, 4096 + 64, 4096 + BLOCK, end - 100, end - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            fs::write(&path, &damaged).expect("writes");
            CacheFile::<String>::open(&path, &KIND).expect_err("damaged");
        }
        for length in [0, 100, 4096, 5000, end - 8, end - 1] {
            fs::write(&path, &whole[..length]).expect("writes");
            CacheFile::<String>::open(&path, &KIND).expect_err("cut");
        }
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().expect("folder");
        let mut file = CacheWriter::create(folder.path().join("1.test")).expect("begins");
        file.section(&[1]).expect("writes");
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 0);
    }
}
