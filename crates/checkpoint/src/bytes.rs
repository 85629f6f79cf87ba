//! Bytes that are read at places: a file of gigabytes is never in memory.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;

/// Bytes that are read at places.
pub trait ReadAt: std::fmt::Debug {
    /// Bytes in all.
    fn size(&self) -> u64;

    /// Fills `to` with the bytes from a place on.
    ///
    /// # Errors
    /// If there are not so many, or they cannot be read.
    fn read_at(&self, from: u64, to: &mut [u8]) -> io::Result<()>;

    /// So many bytes from a place on. No memory is taken for bytes that are not there.
    ///
    /// # Errors
    /// If there are not so many, or they cannot be read.
    fn read(&self, from: u64, count: usize) -> io::Result<Vec<u8>> {
        if from.checked_add(count as u64).is_none_or(|end| end > self.size()) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; count];
        self.read_at(from, &mut bytes)?;
        Ok(bytes)
    }
}

/// Bytes in memory.
impl<T: AsRef<[u8]> + std::fmt::Debug> ReadAt for T {
    fn size(&self) -> u64 {
        self.as_ref().len() as u64
    }

    fn read_at(&self, from: u64, to: &mut [u8]) -> io::Result<()> {
        let rest = usize::try_from(from).ok().and_then(|from| self.as_ref().get(from..));
        let part = rest.and_then(|rest| rest.get(..to.len())).ok_or(ErrorKind::UnexpectedEof)?;
        to.copy_from_slice(part);
        Ok(())
    }
}

/// A file, which is read at places and not mapped: one that is cut while it is open is an error then and not the end of the process.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    size: u64,
}

impl OpenFile {
    /// A file that is open.
    ///
    /// # Errors
    /// If its size cannot be read.
    pub fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for OpenFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, from: u64, to: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(to, from)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn parts_are_the_same_wherever_the_bytes_lie_and_none_lie_behind_the_end() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abcdef").unwrap();
        let (file, memory) = (OpenFile::new(file).unwrap(), &b"abcdef"[..]);
        for bytes in [&file as &dyn ReadAt, &memory] {
            assert_eq!(bytes.size(), 6);
            assert_eq!(bytes.read(2, 3).unwrap(), b"cde");
            assert_eq!(bytes.read(6, 0).unwrap(), b"");
            for (from, count) in [(4, 3), (7, 0), (u64::MAX, 2), (0, usize::MAX)] {
                assert_eq!(bytes.read(from, count).unwrap_err().kind(), ErrorKind::UnexpectedEof);
            }
            assert!(bytes.read_at(4, &mut [0; 3]).is_err());
        }
    }

    #[test]
    fn a_file_that_was_cut_is_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abcdef").unwrap();
        let bytes = OpenFile::new(file.try_clone().unwrap()).unwrap();
        file.set_len(3).unwrap();
        assert!(bytes.read(2, 3).is_err());
    }
}
