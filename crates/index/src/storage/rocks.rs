//! [`Rocks`]: a RocksDB with our families. Nothing outside `storage/` names the `rocksdb` crate.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rocksdb::properties::{CUR_SIZE_ACTIVE_MEM_TABLE, PropName};
use rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, CompactOptions, DB, DBRawIterator, IngestExternalFileOptions,
    ReadOptions, Snapshot, SstFileWriter, WriteBatch, WriteOptions,
};
use sensorium_types::ErrorKind;

use super::families::{Family, Recovery, SharedMemory};
use super::rows::{Row as _, STATE_KEY, StateRow};
use super::torn;
use super::wal::{Counts, Note};
use crate::error::IndexError;
use crate::failpoint::pass;

/// Bytes that a full scan reads ahead.
const READAHEAD_BYTES: usize = 2 << 20;
/// The file that names RocksDB's list of tables.
const CURRENT: &str = "CURRENT";
/// A table that is being written, before it is one of RocksDB's.
const NEW_TABLE: &str = "table.new";
/// How often a reader tries to open beside a writer that deletes files at that moment.
const SECONDARY_TRIES: usize = 5;

/// How a RocksDB is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// As the one writer.
    Write,
    /// Beside a writer, in another process or in this one.
    Read,
}

/// An open RocksDB.
#[derive(Debug)]
pub(crate) struct Rocks {
    database: DB,
    path: PathBuf,
    can_snapshot: bool,
    /// The newest change that was written, and the newest that is on disk.
    written: AtomicU64,
    synced: AtomicU64,
}

/// Rows that are written together or not at all.
pub(crate) struct Batch {
    rows: WriteBatch,
    counts: Counts,
}

impl Default for Batch {
    fn default() -> Self {
        Self { rows: WriteBatch::default(), counts: Counts::Nothing }
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("rows", &self.rows.len()).field("counts", &self.counts).finish()
    }
}

impl Batch {
    /// Says that the batch is the change of this number: the one after that of the batch before.
    pub(crate) const fn is_change(&mut self, number: u64) {
        self.counts = Counts::Change(number);
    }

    /// Says that changes are counted from this number on.
    pub(crate) const fn counts_from(&mut self, number: u64) {
        self.counts = Counts::From(number);
    }
}

/// The database as it was at one moment.
pub(crate) struct View<'a> {
    rocks: &'a Rocks,
    /// None on a reader: it changes only when it catches up, and cannot make snapshots.
    snapshot: Option<Snapshot<'a>>,
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("path", &self.rocks.path).finish_non_exhaustive()
    }
}

impl Rocks {
    /// Makes a RocksDB in a folder. Families that are missing are made too.
    pub(crate) fn create(path: &Path, memory: &SharedMemory) -> Result<Self, IndexError> {
        let mut options = memory.database_options(false, Recovery::Strict);
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let families = Family::ALL.map(|f| ColumnFamilyDescriptor::new(f.name(), f.options(memory)));
        let database = DB::open_cf_descriptors(&options, path, families)
            .map_err(|error| storage_error("make the collection", path, error))?;
        Ok(Self::new(database, path, true))
    }

    fn new(database: DB, path: &Path, can_snapshot: bool) -> Self {
        let (written, synced) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { database, path: path.to_owned(), can_snapshot, written, synced }
    }

