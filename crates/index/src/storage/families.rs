//! The column families of a collection: what each holds and how it is kept.
//!
//! One block cache and one write-buffer manager serve every collection of the database, so that the storage engine's
//! memory is one number ([`crate::MemoryBudget`]).

use rocksdb::statistics::{StatsLevel, Ticker};
use rocksdb::{
    BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, InfoLogger, LogLevel, Options,
    WriteBufferManager,
};
use sensorium_types::{CacheFigures, SharedFigures};

use crate::options::MemoryBudget;

/// Bytes of one family's memtable at which RocksDB writes it out (`slow.rs` may before). Small, so that memory stays as it is while little is written; most
/// families are written in order of key, and their tables sink to lower levels without being written again.
pub(super) const WRITE_BUFFER_BYTES: usize = 4 << 20;
/// Bytes that a memtable takes at a time. They count at once for what all collections may take together, and each has ten families.
const ARENA_BLOCK_BYTES: usize = 64 << 10;
/// Bytes of write-ahead logs at which the quietest families are written out, so that old logs can go.
const MAX_WAL_BYTES: u64 = 256 << 20;
/// Bytes after which a file being written is handed to the disk.
const SYNC_BYTES: u64 = 1 << 20;
/// Bits of the filters for absent keys.
const FILTER_BITS: f64 = 10.0;
/// Files that a writer keeps open; a reader beside it keeps all (a file that the writer deletes must stay readable).
const WRITER_OPEN_FILES: i32 = 512;
/// Threads that open tables.
const OPENING_THREADS: i32 = 2;

/// A column family. Renaming one is a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Family {
    /// `state`: how many changes were made, next offsets. `loss`: acknowledged changes that are gone.
    Sys,
    /// `collection`: format, name, space. `graph`: the generation in use. `keep`: whether captions are kept.
    /// `hubs/` + point offset: the point's hub values. They are made anew wherever they are missing, and stand here so that
    /// older programs open the collection.
    Meta,
    /// Source (root, path) -> size, time, state.
    Sources,
    /// Asset offset -> the asset.
    Assets,
    /// Asset offset, track, ordinal -> point offset and span.
    Points,
    /// Point offset -> vector.
    Vectors,
    /// Asset id -> asset offset.
    Ids,
    /// Point offset -> JPEG.
    Thumbs,
    /// Offset of a dead point whose vector the graph still needs.
    Tomb,
    /// Generation, chunk -> part of the graph.
    Graph,
}

impl Family {
    /// Every family, in the order of CONTRACTS.md section 5.
    pub(crate) const ALL: [Self; 10] = [
        Self::Sys,
        Self::Meta,
        Self::Sources,
        Self::Assets,
        Self::Points,
        Self::Vectors,
        Self::Ids,
        Self::Thumbs,
        Self::Tomb,
        Self::Graph,
    ];

    /// The name on disk.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sys => "sys",
            Self::Meta => "meta",
            Self::Sources => "sources",
            Self::Assets => "assets",
            Self::Points => "points",
            Self::Vectors => "vectors",
            Self::Ids => "ids",
            Self::Thumbs => "thumbs",
            Self::Tomb => "tomb",
            Self::Graph => "graph",
        }
    }

    /// Bytes of a block: large where values are, small where single rows are looked up.
    const fn block_bytes(self) -> usize {
        match self {
            Self::Vectors | Self::Thumbs | Self::Graph => 16 << 10,
            Self::Sys | Self::Meta | Self::Sources | Self::Assets | Self::Points | Self::Ids | Self::Tomb => {
                8 << 10
            }
        }
    }

    /// Vectors, graphs and JPEGs do not shrink; text does.
    const fn compression(self) -> DBCompressionType {
        match self {
            Self::Vectors | Self::Thumbs | Self::Graph => DBCompressionType::None,
            Self::Sys | Self::Meta | Self::Sources | Self::Assets | Self::Points | Self::Ids | Self::Tomb => {
                DBCompressionType::Lz4
            }
        }
    }

    /// The options of the family.
    pub(super) fn options(self, memory: &SharedMemory) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&memory.cache);
        self.options_of(table)
    }

    /// The options of a table of the family that is written apart.
    pub(super) fn table_options(self) -> Options {
        let mut table = BlockBasedOptions::default();
        table.disable_cache();
        self.options_of(table)
    }

    fn options_of(self, mut table: BlockBasedOptions) -> Options {
        table.set_block_size(self.block_bytes());
        table.set_cache_index_and_filter_blocks(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        table.set_bloom_filter(FILTER_BITS, false);
        table.set_format_version(5);
        let mut options = Options::default();
        options.set_block_based_table_factory(&table);
        options.set_compression_type(self.compression());
        options.set_write_buffer_size(WRITE_BUFFER_BYTES);
        options.set_arena_block_size(ARENA_BLOCK_BYTES);
        options.set_optimize_filters_for_hits(self == Self::Vectors);
        options
    }
}

