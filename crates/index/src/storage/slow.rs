//! Memtables that fill slowly are written out before they are full.
//!
//! Each family has a memtable of its own, and rows of the families are of very different sizes: a few changes a second fill
//! that of thumbnails in a minute and that of assets in a quarter of an hour. All that time memory would grow, and the log
//! that the next open reads with it. One that fills faster is left to RocksDB, which writes it when it is full.

use std::time::{Duration, Instant};

use super::families::{Family, WRITE_BUFFER_BYTES};
use super::rocks::Rocks;
use crate::error::IndexError;

/// How often it is looked while something is written.
const EVERY: Duration = Duration::from_secs(30);
/// The smallest memtable that is worth a table.
const WORTH_A_TABLE: u64 = 512 << 10;
/// One that grew by more since the last look will soon be full by itself.
const FAST: u64 = WRITE_BUFFER_BYTES as u64 / 2;

/// What memtables held when it was last looked.
#[derive(Debug)]
pub(crate) struct SlowTables {
    looked: Instant,
    /// Something was written since.
    written: bool,
    bytes: [u64; Family::ALL.len()],
}

impl SlowTables {
    /// Nothing was written yet.
    pub(crate) fn new() -> Self {
        Self { looked: Instant::now(), written: false, bytes: [0; Family::ALL.len()] }
    }

    /// Takes note that something was written.
    pub(crate) fn wrote(&mut self) {
        self.written = true;
    }

    /// Time until it is to be looked again; `None` as long as nothing is written.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        self.written.then(|| EVERY.saturating_sub(self.looked.elapsed()))
    }

    /// Begins to write out what fills slowly, and does not wait for it.
    ///
    /// # Errors
    /// If RocksDB does not take it.
    pub(crate) fn look(&mut self, rocks: &Rocks) -> Result<(), IndexError> {
        (self.looked, self.written) = (Instant::now(), false);
        for (family, before) in Family::ALL.into_iter().zip(&mut self.bytes) {
            let now = rocks.memtable_bytes(family).unwrap_or(0);
            // Less than before: it was written out meanwhile, and began anew.
            let grown = now.checked_sub(*before).unwrap_or(now);
            *before = now;
            if now >= WORTH_A_TABLE && grown <= FAST {
                rocks.begin_flush(family)?;
                *before = 0;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::families::SharedMemory;
    use super::super::rocks::Batch;
    use super::*;
    use crate::options::MemoryBudget;

    fn write(rocks: &Rocks, family: Family, key: &[u8], bytes: usize) {
        let mut batch = Batch::default();
        rocks.put(&mut batch, family, key, &vec![7; bytes]).expect("added");
        rocks.write(batch).expect("written");
    }

    /// Waits until what was begun is done.
    fn until_below(rocks: &Rocks, family: Family, bytes: u64) {
        let begun = Instant::now();
        while rocks.memtable_bytes(family).expect("known") >= bytes {
            assert!(begun.elapsed() < Duration::from_secs(30), "{family:?} is not written out");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn what_fills_slowly_is_written_out_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let rocks = Rocks::create(folder.path(), &SharedMemory::new(MemoryBudget::default())).expect("made");
        let mut slow = SlowTables::new();
        assert_eq!(slow.due_in(), None, "nothing was written");
        slow.wrote();
        assert!(slow.due_in().is_some_and(|wait| wait <= EVERY));
        write(&rocks, Family::Assets, b"slow", 1 << 20);
        write(&rocks, Family::Thumbs, b"fast", 3 << 20);
        write(&rocks, Family::Ids, b"small", 100 << 10);
        slow.look(&rocks).expect("looks");
        until_below(&rocks, Family::Assets, WORTH_A_TABLE);
        assert!(rocks.memtable_bytes(Family::Thumbs).expect("known") >= 3 << 20, "it is left to RocksDB");
        assert!(rocks.memtable_bytes(Family::Ids).expect("known") >= 100 << 10, "it is worth no table");
        assert_eq!(slow.due_in(), None);
        // It grows no further.
        slow.look(&rocks).expect("looks");
        until_below(&rocks, Family::Thumbs, WORTH_A_TABLE);
        assert_eq!(rocks.get(Family::Assets, b"slow").expect("read").map(|row| row.len()), Some(1 << 20));
    }
}