    /// Opens the RocksDB in a folder.
    pub(crate) fn open(
        path: &Path,
        access: Access,
        recovery: Recovery,
        memory: &SharedMemory,
    ) -> Result<Self, IndexError> {
        check_current(path)?;
        let families =
            || Family::ALL.map(|family| ColumnFamilyDescriptor::new(family.name(), family.options(memory)));
        let failed = |error| storage_error("open the collection", path, error);
        let options = memory.database_options(access == Access::Read, recovery);
        if access == Access::Write {
            if recovery == Recovery::Strict {
                Self::mend_torn(path, memory)?;
            }
            sweep_new_table(path);
            let rocks =
                Self::new(DB::open_cf_descriptors(&options, path, families()).map_err(failed)?, path, true);
            // What is read at open is on disk from then on: RocksDB puts it into tables.
            let newest = rocks.newest_change()?;
            rocks.written.store(newest, Ordering::Relaxed);
            rocks.synced.store(newest, Ordering::Relaxed);
            return Ok(rocks);
        }
        let mut tries = 1;
        loop {
            match DB::open_cf_descriptors_as_secondary(&options, path, path, families()) {
                Ok(database) => return Ok(Self::new(database, path, false)),
                Err(_) if tries < SECONDARY_TRIES => tries += 1,
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Cuts off what a power loss left torn, if nothing in it was acknowledged (see `torn.rs`).
    pub(crate) fn mend_torn(path: &Path, memory: &SharedMemory) -> Result<(), IndexError> {
        torn::mend(path, || flushed(path, memory))
    }

    /// Whether a power loss left something that [`Rocks::mend_torn`] cuts off.
    pub(crate) fn is_torn(path: &Path, memory: &SharedMemory) -> Result<bool, IndexError> {
        torn::is_torn(path, || flushed(path, memory))
    }

    /// Opens without changing anything; an error if a table, or the log, cannot be read as it should be.
    pub(crate) fn check(path: &Path, memory: &SharedMemory) -> Result<(), IndexError> {
        check_current(path)?;
        let options = memory.database_options(true, Recovery::Strict);
        let families = Family::ALL.map(|f| ColumnFamilyDescriptor::new(f.name(), f.options(memory)));
        match DB::open_cf_descriptors_read_only(&options, path, families, false) {
            Ok(_) => Ok(()),
            // A table that is listed and missing.
            Err(error) if error.as_ref().contains("No such file") => {
                Err(IndexError::damaged(path.display().to_string(), error.into_string()))
            }
            Err(error) => Err(storage_error("open the collection", path, error)),
        }
    }

    /// Opens for a look without changing anything, dropping damage of the log in memory only. Tables that are damaged
    /// or missing are met when they are read.
    pub(crate) fn peek(path: &Path, memory: &SharedMemory) -> Result<Self, IndexError> {
        let mut options = memory.database_options(true, Recovery::DropDamaged);
        options.set_paranoid_checks(false);
        let families = Family::ALL.map(|f| ColumnFamilyDescriptor::new(f.name(), f.options(memory)));
        let database = DB::open_cf_descriptors_read_only(&options, path, families, false)
            .map_err(|error| storage_error("open the collection", path, error))?;
        Ok(Self::new(database, path, false))
    }

    /// The newest change in the database, 0 where that cannot be told.
    fn newest_change(&self) -> Result<u64, IndexError> {
        let state = self.get(Family::Sys, STATE_KEY)?;
        Ok(state.and_then(|bytes| StateRow::decode(&bytes).ok()).map_or(0, |state| state.operations))
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn family(&self, family: Family) -> Result<&ColumnFamily, IndexError> {
        self.database.cf_handle(family.name()).ok_or_else(|| {
            IndexError::damaged(
                self.path.display().to_string(),
                format!("the family {} is missing", family.name()),
            )
        })
    }

    /// One value.
    pub(crate) fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        self.database
            .get_cf(self.family(family)?, key)
            .map_err(|error| storage_error("read", &self.path, error))
    }

    /// The database as it is now, unchanged by later writes (on a reader: until it catches up).
    pub(crate) fn view(&self) -> View<'_> {
        let snapshot = self.can_snapshot.then(|| self.database.snapshot());
        View { rocks: self, snapshot }
    }

    /// Adds a row to a batch.
    pub(crate) fn put(
        &self,
        batch: &mut Batch,
        family: Family,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), IndexError> {
        batch.rows.put_cf(self.family(family)?, key, value);
        Ok(())
    }

    /// Takes a row away in a batch.
    pub(crate) fn delete(&self, batch: &mut Batch, family: Family, key: &[u8]) -> Result<(), IndexError> {
        batch.rows.delete_cf(self.family(family)?, key);
        Ok(())
    }

    /// Takes all rows from `from` to before `to` away in a batch.
    pub(crate) fn delete_range(
        &self,
        batch: &mut Batch,
        family: Family,
        from: &[u8],
        to: &[u8],
    ) -> Result<(), IndexError> {
        batch.rows.delete_range_cf(self.family(family)?, from, to);
        Ok(())
    }

    /// Writes a batch into the log; [`Rocks::sync`] makes it durable.
    pub(crate) fn write(&self, batch: Batch) -> Result<(), IndexError> {
        let Batch { mut rows, counts } = batch;
        let synced = self.synced.load(Ordering::Acquire);
        rows.put_log_data(Note { counts, synced }.encode());
        pass("batch, before");
        self.database
            .write_opt(rows, &WriteOptions::default())
            .map_err(|error| storage_error("write", &self.path, error))?;
        pass("batch, written");
        match counts {
            Counts::Nothing => {}
            Counts::Change(number) | Counts::From(number) => self.written.store(number, Ordering::Release),
        }
        Ok(())
    }

    /// Waits until everything written is on disk.
    pub(crate) fn sync(&self) -> Result<(), IndexError> {
        let written = self.written.load(Ordering::Acquire);
        self.database.flush_wal(true).map_err(|error| storage_error("sync the log", &self.path, error))?;
        pass("log, synced");
        self.synced.fetch_max(written, Ordering::AcqRel);
        Ok(())
    }

    /// Adds rows, in order of their keys, as a table of their own, past the log. They are on disk when this returns; of rows that could not
    /// be added none is.
    pub(crate) fn add_table(
        &self,
        family: Family,
        rows: impl Iterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<(), IndexError> {
        let failed = |error| storage_error("write a table", &self.path, error);
        let file = self.path.join(NEW_TABLE);
        let options = family.table_options();
        let mut writer = SstFileWriter::create(&options);
        let written = writer.open(&file).and_then(|()| {
            for (key, value) in rows {
                writer.put(key, value)?;
            }
            writer.finish()
        });
        pass("table, written");
        let mut ingest = IngestExternalFileOptions::default();
        ingest.set_move_files(true);
        let added = written.map_err(failed).and_then(|()| self.family(family)).and_then(|family| {
            self.database.ingest_external_file_cf_opts(family, &ingest, vec![&file]).map_err(failed)
        });
        pass("table, added");
        sweep_new_table(&self.path);
        added
    }

    /// Writes all memtables into tables.
    pub(crate) fn flush(&self) -> Result<(), IndexError> {
        let mut families = Vec::with_capacity(Family::ALL.len());
        for family in Family::ALL {
            families.push(self.family(family)?);
        }
        self.database
            .flush_cfs_opt(&families, &rocksdb::FlushOptions::default())
            .map_err(|error| storage_error("flush", &self.path, error))
            .inspect(|()| pass("tables, flushed"))
    }

    /// Begins to write a family's memtable into a table, and does not wait for it.
    pub(super) fn begin_flush(&self, family: Family) -> Result<(), IndexError> {
        let mut options = rocksdb::FlushOptions::default();
        options.set_wait(false);
        self.database
            .flush_cf_opt(self.family(family)?, &options)
            .map_err(|error| storage_error("flush", &self.path, error))
    }

    /// Bytes of a family's memtable that takes rows; `None` where RocksDB does not tell it.
    pub(super) fn memtable_bytes(&self, family: Family) -> Option<u64> {
        self.number(family, CUR_SIZE_ACTIVE_MEM_TABLE)
    }

    /// Gives room back that rows of these keys took which are deleted. Writes go on meanwhile.
    pub(crate) fn compact(&self, family: Family, from: &[u8], to: &[u8]) -> Result<(), IndexError> {
        let mut options = CompactOptions::default();
        options.set_exclusive_manual_compaction(false);
        self.database.compact_range_cf_opt(self.family(family)?, Some(from), Some(to), &options);
        Ok(())
    }

    /// Rows of a family, for a walk that bears damage.
    pub(super) fn raw_iterator(
        &self,
        family: Family,
        options: ReadOptions,
    ) -> Result<DBRawIterator<'_>, IndexError> {
        Ok(self.database.raw_iterator_cf_opt(self.family(family)?, options))
    }

    /// A property that is a number; `None` where RocksDB does not tell it.
    pub(super) fn number(&self, family: Family, name: &PropName) -> Option<u64> {
        self.database.property_int_value_cf(self.family(family).ok()?, name).ok().flatten()
    }

    /// A property that is a text.
    pub(super) fn text(&self, family: Family, name: &str) -> Option<String> {
        self.database.property_value_cf(self.family(family).ok()?, name).ok().flatten()
    }

    /// Reads what the writer wrote since; for [`Access::Read`].
    pub(crate) fn catch_up(&self) -> Result<(), IndexError> {
        self.database
            .try_catch_up_with_primary()
            .map_err(|error| storage_error("catch up with the writer", &self.path, error))
    }
}

impl View<'_> {
    /// One value.
    pub(crate) fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        let Some(snapshot) = &self.snapshot else { return self.rocks.get(family, key) };
        snapshot
            .get_cf(self.rocks.family(family)?, key)
            .map_err(|error| storage_error("read", &self.rocks.path, error))
    }

