//! The embedded index: RocksDB storage, HNSW graphs, filters and queries of collections.
//!
//! Everything here is synchronous and blocks. RocksDB is the truth; graphs are caches of it, built in the background,
//! checksummed, dropped when in doubt, and searches compare every point meanwhile.
//!
//! | folder | holds |
//! | --- | --- |
//! | `database/` | [`Database`]: the data folder, the writer's lock, the registry of collections |
//! | `collection/` | [`Collection`]: changes, searches, reading, `verify` and `repair` |
//! | `assets/` | the assets, in a mapped file and in memory |
//! | `columns/` | fields of assets by value, which answer filters |
//! | `graph/` | building, storing and walking HNSW graphs |
//! | `storage/` | column families, keys, records, the high-water mark |

mod assets;
mod cache_file;
mod collection;
mod columns;
mod database;
mod distance;
mod error;
mod failpoint;
mod folder;
mod graph;
mod options;
mod storage;

pub use collection::Collection;
pub use columns::Estimate;
pub use database::{CollectionInfo, Database, MAX_ALIASES, MAX_COLLECTION_NAME_BYTES, MAX_OPEN_COLLECTIONS};
pub use error::IndexError;
#[cfg(feature = "failpoints")]
#[doc(hidden)]
pub use failpoint::passed;
pub use graph::{DEFAULT_EF, DEFAULT_EF_CONSTRUCT, DEFAULT_M, GraphParams, Layout};
pub use options::{
    DEFAULT_ASSET_FILE_CHANGES, DEFAULT_BLOCK_CACHE_BYTES, DEFAULT_CHANGES_KEPT,
    DEFAULT_CHECKED_AT_OPEN_BYTES, DEFAULT_SEAL_POINTS, DEFAULT_SIDE_BY_SIDE_POINTS,
    DEFAULT_WRITE_BUFFER_BYTES, MemoryBudget, OpenOptions, Planning, Tuning,
};
pub use storage::has_writer;
