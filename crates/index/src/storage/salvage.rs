//! What can still be read of a RocksDB whose tables are damaged.
//!
//! A damaged block hides the rows of one range of keys. The walk looks for the first key behind it that can be read
//! again: steps double until one lands, then the last step is halved down to the edge of the block.
//!
//! ```text
//! last key read ├──1──2────4────────8 lands          ├ read on
//!               └ ....damaged block....^ edge, found by halving
//! ```

use std::path::Path;

use rocksdb::{DB, DBRawIterator, ReadOptions};

use super::families::{Family, Recovery, SharedMemory};
use super::rocks::{Batch, Rocks, storage_error};
use crate::error::IndexError;

/// Bytes of the shortest position between keys that is told apart: longer than any key of fixed width.
const MIN_WIDTH: usize = 40;
/// Bytes of rows that are copied in one write.
const BATCH_BYTES: usize = 4 << 20;

/// A range of rows that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The family.
    pub(crate) family: Family,
    /// What the storage engine says.
    pub(crate) what: String,
    /// Whether not one row of the family can be read.
    pub(crate) is_all: bool,
}

/// Every gap of a database. Nothing is changed.
pub(crate) fn gaps(rocks: &Rocks) -> Result<Vec<Gap>, IndexError> {
    let mut gaps = Vec::new();
    for family in Family::ALL {
        gaps.extend(salvage(rocks, family, |_, _| Ok(()))?);
    }
    Ok(gaps)
}

/// Copies the rows of a family that can be read, and gives the gaps.
pub(crate) fn copy_family(from: &Rocks, to: &Rocks, family: Family) -> Result<Vec<Gap>, IndexError> {
    let mut batch = Batch::default();
    let mut bytes = 0;
    let gaps = salvage(from, family, |key, value| {
        to.put(&mut batch, family, key, value)?;
        bytes += key.len() + value.len();
        if bytes >= BATCH_BYTES {
            bytes = 0;
            to.write(std::mem::take(&mut batch))?;
        }
        Ok(())
    })?;
    to.write(batch)?;
    Ok(gaps)
}

/// Has RocksDB make its list of tables anew, from the tables that it can open. Those it cannot are set aside.
pub(crate) fn rebuild(path: &Path, memory: &SharedMemory) -> Result<(), IndexError> {
    let options = memory.database_options(false, Recovery::DropDamaged);
    DB::repair(&options, path).map_err(|error| storage_error("rebuild", path, error))?;
    // Families without a table are missing now.
    Rocks::create(path, memory).map(drop)
}

fn salvage(
    rocks: &Rocks,
    family: Family,
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), IndexError>,
) -> Result<Vec<Gap>, IndexError> {
    let mut rows = rows(rocks, family)?;
    let mut gaps = Vec::new();
    let mut last = Vec::new();
    let mut read = 0_u64;
    rows.seek_to_first();
    loop {
        while let Some((key, value)) = rows.item() {
            each(key, value)?;
            last.clear();
            last.extend_from_slice(key);
            read += 1;
            rows.next();
        }
        let Err(error) = rows.status() else { break };
        gaps.push(Gap { family, what: error.into_string(), is_all: false });
        match beyond(rocks, family, &last)? {
            Some(behind) => rows = behind,
            None => break,
        }
    }
    for gap in &mut gaps {
        gap.is_all = read == 0;
    }
    Ok(gaps)
}

fn rows(rocks: &Rocks, family: Family) -> Result<DBRawIterator<'_>, IndexError> {
    let mut options = ReadOptions::default();
    options.fill_cache(false);
    options.set_verify_checksums(true);
    rocks.raw_iterator(family, options)
}

/// The first row behind a gap, or the end of the family; `None` if nothing behind it can be read.
fn beyond<'a>(
    rocks: &'a Rocks,
    family: Family,
    last: &[u8],
) -> Result<Option<DBRawIterator<'a>>, IndexError> {
    let width = last.len().max(MIN_WIDTH) + 1;
    let mut at = last.to_vec();
    at.resize(width, 0);
    let mut landed = None;
    for bit in 0..width * 8 {
        if let Some(to) = plus(&at, bit)
            && let Some(rows) = rows_from(rocks, family, &to)?
        {
            landed = Some((bit, rows));
            break;
        }
    }
    let Some((landed, mut behind)) = landed else { return Ok(None) };
    for bit in (0..landed).rev() {
        let Some(to) = plus(&at, bit) else { continue };
        match rows_from(rocks, family, &to)? {
            Some(rows) => behind = rows,
            None => at = to,
        }
    }
    Ok(Some(behind))
}

/// The rows from `to` on, if the first of them can be read or there is none. An iterator that has failed once fails for
/// good, so each look takes a new one.
fn rows_from<'a>(
    rocks: &'a Rocks,
    family: Family,
    to: &[u8],
) -> Result<Option<DBRawIterator<'a>>, IndexError> {
    let mut rows = rows(rocks, family)?;
    rows.seek(to);
    Ok(if rows.status().is_ok() { Some(rows) } else { None })
}

/// The big-endian number with 2 to the power of `bit` added; `None` past the largest.
fn plus(number: &[u8], bit: usize) -> Option<Vec<u8>> {
    let mut sum = number.to_vec();
    let place = sum.len().checked_sub(1 + bit / 8)?;
    let mut carry = 1_u16 << (bit % 8);
    for digit in sum.get_mut(..=place)?.iter_mut().rev() {
        let [low, high] = (u16::from(*digit) + carry).to_le_bytes();
        *digit = low;
        carry = u16::from(high);
        if carry == 0 {
            return Some(sum);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_carry_and_end() {
        assert_eq!(plus(&[0, 0], 0), Some(vec![0, 1]));
        assert_eq!(plus(&[0, 0xff], 0), Some(vec![1, 0]));
        assert_eq!(plus(&[0, 0xf0], 5), Some(vec![1, 0x10]));
        assert_eq!(plus(&[1, 2], 8), Some(vec![2, 2]));
        assert_eq!(plus(&[0xff, 0xff], 0), None);
        assert_eq!(plus(&[0xff, 0], 8), None);
        assert_eq!(plus(&[0], 8), None);
    }
}
