//! [`Slot`]: a column in memory, or one that is read from its file when it is first asked for.

use std::sync::{Arc, OnceLock};

use super::column::Column;
use super::file::ColumnFile;

/// A column, or where it lies.
#[derive(Debug)]
pub(super) struct Slot {
    /// The column once it is in memory; nothing where it could not be read.
    column: OnceLock<Option<Arc<Column>>>,
    /// The file, and the column's number there.
    stored: Option<(Arc<ColumnFile>, usize)>,
    /// Bytes that it has in memory, read or not.
    bytes: usize,
}

impl Slot {
    /// A column in memory.
    pub(super) fn of(column: Column) -> Self {
        let bytes = column.bytes();
        Self { column: OnceLock::from(Some(Arc::new(column))), stored: None, bytes }
    }

    /// A column of a file.
    pub(super) const fn stored(file: Arc<ColumnFile>, number: usize, bytes: usize) -> Self {
        Self { column: OnceLock::new(), stored: Some((file, number)), bytes }
    }

    /// The column.
    pub(super) fn get(&self) -> Option<&Column> {
        let read = || self.stored.as_ref().and_then(|(file, number)| file.read(*number));
        self.column.get_or_init(read).as_deref()
    }

    /// Whether it can be asked, as far as that is known.
    pub(super) fn is_usable(&self) -> bool {
        self.column.get().is_none_or(Option::is_some)
    }

    /// Bytes that it has in memory once it is read.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that it has in memory now.
    pub(super) fn bytes_in_memory(&self) -> usize {
        self.column.get().map_or(0, |column| if column.is_some() { self.bytes } else { 0 })
    }
}
