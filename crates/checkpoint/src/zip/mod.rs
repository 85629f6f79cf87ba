//! A zip, read at places: its directory, and single files of it, stored or deflated, with the 64-bit forms.
//!
//! ```text
//! [local header, name, bytes]*  [directory: a row a file]  [end of 64 bits, where to find it]?  end
//! ```
//! Wheels and torch's checkpoints are such. Nothing of it decides where anything is written: callers ask for files by names of their own.
//! What two programs could read differently (two files of one name, a header that names another file than the directory) is refused.
//!
//! | file | holds |
//! | --- | --- |
//! | `mod.rs` | [`Zip`] |
//! | `directory.rs` | the rows |
//!
//! # Source
//! PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16, 4.5.3

mod directory;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use flate2::read::DeflateDecoder;

use crate::{CheckpointError, ReadAt};

use directory::{LOCAL_BYTES, Row, local};

/// Bytes that are copied at a time.
const PIECE_BYTES: usize = 1 << 20;

/// A zip.
#[derive(Debug)]
pub struct Zip<'a> {
    bytes: &'a dyn ReadAt,
    rows: BTreeMap<String, Row>,
}

impl<'a> Zip<'a> {
    /// Reads the directory.
    ///
    /// # Errors
    /// [`CheckpointError`] for what is no zip, or one that contradicts itself.
    pub fn open(bytes: &'a dyn ReadAt) -> Result<Self, CheckpointError> {
        let rows = directory::read(bytes)?;
        Ok(Self { bytes, rows })
    }

    /// The names of all files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }

    /// Bytes of a file once it is unpacked, as the directory says; unpacking holds it to that.
    ///
    /// # Errors
    /// [`CheckpointError`]: there is none, or one in a form that is not read.
    pub fn size(&self, name: &str) -> Result<u64, CheckpointError> {
        self.row(name).map(|row| row.plain)
    }

    /// All of a file of at most `limit` bytes.
    ///
    /// # Errors
    /// [`CheckpointError`]
    pub fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, CheckpointError> {
        let bytes = self.size(name)?;
        if bytes > limit {
            return Err(CheckpointError::TooLarge { name: name.to_owned(), bytes, limit });
        }
        let mut plain = Vec::new();
        self.copy(name, &mut plain)?;
        Ok(plain)
    }

    /// Unpacks a file; gives its bytes.
    ///
    /// # Errors
    /// [`CheckpointError`], [`CheckpointError::Io`] where it cannot be read or written.
    pub fn copy(&self, name: &str, to: &mut dyn Write) -> Result<u64, CheckpointError> {
        let row = self.row(name)?;
        let (from, packed) = self.place(name, row)?;
        let mut pieces = Pieces { bytes: self.bytes, at: from, end: from + packed };
        // One more than there may be shows that there are more.
        let limit = row.plain.saturating_add(1);
        let copied = if row.is_deflated {
            copy(&mut DeflateDecoder::new(pieces).take(limit), to)?
        } else {
            copy(&mut pieces, to)?
        };
        if copied != row.plain {
            return Err(CheckpointError::zip("a file in it has other bytes than its directory says"));
        }
        Ok(copied)
    }

    /// Where the bytes of a file lie that is stored as it is: from where, and how many.
    pub(crate) fn stored(&self, name: &str) -> Result<(u64, u64), CheckpointError> {
        let row = self.row(name)?;
        if row.is_deflated {
            return Err(CheckpointError::Form { name: name.to_owned(), what: "deflated" });
        }
        self.place(name, row)
    }

    fn row(&self, name: &str) -> Result<&Row, CheckpointError> {
        let row = self.rows.get(name).ok_or_else(|| CheckpointError::NoFile { name: name.to_owned() })?;
        match row.fault() {
            Some(what) => Err(CheckpointError::Form { name: name.to_owned(), what }),
            None => Ok(row),
        }
    }

    /// Where its packed bytes lie, by the header in front of them.
    fn place(&self, name: &str, row: &Row) -> Result<(u64, u64), CheckpointError> {
        let after = local(self.bytes, name, row)?;
        let from = row.local.checked_add(LOCAL_BYTES + after);
        let end = from.and_then(|from| from.checked_add(row.packed));
        match (from, end) {
            (Some(from), Some(end)) if end <= self.bytes.size() => Ok((from, row.packed)),
            _ => Err(CheckpointError::zip("a file in it ends behind its end")),
        }
    }
}

fn copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<u64> {
    let (mut piece, mut copied) = (vec![0; PIECE_BYTES], 0);
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            return Ok(copied);
        }
        to.write_all(piece.get(..read).unwrap_or_default())?;
        copied += read as u64;
    }
}

/// Bytes between two places, one after another.
struct Pieces<'a> {
    bytes: &'a dyn ReadAt,
    at: u64,
    end: u64,
}

impl Read for Pieces<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let count = rest.min(to.len());
        if let Some(to) = to.get_mut(..count) {
            self.bytes.read_at(self.at, to)?;
        }
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
