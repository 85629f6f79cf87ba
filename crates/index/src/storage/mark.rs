//! The high-water mark: a small file beside RocksDB that says up to which change everything was on disk.
//!
//! A write-ahead log that was cut short looks like a clean end to RocksDB. The mark is written after the log is
//! synced, at least every second while changes come in and at every clean stop and seal; at open it is compared with
//! what came back, and a difference is reported.
//!
//! Two slots are written in turn, so that a torn write leaves the other one:
//!
//! | bytes | of a slot |
//! | --- | --- |
//! | 0..8 | magic `SNSRMARK` |
//! | 8..16 | number of changes, little endian |
//! | 16..24 | xxh3 of the 16 bytes before, little endian |

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use fs_err as fs;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::IndexError;
use crate::failpoint::pass;

/// Name of the file in a collection's folder.
pub(crate) const FILE: &str = "high-water";
const MAGIC: [u8; 8] = *b"SNSRMARK";
const SLOT_BYTES: usize = 24;

/// The open file of the mark.
#[derive(Debug)]
pub(crate) struct HighWater {
    file: fs::File,
    next_slot: u64,
    value: u64,
}

impl HighWater {
    /// Opens the mark of a collection for writing, making it if there is none.
    pub(crate) fn open(folder: &Path) -> Result<Self, IndexError> {
        let open = || -> std::io::Result<Self> {
            let value = Self::read(folder)?.unwrap_or(0);
            let file = fs::OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(folder.join(FILE))?;
            Ok(Self { file, next_slot: 0, value })
        };
        let mut mark = open().map_err(|error| IndexError::file("open the high-water mark", error))?;
        let kept = mark.value;
        // Both slots anew: from here on the slot that is not the newest is the one written next.
        mark.write(kept)?;
        mark.write(kept)?;
        crate::folder::sync(folder).map_err(|error| IndexError::file("open the high-water mark", error))?;
        Ok(mark)
    }

    /// The mark of a collection, `None` where there is none (or none that can be read).
    pub(crate) fn read(folder: &Path) -> std::io::Result<Option<u64>> {
        let bytes = match fs::read(folder.join(FILE)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (slots, _) = bytes.as_chunks::<SLOT_BYTES>();
        Ok(slots.iter().filter_map(read_slot).max())
    }

    /// The newest mark written.
    pub(crate) const fn value(&self) -> u64 {
        self.value
    }

    /// Writes the mark and waits until it is on disk. Call it only after the log with that change was synced.
    pub(crate) fn write(&mut self, operations: u64) -> Result<(), IndexError> {
        let mut slot = Vec::with_capacity(SLOT_BYTES);
        slot.extend_from_slice(&MAGIC);
        slot.extend_from_slice(&operations.to_le_bytes());
        let checksum = xxh3_64(&slot);
        slot.extend_from_slice(&checksum.to_le_bytes());
        let at = self.next_slot * SLOT_BYTES as u64;
        self.file
            .file()
            .write_all_at(&slot, at)
            .inspect(|()| pass("mark, written"))
            .and_then(|()| self.file.file().sync_data())
            .map_err(|error| IndexError::file("write the high-water mark", error))?;
        pass("mark, synced");
        self.next_slot ^= 1;
        self.value = operations;
        Ok(())
    }
}

fn read_slot(slot: &[u8; SLOT_BYTES]) -> Option<u64> {
    let (head, checksum) = slot.split_last_chunk::<8>()?;
    let (magic, operations) = head.split_first_chunk::<8>()?;
    let valid = *magic == MAGIC && xxh3_64(head) == u64::from_le_bytes(*checksum);
    valid.then(|| operations.try_into().ok().map(u64::from_le_bytes))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_mark_is_read_and_one_torn_slot_leaves_the_other() {
        let folder = tempfile::tempdir().expect("folder");
        assert_eq!(HighWater::read(folder.path()).expect("reads"), None);
        let mut mark = HighWater::open(folder.path()).expect("opens");
        mark.write(5).expect("writes");
        mark.write(9).expect("writes");
        assert_eq!(HighWater::read(folder.path()).expect("reads"), Some(9));
        let path = folder.path().join(FILE);
        let bytes = fs::read(&path).expect("reads");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).expect("writes");
            let found = HighWater::read(folder.path()).expect("reads");
            assert!(found == Some(5) || found == Some(9), "{found:?} after damage at {at}");
        }
        let again = HighWater::open(folder.path()).expect("opens");
        assert!(again.value() >= 5);
    }
}
