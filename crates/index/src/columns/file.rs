//! [`ColumnFile`]: columns as they were after a change, in one mapped file. Each is read when a filter first asks for it.
//!
//! Its head is [`Head`]. The first section is the [`Directory`], the second the assets that there were, a bit each; then each column
//! has one, as `codec.rs` says. Version history: 1, the first.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensorium_kernels::Numbers;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::answer::Columns;
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
const FIRST: usize = 2;

/// What the head says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Head {
    /// The change after which the columns were so.
    operation: u64,
    /// xxh3 of the directory and of the assets.
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

impl Columns {
    /// Writes the columns; gives what names the file.
    ///
    /// # Errors
    /// If the disk has no room, or the file cannot be written; nothing is left of it then.
    pub(crate) fn write(&self, collection: &Path) -> Result<ColumnFileRow, IndexError> {
        check_room(collection, self.bytes() as u64, ACTION)?;
        let failed = |error| IndexError::file(ACTION, error);
        let mut listed = Vec::new();
        let mut parts = Vec::new();
        for (field, bytes) in self.sizes() {
            if let Some(column) = self.column(field) {
                let mut part = Vec::with_capacity(bytes);
                column.put(&mut part);
                let checksum = xxh3_64(&part);
                listed.push(Listed { field: field.to_owned(), bytes: bytes as u64, checksum });
                parts.push(part);
            }
        }
        let directory = postcard::to_stdvec(&Directory(listed)).map_err(|error| IndexError::Bug {
            what: format!("the directory of columns cannot be encoded: {error}"),
        })?;
        let mut all = Vec::new();
        self.all.put(&mut all);
        let operation = self.operation();
        let head = Head { operation, checksums: [xxh3_64(&directory), xxh3_64(&all)] };
        let mut file = CacheWriter::create(path(collection, operation)).map_err(failed)?;
        [directory, all].iter().chain(&parts).try_for_each(|part| file.section(part)).map_err(failed)?;
        let checksum = file.finish(&KIND, &head).map_err(failed)?;
        Ok(ColumnFileRow { operation, checksum })
    }
}

impl ColumnFile {
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
        let [of_directory, of_all] = file.head.checksums;
        let directory = checked(0, of_directory)?;
        let Directory(listed) = postcard::from_bytes(&directory).map_err(|error| error.to_string())?;
        let all = Bits::read(&mut Reader::new(&checked(1, of_all)?)).ok_or("its assets cannot be read")?;
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