    /// Calls `each` with every row of a family in order of key, until it fails. Blocks read do not push others out of
    /// the cache; their checksums are checked.
    pub(crate) fn scan(
        &self,
        family: Family,
        each: impl FnMut(&[u8], &[u8]) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        self.scan_range(family, &[], None, each)
    }

    /// The first key of a family that is not before another.
    pub(crate) fn first_key(&self, family: Family, from: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        let family = self.rocks.family(family)?;
        let mut rows = match &self.snapshot {
            Some(snapshot) => snapshot.raw_iterator_cf(family),
            None => self.rocks.database.raw_iterator_cf(family),
        };
        rows.seek(from);
        let key = rows.key().map(<[u8]>::to_vec);
        rows.status().map_err(|error| storage_error("read", &self.rocks.path, error))?;
        Ok(key)
    }

    /// [`View::scan`] of the keys from one on, to before another.
    pub(crate) fn scan_range(
        &self,
        family: Family,
        from: &[u8],
        to: Option<&[u8]>,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        self.scan_from(family, from, |key, value| {
            if to.is_some_and(|to| key >= to) {
                return Ok(ControlFlow::Break(()));
            }
            each(key, value).map(ControlFlow::Continue)
        })
    }

    /// [`View::scan`] of the keys from one on, until it is told to stop.
    pub(crate) fn scan_from(
        &self,
        family: Family,
        from: &[u8],
        each: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, IndexError>,
    ) -> Result<(), IndexError> {
        self.walk(family, |rows| rows.seek(from), |rows| rows.next(), each)
    }

