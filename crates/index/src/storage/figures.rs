//! What a RocksDB tells of itself. Nothing is counted for this: it is asked for when somebody wants to know.

use rocksdb::properties::{
    ACTUAL_DELAYED_WRITE_RATE, BACKGROUND_ERRORS, CUR_SIZE_ALL_MEM_TABLES, ESTIMATE_PENDING_COMPACTION_BYTES,
    IS_WRITE_STOPPED, NUM_RUNNING_COMPACTIONS, NUM_RUNNING_FLUSHES, PropName,
};
use sensorium_types::StorageFigures;

use super::families::Family;
use super::rocks::Rocks;

/// Writes that were slowed or stopped, of one family: lines of a name and a number.
const STALLS: &str = "rocksdb.cf-write-stall-stats";
/// The lines of [`STALLS`] that sum up all causes.
const ALL_DELAYS: &str = "total-delays";
const ALL_STOPS: &str = "total-stops";

impl Rocks {
    /// What it does at this moment, and did since it was opened.
    pub(crate) fn figures(&self) -> StorageFigures {
        let all = |name: &PropName| {
            let values = Family::ALL.into_iter().map(|family| self.number(family, name));
            values.sum::<Option<u64>>()
        };
        let whole = |name: &PropName| self.number(Family::Sys, name);
        let stalls =
            Family::ALL.into_iter().map(|family| self.text(family, STALLS).as_deref().and_then(stalls));
        StorageFigures {
            writes_stopped: whole(IS_WRITE_STOPPED).map(|stopped| stopped != 0),
            delayed_bytes_a_second: whole(ACTUAL_DELAYED_WRITE_RATE),
            stalls: stalls.sum(),
            memtable_bytes: all(CUR_SIZE_ALL_MEM_TABLES),
            pending_compaction_bytes: all(ESTIMATE_PENDING_COMPACTION_BYTES),
            running_flushes: whole(NUM_RUNNING_FLUSHES),
            running_compactions: whole(NUM_RUNNING_COMPACTIONS),
            background_errors: whole(BACKGROUND_ERRORS),
            ..StorageFigures::default()
        }
    }
}

/// How often writes were slowed or stopped, as RocksDB tells it.
fn stalls(text: &str) -> Option<u64> {
    let of = |name: &str| {
        let (_, after) = text.split_once(name)?;
        let digits = after.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
        digits.get(..end)?.parse::<u64>().ok()
    };
    Some(of(ALL_DELAYS)? + of(ALL_STOPS)?)
}

#[cfg(test)]
mod tests {
    use super::super::families::SharedMemory;
    use super::super::rocks::Batch;
    use super::*;
    use crate::options::MemoryBudget;

    #[test]
    fn a_database_tells_of_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = SharedMemory::new(MemoryBudget::default());
        let rocks = Rocks::create(folder.path(), &memory).expect("made");
        let before = rocks.figures();
        assert_eq!(
            (before.writes_stopped, before.stalls, before.background_errors),
            (Some(false), Some(0), Some(0))
        );
        assert_eq!((before.running_flushes, before.running_compactions), (Some(0), Some(0)));
        assert_eq!((before.delayed_bytes_a_second, before.pending_compaction_bytes), (Some(0), Some(0)));
        let mut batch = Batch::default();
        rocks.put(&mut batch, Family::Meta, b"key", &[7; 1 << 20]).expect("added");
        rocks.put(&mut batch, Family::Sources, b"small", b"row").expect("added");
        rocks.write(batch).expect("written");
        let grown = rocks.figures().memtable_bytes.expect("known") - before.memtable_bytes.expect("known");
        assert!(grown >= 1 << 20, "{grown}");
        // From a table it comes through the cache, which has no room for a block as large as the other's.
        rocks.flush().expect("flushed");
        for _ in 0..2 {
            assert!(rocks.get(Family::Sources, b"small").expect("read").is_some());
        }
        let shared = memory.figures();
        let cache = shared.block_cache.expect("counted");
        assert!(cache.hits > 0 && cache.misses > 0, "{cache:?}");
        assert!(shared.block_cache_bytes.expect("known") > 0);
        assert_eq!(shared.stall_microseconds, Some(0));
    }

    #[test]
    fn stalls_are_read_from_what_rocksdb_writes() {
        let text = "Write Stall (count): l0-file-count-limit-delays: 2, total-delays: 3, total-stops: 40\n";
        assert_eq!(stalls(text), Some(43));
        assert_eq!(stalls("total-delays: 3"), None);
        assert_eq!(stalls("total-delays, total-stops"), None);
    }
}
