//! The bytes of a file, read in parts: a model of gigabytes is never in memory twice.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Bytes that are hashed at a time.
const BLOCK: usize = 1 << 20;

/// The bytes of a file of a bundle.
///
/// Files are read at places, not mapped: one that is cut while it is open is an error then and not the end of the
/// process, and pages of the file do not count as memory of ours.
#[derive(Debug, Clone)]
pub struct FileBytes(Source);

#[derive(Clone)]
enum Source {
    Fixed(&'static [u8]),
    Owned(Arc<[u8]>),
    File { file: Arc<File>, len: u64 },
    Beginning { bytes: Arc<[u8]>, len: u64 },
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(bytes) => write!(f, "{} bytes of the program", bytes.len()),
            Self::Owned(bytes) => write!(f, "{} bytes in memory", bytes.len()),
            Self::File { len, file: _ } => write!(f, "{len} bytes of a file"),
            Self::Beginning { bytes, len } => write!(f, "the first {} of {len} bytes", bytes.len()),
        }
    }
}

impl FileBytes {
    /// Bytes that are a part of the program.
    pub const fn fixed(bytes: &'static [u8]) -> Self {
        Self(Source::Fixed(bytes))
    }

    /// Bytes in memory.
    pub fn owned(bytes: Vec<u8>) -> Self {
        Self(Source::Owned(bytes.into()))
    }

    /// An open file.
    ///
    /// # Errors
    /// If its length cannot be read.
    pub fn file(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self(Source::File { file: Arc::new(file), len }))
    }

    /// The first bytes of a file of `len` that lies elsewhere: enough to judge a header by, and nothing behind them is read.
    pub fn beginning(bytes: Vec<u8>, len: u64) -> Self {
        Self(Source::Beginning { bytes: bytes.into(), len })
    }

    /// Bytes in all.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Source::Fixed(bytes) => bytes.len() as u64,
            Source::Owned(bytes) => bytes.len() as u64,
            Source::File { len, .. } | Source::Beginning { len, .. } => *len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// So many bytes from a place on. Those of a file are copied, others are not.
    ///
    /// # Errors
    /// If the file ends before, or cannot be read.
    pub fn read(&self, from: u64, count: usize) -> io::Result<Cow<'_, [u8]>> {
        let past = || io::Error::from(ErrorKind::UnexpectedEof);
        if from.checked_add(count as u64).is_none_or(|end| end > self.len()) {
            return Err(past());
        }
        match &self.0 {
            Source::Fixed(bytes) => part(bytes, from, count).map(Cow::Borrowed).ok_or_else(past),
            Source::Owned(bytes) => part(bytes, from, count).map(Cow::Borrowed).ok_or_else(past),
            Source::File { file, .. } => {
                let mut part = vec![0; count];
                file.read_exact_at(&mut part, from)?;
                Ok(Cow::Owned(part))
            }
            Source::Beginning { bytes, .. } => {
                let elsewhere = || io::Error::new(ErrorKind::Unsupported, "these bytes were not fetched");
                part(bytes, from, count).map(Cow::Borrowed).ok_or_else(elsewhere)
            }
        }
    }
}

impl FileBytes {
    /// The SHA-256 of the bytes in hexadecimal, read block by block.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn sha256(&self) -> io::Result<String> {
        let mut hash = Sha256::new();
        let mut from = 0;
        while from < self.len() {
            let count = usize::try_from(self.len() - from).map_or(BLOCK, |rest| rest.min(BLOCK));
            hash.update(&self.read(from, count)?);
            from += count as u64;
        }
        let hash = hash.finalize();
        Ok(hash.iter().fold(String::with_capacity(2 * hash.len()), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }
}

fn part(bytes: &[u8], from: u64, count: usize) -> Option<&[u8]> {
    bytes.get(usize::try_from(from).ok()?..)?.get(..count)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn parts_are_the_same_wherever_the_bytes_lie() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abcdef").unwrap();
        let all = [
            FileBytes::fixed(b"abcdef"),
            FileBytes::owned(b"abcdef".to_vec()),
            FileBytes::file(file).unwrap(),
        ];
        for bytes in all {
            assert_eq!((bytes.len(), bytes.is_empty()), (6, false));
            assert_eq!(bytes.read(2, 3).unwrap().as_ref(), b"cde");
            assert_eq!(bytes.read(6, 0).unwrap().as_ref(), b"");
            for (from, count) in [(4, 3), (7, 0), (u64::MAX, 2), (0, usize::MAX)] {
                assert_eq!(bytes.read(from, count).unwrap_err().kind(), ErrorKind::UnexpectedEof);
            }
        }
    }

    #[test]
    fn of_a_beginning_no_more_is_read_than_is_there() {
        let bytes = FileBytes::beginning(b"abc".to_vec(), 10);
        assert_eq!((bytes.len(), bytes.read(1, 2).unwrap().as_ref()), (10, &b"bc"[..]));
        assert_eq!(bytes.read(1, 3).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(bytes.read(8, 3).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert!(bytes.sha256().is_err());
    }

    #[test]
    fn the_hash_is_that_of_all_blocks() {
        let bytes = vec![7; 2 * BLOCK + 1];
        let expected = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(FileBytes::owned(bytes).sha256().unwrap(), expected);
    }

    #[test]
    fn a_file_that_was_cut_is_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abcdef").unwrap();
        let bytes = FileBytes::file(file.try_clone().unwrap()).unwrap();
        file.set_len(3).unwrap();
        assert!(bytes.read(2, 3).is_err());
    }
}