    /// The keys from one back to the first, until it is told to stop.
    pub(crate) fn scan_back(
        &self,
        family: Family,
        from: &[u8],
        each: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, IndexError>,
    ) -> Result<(), IndexError> {
        self.walk(family, |rows| rows.seek_for_prev(from), |rows| rows.prev(), each)
    }

    fn walk(
        &self,
        family: Family,
        begin: impl FnOnce(&mut DBRawIterator<'_>),
        step: impl Fn(&mut DBRawIterator<'_>),
        mut each: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, IndexError>,
    ) -> Result<(), IndexError> {
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        options.set_verify_checksums(true);
        options.set_readahead_size(READAHEAD_BYTES);
        let family = self.rocks.family(family)?;
        let mut rows = match &self.snapshot {
            Some(snapshot) => snapshot.raw_iterator_cf_opt(family, options),
            None => self.rocks.database.raw_iterator_cf_opt(family, options),
        };
        begin(&mut rows);
        while let Some((key, value)) = rows.item() {
            if each(key, value)?.is_break() {
                return Ok(());
            }
            step(&mut rows);
        }
        rows.status().map_err(|error| storage_error("read", &self.rocks.path, error))
    }
}

/// Takes away a table that was not added.
fn sweep_new_table(path: &Path) {
    let file = path.join(NEW_TABLE);
    if let Err(error) = fs_err::remove_file(&file)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "leave a table that was not added");
    }
}

/// The newest change that is in tables: the logs are looked for where there are none.
fn flushed(path: &Path, memory: &SharedMemory) -> Result<u64, IndexError> {
    let mut options = memory.database_options(true, Recovery::Strict);
    options.set_wal_dir(path.parent().unwrap_or(path));
    let families = Family::ALL.map(|f| ColumnFamilyDescriptor::new(f.name(), f.options(memory)));
    let database = DB::open_cf_descriptors_read_only(&options, path, families, false)
        .map_err(|error| storage_error("open the collection", path, error))?;
    Rocks::new(database, path, false).newest_change()
}

/// Where the file that names the list of tables is lost, RocksDB would take the folder for a new one.
fn check_current(path: &Path) -> Result<(), IndexError> {
    if path.join(CURRENT).exists() {
        return Ok(());
    }
    Err(IndexError::damaged(path.display().to_string(), format!("the file {CURRENT} is missing")))
}

pub(super) fn storage_error(action: &'static str, path: &Path, error: rocksdb::Error) -> IndexError {
    let kind = match error.kind() {
        rocksdb::ErrorKind::Corruption => ErrorKind::Corrupt,
        rocksdb::ErrorKind::InvalidArgument | rocksdb::ErrorKind::NotSupported => {
            ErrorKind::FailedPrecondition
        }
        rocksdb::ErrorKind::NotFound
        | rocksdb::ErrorKind::IOError
        | rocksdb::ErrorKind::MergeInProgress
        | rocksdb::ErrorKind::Incomplete
        | rocksdb::ErrorKind::ShutdownInProgress
        | rocksdb::ErrorKind::TimedOut
        | rocksdb::ErrorKind::Aborted
        | rocksdb::ErrorKind::Busy
        | rocksdb::ErrorKind::Expired
        | rocksdb::ErrorKind::TryAgain
        | rocksdb::ErrorKind::CompactionTooLarge
        | rocksdb::ErrorKind::ColumnFamilyDropped
        | rocksdb::ErrorKind::Unknown => ErrorKind::Unavailable,
    };
    IndexError::Storage { action, path: path.to_owned(), kind, message: error.into_string() }
}
