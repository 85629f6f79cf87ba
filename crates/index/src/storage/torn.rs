//! The end of the write-ahead log after a power loss.
//!
//! Batches that were written and not yet synced may be there in part, in any order: torn, or as zeros between others that are
//! whole. RocksDB takes a torn record for damage and refuses, and passes over zeros without a word, so that a change would be there
//! and the one before it would not. So a writer looks before it opens, and cuts the log before the first batch that is missing, if
//! nothing behind was acknowledged: every batch says up to which change everything was on disk when it was written
//! ([`Note`]), and so does the high-water mark. Anything else is damage, and stays for RocksDB to refuse and `repair` to tell.
//!
//! The list of tables (MANIFEST) is torn likewise, at its last record. What it would have said was not relied on yet: logs and tables of before
//! are removed after its sync.

use std::path::{Path, PathBuf};

use fs_err as fs;

use super::mark::HighWater;
use super::wal::{Counts, LoggedBatch, Note, Reader, Record, Step};
use crate::error::IndexError;
use crate::failpoint::pass;

/// Where the log is torn.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Torn {
    /// The file, and what of it is left.
    cut: (PathBuf, u64),
    /// Files after it, of which nothing is left.
    emptied: Vec<PathBuf>,
    /// Batches behind that can be read.
    dropped: usize,
}

/// Cuts off what a power loss left torn and nobody relied on, before a writer opens the RocksDB of a folder. `flushed` tells the newest
/// change that is in tables.
pub(super) fn mend(
    folder: &Path,
    flushed: impl FnOnce() -> Result<u64, IndexError>,
) -> Result<(), IndexError> {
    let what = "cut a torn end, which a crash left: nothing in it was acknowledged";
    if let Some(torn) = find_in_tables(folder)? {
        tracing::warn!(file = %torn.cut.0.display(), what);
        torn.mend()?;
    }
    if let Some(torn) = find_in_log(folder, flushed)? {
        tracing::warn!(file = %torn.cut.0.display(), batches = torn.dropped, what);
        torn.mend()?;
    }
    Ok(())
}

/// Whether there is something to cut off.
pub(super) fn is_torn(
    folder: &Path,
    flushed: impl FnOnce() -> Result<u64, IndexError>,
) -> Result<bool, IndexError> {
    Ok(find_in_tables(folder)?.is_some() || find_in_log(folder, flushed)?.is_some())
}

/// Where the list of tables is torn.
fn find_in_tables(folder: &Path) -> Result<Option<Torn>, IndexError> {
    // Where the files are not what they should be, RocksDB says so.
    let Ok(name) = fs::read_to_string(folder.join("CURRENT")) else { return Ok(None) };
    let path = folder.join(name.trim_end());
    let Ok(bytes) = fs::read(&path) else { return Ok(None) };
    let mut reader = Reader::new(&bytes);
    let mut cut = None;
    loop {
        match (reader.record(), cut) {
            (Record::Whole(..), None) => {}
            // The first record says what the list is of, and was on disk before anything else; and what can be read
            // behind damage may have been relied on.
            (Record::Whole(..), Some(_)) | (Record::Unknown, _) | (Record::Damage(0), _) => return Ok(None),
            (Record::Damage(at), _) => {
                cut = Some(at);
                reader.search();
            }
            (Record::End, None) => return Ok(None),
            (Record::End, Some(at)) => {
                let torn = Torn { cut: (path, at as u64), emptied: Vec::new(), dropped: 0 };
                return Ok(Reader::is_torn(&bytes, at).then_some(torn));
            }
        }
    }
}

/// What is known of the log so far.
#[derive(Debug, Default)]
struct Seen {
    /// The newest change.
    change: Option<u64>,
    /// The newest change that is said to have been on disk.
    synced: u64,
    /// Whether a batch lacks its note: an earlier program's.
    unnoted: bool,
    batches: usize,
}

