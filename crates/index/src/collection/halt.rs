//! A collection that does not write any more: after a failure for good, after a full disk until there is room.
//!
//! ```text
//! writes ──failure──► halted for good: open the database again
//!    └──the disk is full──► halted ──the next change, once a second──► a probe ──► writes
//! ```
//!
//! RocksDB refuses all writes after one of its log failed. Where there was no room it looks for some every few seconds, puts all that it
//! has into tables, and begins a new log. What is in memory here is what RocksDB has: a batch that failed is in neither.

use std::time::{Duration, Instant};

use super::core::Core;
use super::writer::Writer;
use crate::cache_file::check_room;
use crate::error::IndexError;
use crate::storage::Batch;

/// Pause between two looks for room.
const PAUSE: Duration = Duration::from_secs(1);
/// Time in which RocksDB finds the room that there is, or never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing is written.
#[derive(Debug, Clone)]
pub(super) struct Halt {
    cause: String,
    /// Present where it was for want of room.
    full: Option<Full>,
}

#[derive(Debug, Clone, Copy)]
struct Full {
    looked_at: Instant,
    /// Since when there has been room.
    roomy_since: Option<Instant>,
}

impl Halt {
    /// What a failed write leads to.
    pub(super) fn after(error: &IndexError) -> Self {
        let full = error.is_disk_full().then(|| Full { looked_at: Instant::now(), roomy_since: None });
        Self { cause: error.first_cause(), full }
    }

    /// What writers are told.
    pub(super) fn error(&self) -> IndexError {
        let cause = self.cause.clone();
        match self.full {
            Some(_) => IndexError::Full { cause },
            None => IndexError::Poisoned { cause },
        }
    }

    fn is_due(&self) -> bool {
        self.full.is_some_and(|full| full.looked_at.elapsed() >= PAUSE)
    }

    /// It failed once more, with room on the disk or without.
    fn failed_again(&mut self, error: &IndexError, has_room: bool) {
        let before = self.full.and_then(|full| full.roomy_since);
        // RocksDB tells its first failure again and again; anything else is another matter.
        *self = Self::after(error);
        let Some(full) = &mut self.full else { return };
        full.roomy_since = has_room.then(|| before.unwrap_or(full.looked_at));
        if full.roomy_since.is_some_and(|since| since.elapsed() >= PATIENCE) {
            self.full = None;
        }
    }
}

impl Core {
    /// Goes on writing where the disk was full and has room again. Does nothing where writes go on.
    pub(super) fn resume(&self) -> Result<(), IndexError> {
        let is_due = || self.halt.lock().as_ref().is_some_and(Halt::is_due);
        if !is_due() {
            return Ok(());
        }
        let mut writer = self.writer.lock();
        // Another may have looked meanwhile.
        if !is_due() {
            return Ok(());
        }
        let probed = self.probe(&mut writer);
        let mut halt = self.halt.lock();
        match (probed, halt.as_mut()) {
            (Ok(()), _) => {
                *halt = None;
                tracing::info!(collection = %self.name, "writing goes on: the disk has room again");
                Ok(())
            }
            (Err(error), Some(halt)) => {
                halt.failed_again(&error, check_room(&self.folder, 0, "write").is_ok());
                Err(halt.error())
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Writes something that changes nothing, to the disk.
    fn probe(&self, writer: &mut Writer) -> Result<(), IndexError> {
        self.rocks.write(Batch::default())?;
        self.rocks.sync()?;
        self.publish(writer.view.clone());
        writer.written = true;
        Ok(())
    }
}
