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
//! | `mod.rs` | [`Zip`], [`ZipError`] |
//! | `directory.rs` | the rows |
//!
//! # Source
//! PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16, 4.5.3

mod directory;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use flate2::read::DeflateDecoder;
use sensorium_embed::FileBytes;

use directory::{LOCAL_BYTES, Row, local};

/// Bytes that are copied at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Why a zip cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// It is none, or its parts contradict each other.
    #[error("{what}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
    },
    /// It has no file of this name.
    #[error("there is no file {name:?} in it")]
    NoFile {
        /// The name.
        name: String,
    },
    /// A file in a form that is not read.
    #[error("the file {name:?} in it is {what}, which is not read")]
    Form {
        /// The name.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// A file that is larger than it may be.
    #[error("the file {name:?} in it has {bytes} bytes, and at most {limit} are read")]
    TooLarge {
        /// The name.
        name: String,
        /// Its size.
        bytes: u64,
        /// The largest.
        limit: u64,
    },
    /// The file of the zip cannot be read, or what came out of it not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ZipError {
    const fn damaged(what: &'static str) -> Self {
        Self::Damaged { what }
    }
}

/// A zip.
#[derive(Debug)]
pub(crate) struct Zip {
    bytes: FileBytes,
    rows: BTreeMap<String, Row>,
}

impl Zip {
    /// Reads the directory.
    pub(crate) fn open(bytes: FileBytes) -> Result<Self, ZipError> {
        let rows = directory::read(&bytes)?;
        Ok(Self { bytes, rows })
    }

    /// The names of all files.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }

    /// Bytes of a file once it is unpacked, as the directory says; unpacking holds it to that.
    pub(crate) fn size(&self, name: &str) -> Result<u64, ZipError> {
        self.row(name).map(|row| row.plain)
    }

    /// All of a small file.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, ZipError> {
        let bytes = self.size(name)?;
        if bytes > limit {
            return Err(ZipError::TooLarge { name: name.to_owned(), bytes, limit });
        }
        let mut plain = Vec::new();
        self.copy(name, &mut plain)?;
        Ok(plain)
    }

    /// Unpacks a file; gives its bytes.
    pub(crate) fn copy(&self, name: &str, to: &mut dyn Write) -> Result<u64, ZipError> {
        let row = self.row(name)?;
        let (from, packed) = self.place(name, row)?;
        let mut pieces = Pieces { bytes: &self.bytes, at: from, end: from + packed };
        // One more than there may be shows that there are more.
        let limit = row.plain.saturating_add(1);
        let copied = if row.is_deflated {
            copy(&mut DeflateDecoder::new(pieces).take(limit), to)?
        } else {
            copy(&mut pieces, to)?
        };
        if copied != row.plain {
            return Err(ZipError::damaged("a file in it has other bytes than its directory says"));
        }
        Ok(copied)
    }

    /// Where the bytes of a file lie that is stored as it is: from where, and how many.
    pub(crate) fn stored(&self, name: &str) -> Result<(u64, u64), ZipError> {
        let row = self.row(name)?;
        if row.is_deflated {
            return Err(ZipError::Form { name: name.to_owned(), what: "deflated" });
        }
        self.place(name, row)
    }

    /// The bytes that it was read from.
    pub(crate) const fn bytes(&self) -> &FileBytes {
        &self.bytes
    }

    fn row(&self, name: &str) -> Result<&Row, ZipError> {
        let row = self.rows.get(name).ok_or_else(|| ZipError::NoFile { name: name.to_owned() })?;
        match row.fault() {
            Some(what) => Err(ZipError::Form { name: name.to_owned(), what }),
            None => Ok(row),
        }
    }

    /// Where its packed bytes lie, by the header in front of them.
    fn place(&self, name: &str, row: &Row) -> Result<(u64, u64), ZipError> {
        let after = local(&self.bytes, name, row)?;
        let from = row.local.checked_add(LOCAL_BYTES + after);
        let end = from.and_then(|from| from.checked_add(row.packed));
        match (from, end) {
            (Some(from), Some(end)) if end <= self.bytes.len() => Ok((from, row.packed)),
            _ => Err(ZipError::damaged("a file in it ends behind its end")),
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
    bytes: &'a FileBytes,
    at: u64,
    end: u64,
}

impl Read for Pieces<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let count = rest.min(to.len()).min(PIECE_BYTES);
        let piece = self.bytes.read(self.at, count)?;
        if let Some(to) = to.get_mut(..count) {
            to.copy_from_slice(&piece);
        }
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