/// What happens to damage in the write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// A record torn at the very end is dropped, any other damage is an error.
    Strict,
    /// Everything from the first damage on is dropped. Only `repair` asks for this.
    DropDamaged,
}

/// Memory that every collection of a database shares.
pub(crate) struct SharedMemory {
    cache: Cache,
    write_buffers: WriteBufferManager,
    cache_limit: usize,
    /// Holds the counters of every RocksDB that is opened with a copy of it.
    counted: Options,
}

impl std::fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedMemory").field("cache", &self.cache.get_usage()).finish_non_exhaustive()
    }
}

impl SharedMemory {
    /// Memory within a budget.
    pub(crate) fn new(budget: MemoryBudget) -> Self {
        let cache = Cache::new_lru_cache(budget.block_cache_bytes);
        let mut counted = Options::default();
        counted.enable_statistics();
        // Counters alone, each an addition to a number of the core's own: no times, no histograms.
        counted.set_statistics_level(StatsLevel::ExceptHistogramOrTimers);
        Self {
            cache,
            cache_limit: budget.block_cache_bytes,
            counted,
            write_buffers: WriteBufferManager::new_write_buffer_manager(budget.write_buffer_bytes, false),
        }
    }

    /// What all collections take and did.
    pub(crate) fn figures(&self) -> SharedFigures {
        let count = |ticker| self.counted.get_ticker_count(ticker);
        SharedFigures {
            block_cache_bytes: Some(self.cache.get_usage() as u64),
            block_cache_limit_bytes: Some(self.cache_limit as u64),
            block_cache: Some(CacheFigures {
                hits: count(Ticker::BlockCacheHit),
                misses: count(Ticker::BlockCacheMiss),
            }),
            stall_microseconds: Some(count(Ticker::StallMicros)),
        }
    }

    /// The options of a whole RocksDB.
    pub(super) fn database_options(&self, secondary: bool, recovery: Recovery) -> Options {
        let mut options = self.counted.clone();
        // Where a file of RocksDB is lost, making a database anew would sweep the tables that are left.
        options.create_if_missing(false);
        options.create_missing_column_families(false);
        options.set_write_buffer_manager(&self.write_buffers);
        options.set_wal_recovery_mode(match recovery {
            Recovery::Strict => DBRecoveryMode::TolerateCorruptedTailRecords,
            Recovery::DropDamaged => DBRecoveryMode::PointInTime,
        });
        options.set_paranoid_checks(true);
        options.set_max_total_wal_size(MAX_WAL_BYTES);
        options.set_bytes_per_sync(SYNC_BYTES);
        options.set_wal_bytes_per_sync(SYNC_BYTES);
        options.set_max_background_jobs(2);
        options.set_avoid_unnecessary_blocking_io(true);
        options.set_max_open_files(if secondary { -1 } else { WRITER_OPEN_FILES });
        options.set_skip_stats_update_on_db_open(true);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        // Sixteen by default, which take longer to begin than most databases' tables to open.
        options.set_max_file_opening_threads(OPENING_THREADS);
        // In the place of files: a reader may have no place to write, and all options are written there at each open.
        options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Warn, |_, text| {
            tracing::debug!("rocksdb: {text}");
        }));
        options
    }
}
