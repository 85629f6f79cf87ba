//! Writing goes on once a full disk has room again.
//!
//! ```text
//! writes ──failure──► halted for good: open the database again
//!    └──the disk is full──► halted ──the next change, once a second──► a probe ──► writes
//! ```
//!
//! RocksDB refuses all writes after one of its log failed. Where there was no room it looks for some every few seconds, puts all that it
//! has into tables, and begins a new log. What is in memory here is what RocksDB has: a batch that failed is in neither.

use super::core::{Core, Writer};
use super::halt::Halt;
use crate::cache_file::check_room;
use crate::error::IndexError;
use crate::storage::Batch;

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