impl Seen {
    /// Whether the batch is the next one; takes it if so.
    fn take_next(&mut self, batch: &LoggedBatch) -> bool {
        let mut change = self.change;
        for note in &batch.notes {
            match (note.counts, change) {
                (Counts::Nothing, _) => {}
                (Counts::Change(number), Some(before)) if number > before.saturating_add(1) => return false,
                (Counts::Change(number) | Counts::From(number), _) => change = Some(number),
            }
        }
        self.take(&batch.notes);
        self.change = change;
        true
    }

    fn take(&mut self, notes: &[Note]) {
        self.batches += 1;
        self.unnoted |= notes.is_empty();
        for note in notes {
            self.synced = self.synced.max(note.synced);
        }
    }
}

/// Where the log of a collection is torn, and nothing behind was acknowledged; `None` where it is whole, or damaged otherwise.
fn find_in_log(
    folder: &Path,
    flushed: impl FnOnce() -> Result<u64, IndexError>,
) -> Result<Option<Torn>, IndexError> {
    let failed = |error| IndexError::file("read the log", error);
    let files = logs(folder).map_err(failed)?;
    let mut before = Seen::default();
    let mut cut = None;
    let mut behind = Seen::default();
    // The first change behind the cut.
    let mut first_behind = None;
    let mut emptied = Vec::new();
    for file in &files {
        let bytes = fs::read(file).map_err(failed)?;
        let mut reader = Reader::new(&bytes);
        let mut expected = None;
        if cut.is_some() {
            reader.search();
            if !bytes.is_empty() {
                emptied.push(file.clone());
            }
        }
        loop {
            let torn_at = match reader.step() {
                Step::End => break,
                Step::Unknown => return Ok(None),
                Step::Damage(at) => Some(at),
                Step::Batch(at, batch) => {
                    let is_next = cut.is_none()
                        && expected.is_none_or(|expected| batch.sequence <= expected)
                        && before.take_next(&batch);
                    expected = Some(batch.next);
                    if is_next {
                        continue;
                    }
                    behind.take(&batch.notes);
                    first_behind = first_behind.or_else(|| batch.notes.iter().find_map(changed));
                    cut.is_none().then_some(at)
                }
            };
            if let Some(at) = torn_at {
                cut = Some((file.clone(), at as u64));
                reader.search();
            }
        }
    }
    let Some(cut) = cut else { return Ok(None) };
    if before.unnoted || behind.unnoted {
        return Ok(None);
    }
    let mark = HighWater::read(folder).map_err(failed)?.unwrap_or(0);
    let flushed = flushed()?;
    let kept = before.change.unwrap_or(0).max(before.synced).max(flushed);
    // Tables that are newer than the place of the damage were made of a log that was on disk whole.
    let is_of_old = before.change.is_some_and(|change| flushed > change)
        || first_behind.is_some_and(|change| change <= flushed);
    let was_acknowledged = mark.max(behind.synced) > kept;
    Ok((!is_of_old && !was_acknowledged).then_some(Torn { cut, emptied, dropped: behind.batches }))
}

const fn changed(note: &Note) -> Option<u64> {
    match note.counts {
        Counts::Change(number) => Some(number),
        Counts::Nothing | Counts::From(_) => None,
    }
}

impl Torn {
    /// Cuts the log. A crash meanwhile leaves it torn at the same place.
    fn mend(self) -> Result<(), IndexError> {
        let cut = || -> std::io::Result<()> {
            let all = self.emptied.iter().rev().map(|file| (file, 0)).chain([(&self.cut.0, self.cut.1)]);
            for (path, length) in all {
                let file = fs::OpenOptions::new().write(true).open(path)?;
                file.set_len(length)?;
                file.sync_all()?;
                pass("torn end, cut");
            }
            Ok(())
        };
        cut().map_err(|error| IndexError::file("cut the torn end of the log", error))
    }
}

/// The logs of a RocksDB, oldest first.
fn logs(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let number =
            path.file_name().and_then(|name| name.to_str()?.strip_suffix(".log")?.parse::<u64>().ok());
        found.extend(number.map(|number| (number, path)));
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
