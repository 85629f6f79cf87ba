//! A matrix of which single rows are read when they are asked for.

use super::{FileBytes, Number};
use crate::EmbedError;

/// Rows in a file: a table of a quarter of a million tokens takes no memory, and a text reads a few dozen of its rows.
#[derive(Debug, Clone)]
pub(crate) struct RowTable {
    file: String,
    bytes: FileBytes,
    from: u64,
    number: Number,
    rows: usize,
    width: usize,
}

impl RowTable {
    /// Rows that lie one after another from a place on.
    pub(super) fn new(
        file: &str,
        bytes: FileBytes,
        (from, number): (u64, Number),
        [rows, width]: [usize; 2],
    ) -> Self {
        Self { file: file.to_owned(), bytes, from, number, rows, width }
    }

    /// Reads a row into a slice of its width.
    ///
    /// # Errors
    /// If there is no such row, or the file cannot be read.
    pub(crate) fn read(&self, row: usize, to: &mut [f32]) -> Result<(), EmbedError> {
        if row >= self.rows {
            let source = format!("row {row} of a table of {}", self.rows).into();
            return Err(EmbedError::Compute { source });
        }
        let bytes = self.width * self.number.bytes();
        let from = self.from + row as u64 * bytes as u64;
        let unread = |source| EmbedError::Read { name: self.file.clone(), source };
        self.number.widen(&self.bytes.read(from, bytes).map_err(unread)?, to);
        Ok(())
    }
}
