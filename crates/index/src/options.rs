//! How a database is opened, with named defaults.

use crate::graph::{GraphParams, Layout};

/// Bytes of the block cache that all collections share.
pub const DEFAULT_BLOCK_CACHE_BYTES: usize = 64 << 20;
/// Bytes of memtables that all collections share before the fullest is written out.
pub const DEFAULT_WRITE_BUFFER_BYTES: usize = 16 << 20;
/// Points of a growing tail that make the optimizer seal it.
pub const DEFAULT_SEAL_POINTS: usize = 20_000;

/// Assets that may change, at least, before the file of assets is written anew.
pub const DEFAULT_ASSET_FILE_CHANGES: usize = 8192;
/// Bytes of a segment's file up to which all of it is looked at whenever it is opened.
pub const DEFAULT_CHECKED_AT_OPEN_BYTES: usize = 64 << 20;

/// Points of a collection from which on the sub-queries of a search go side by side: those of fewer take no longer than it takes to wake a
/// thread.
pub const DEFAULT_SIDE_BY_SIDE_POINTS: usize = 50_000;

/// Newest changes of a collection of which it is kept which assets they wrote: some 24 bytes each.
pub const DEFAULT_CHANGES_KEPT: u64 = 1 << 20;

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenOptions {
    /// Opens for reading beside a writer: nothing is written or locked, a folder that is missing is an empty database.
    pub read_only: bool,
    /// Memory that the storage engine may take.
    pub budget: MemoryBudget,
}

/// Memory of the storage engine, for all collections together. Vectors and graphs come on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryBudget {
    /// Blocks read from disk; default [`DEFAULT_BLOCK_CACHE_BYTES`].
    pub block_cache_bytes: usize,
    /// Rows not yet written into tables; default [`DEFAULT_WRITE_BUFFER_BYTES`].
    pub write_buffer_bytes: usize,
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self { block_cache_bytes: DEFAULT_BLOCK_CACHE_BYTES, write_buffer_bytes: DEFAULT_WRITE_BUFFER_BYTES }
    }
}

/// How the plan of a search is chosen. Benches and tests force one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Planning {
    /// The plan that is predicted to cost less.
    #[default]
    ByCost,
    /// A walk wherever there is a graph, and more candidates than are asked for.
    Walk,
    /// A scan.
    Scan,
}

/// When graphs are built and how, and when they are walked. The defaults suit a laptop; tests and benches set others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Points of a tail at which it is sealed into a segment in the background; default [`DEFAULT_SEAL_POINTS`].
    pub seal_points: usize,
    /// Assets that may change, at least, before the file of assets is written anew in the background; default
    /// [`DEFAULT_ASSET_FILE_CHANGES`].
    pub asset_file_changes: usize,
    /// Bytes of a segment's file up to which all of it is compared with its checksums whenever it is opened, which takes some
    /// milliseconds; default [`DEFAULT_CHECKED_AT_OPEN_BYTES`]. Of larger ones the vectors are compared in the background.
    pub checked_at_open_bytes: usize,
    /// How the plan of a search is chosen; default [`Planning::ByCost`].
    pub planning: Planning,
    /// Points of a collection from which on the sub-queries of a search go side by side; default [`DEFAULT_SIDE_BY_SIDE_POINTS`].
    pub side_by_side_points: usize,
    /// By which codes graphs are walked; default [`Layout::ByRecall`].
    pub layout: Layout,
    /// Newest changes of which it is kept which assets they wrote; default [`DEFAULT_CHANGES_KEPT`].
    pub changes_kept: u64,
    /// The graph's bounds.
    pub graph: GraphParams,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            seal_points: DEFAULT_SEAL_POINTS,
            asset_file_changes: DEFAULT_ASSET_FILE_CHANGES,
            checked_at_open_bytes: DEFAULT_CHECKED_AT_OPEN_BYTES,
            planning: Planning::ByCost,
            side_by_side_points: DEFAULT_SIDE_BY_SIDE_POINTS,
            layout: Layout::ByRecall,
            changes_kept: DEFAULT_CHANGES_KEPT,
            graph: GraphParams::default(),
        }
    }
}
