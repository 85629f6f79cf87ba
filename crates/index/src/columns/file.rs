//! [`ColumnFile`]: columns as they were after a change, in one mapped file. Each is read when a filter first asks for it.
//!
//! Its head is [`Head`]. The first section has the assets that there were, a bit each; then each column has one, as `codec.rs` says; the
//! last is the [`Directory`]. Version history: 1, the first.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensorium_kernels::Numbers;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::bits::Bits;
use super::codec::{Reader, Stored as _};
use super::column::Column;
use crate::cache_file::{CacheFile, CacheWriter, Kind, check_room, sweep};
use crate::error::IndexError;
use crate::storage::ColumnFileRow;

/// The folder of the files, in that of the collection.
const FOLDER: &str = "columns";
/// Columns have checksums of their own, so that those that are not asked for need not be read.
const KIND: Kind = Kind { magic: *b"SNSC", version: 1, checked_at_open_bytes: 0 };
/// What failed, for people.
const ACTION: &str = "write the file of columns";
/// Sections before those of the columns.
const FIRST: usize = 1;

/// What the head says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Head {
    /// The change after which the columns were so.
    operation: u64,
    /// xxh3 of the assets and of the directory.
    checksums: [u64; 2],
}

/// The columns of a file, in order of its sections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Directory(Vec<Listed>);

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Listed {
    field: String,
    /// Bytes that it has in memory.
    bytes: u64,
    /// xxh3 of its section.
    checksum: u64,
}

/// Columns in a mapped file.
#[derive(Debug)]
pub(crate) struct ColumnFile {
    row: ColumnFileRow,
    columns: Vec<(Listed, Numbers<u8>)>,
    all: Bits,
}

fn path(collection: &Path, operation: u64) -> PathBuf {
    collection.join(FOLDER).join(format!("{operation}.columns"))
}

impl ColumnFile {
    /// Writes columns as they were after a change, each with its field and the bytes that it has in memory, and the assets that
    /// there were; gives what names the file.
    ///
    /// # Errors
    /// If the disk has no room, or the file cannot be written; nothing is left of it then.
    pub(super) fn write<'a>(
        collection: &Path,
        operation: u64,
        all: &Bits,
        columns: impl Iterator<Item = (&'a str, usize, &'a Column)>,
    ) -> Result<ColumnFileRow, IndexError> {
        let columns: Vec<_> = columns.collect();
        check_room(collection, columns.iter().map(|(_, bytes, _)| *bytes as u64).sum(), ACTION)?;
        let failed = |error| IndexError::file(ACTION, error);
        let mut file = CacheWriter::create(path(collection, operation)).map_err(failed)?;
        let mut assets = Vec::new();
        all.put(&mut assets);
        file.section(&assets).map_err(failed)?;
        let mut listed = Vec::with_capacity(columns.len());
        for (field, bytes, column) in columns {
            let mut part = Vec::with_capacity(bytes);
            column.put(&mut part);
            file.section(&part).map_err(failed)?;
            listed.push(Listed { field: field.to_owned(), bytes: bytes as u64, checksum: xxh3_64(&part) });
        }
        let directory = postcard::to_stdvec(&Directory(listed)).map_err(|error| IndexError::Bug {
            what: format!("the directory of columns cannot be encoded: {error}"),
        })?;
        file.section(&directory).map_err(failed)?;
        let head = Head { operation, checksums: [xxh3_64(&assets), xxh3_64(&directory)] };
        let checksum = file.finish(&KIND, &head).map_err(failed)?;
        Ok(ColumnFileRow { operation, checksum })
    }

    /// Maps a file; `Err` says why it cannot be used.
    pub(crate) fn open(collection: &Path, row: ColumnFileRow) -> Result<Self, String> {
        let file = CacheFile::<Head>::open(&path(collection, row.operation), &KIND)?;
        if file.head.operation != row.operation || file.checksum()? != row.checksum {
            return Err("the file is another".to_owned());
        }
        let checked = |section: usize, checksum: u64| {
            let bytes = file.all_numbers::<u8>(section)?;
            let holds = xxh3_64(&bytes) == checksum;
            if holds { Ok(bytes) } else { Err(format!("the checksum of section {section} does not hold")) }
        };
        let [of_all, of_directory] = file.head.checksums;
        let directory = checked(file.sections().saturating_sub(1), of_directory)?;
        let Directory(listed) = postcard::from_bytes(&directory).map_err(|error| error.to_string())?;
        let all = Bits::read(&mut Reader::new(&checked(0, of_all)?)).ok_or("its assets cannot be read")?;
        let columns = (FIRST..).zip(listed).map(|(section, listed)| Ok((listed, file.all_numbers(section)?)));
        Ok(Self { row, columns: columns.collect::<Result<_, String>>()?, all })
    }

    /// What names the file.
    pub(crate) const fn row(&self) -> ColumnFileRow {
        self.row
    }

    /// The assets that there were.
    pub(super) const fn all(&self) -> &Bits {
        &self.all
    }

    /// The fields with the bytes that their columns have in memory, in order of section.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, usize)> {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        self.columns.iter().map(move |(listed, _)| (listed.field.as_str(), size(listed.bytes)))
    }

    /// Reads a column; nothing where it is damaged.
    pub(super) fn read(&self, number: usize) -> Option<Arc<Column>> {
        let (listed, bytes) = self.columns.get(number)?;
        let whole = xxh3_64(bytes) == listed.checksum;
        let mut reader = Reader::new(bytes);
        let column = whole.then(|| Column::read(&mut reader)).flatten().filter(|_| reader.is_at_end());
        if column.is_none() {
            tracing::warn!(
                field = listed.field,
                "the column of a field is damaged in its file: it is made anew"
            );
        }
        column.map(Arc::new)
    }

    /// Takes away files of a collection, all but these.
    pub(crate) fn sweep(collection: &Path, kept: impl IntoIterator<Item = ColumnFileRow>) {
        let kept: Vec<_> = kept.into_iter().map(|row| path(collection, row.operation)).collect();
        sweep(&collection.join(FOLDER), &kept);
    }

    /// Reads every byte of a file and compares it with its checksums; `Err` says what is wrong. `None` if there is none.
    pub(crate) fn check(collection: &Path, row: ColumnFileRow) -> Option<(PathBuf, Result<(), String>)> {
        let path = path(collection, row.operation);
        let checked = path.exists().then(|| CacheFile::<Head>::check(&path, &KIND, || false))?;
        Some((path, checked))
    }

    /// The folder of the files of a collection.
    pub(crate) fn folder(collection: &Path) -> PathBuf {
        collection.join(FOLDER)
    }
}
