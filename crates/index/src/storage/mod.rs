//! How a collection lies on disk: one RocksDB with the families below, and two small files beside its own.
//!
//! ```text
//! <data>/collections/<uuid>/
//!     collection.json          name, space, format (see database/registry.rs)
//!     high-water               newest operation known to be on disk (mark.rs)
//!     CURRENT, MANIFEST-*, ... RocksDB's own
//!     segments/, assets/       files that are made from its rows and mapped (cache_file.rs)
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `families.rs` | [`Family`]: the column families, what each holds, and their options |
//! | `keys.rs` | typed keys, fixed width and big endian where they are ours |
//! | `codec.rs` | a version byte before every record |
//! | `rows.rs`, `asset_row.rs` | the records themselves |
//! | `vector.rs` | vectors, bit by bit in fewer bytes |
//! | `rocks.rs` | [`Rocks`]: the one place that names the `rocksdb` crate's handles |
//! | `figures.rs` | what a RocksDB tells of itself |
//! | `slow.rs` | memtables that fill slowly are written out before they are full |
//! | `mark.rs` | the high-water mark |
//! | `lock.rs` | the lock of the one that writes a data folder |
//! | `wal.rs`, `torn.rs` | the write-ahead log as bytes, and its end after a power loss |
//! | `salvage.rs` | what can be read of damaged tables |

mod asset_row;
mod codec;
mod families;
mod figures;
mod keys;
mod lock;
mod mark;
mod meta_row;
mod rocks;
mod rows;
mod salvage;
mod slow;
mod torn;
mod vector;
mod wal;

pub(crate) use asset_row::{AssetRow, AssetRowRef, modality_code, modality_of};
pub(crate) use families::{Family, Recovery, SharedMemory};
pub(crate) use keys::{
    AssetOffset, PointOffset, added_key, asset_key, changed_key, changed_range, chunk_key, chunk_range,
    decode_added_key, decode_changed_key, decode_chunk_key, decode_hub_key, decode_offset_key,
    decode_point_key, decode_source_key, hub_key, hub_range, key_after_root, point_key, point_offset_key,
    source_key,
};
pub(crate) use lock::WriterLock;
pub use lock::has_writer;
pub(crate) use mark::{FILE as MARK_FILE, HighWater};
pub(crate) use meta_row::{MetaRow, format_of};
pub(crate) use rocks::{Access, Batch, Rocks, View as RocksView};
pub(crate) use rows::{
    ASSET_FILE_KEY, AddedRow, AssetFileRow, AssetTies, COLUMN_FILE_KEY, ChangedRow, ColumnFileRow, HubRow,
    INDEXED_KEY, IndexedRow, KEEP_KEY, KeepRow, LOSS_KEY, LossRow, META_KEY, NOTED_KEY, NotedRow,
    OLD_GRAPH_KEY, PointRow, RECALL_KEY, RecallPair, RecallRow, Row, SEGMENTS_KEY, STATE_KEY, SegmentRow,
    SegmentsRow, SourceTie, SourceValue, StateRow, TombRow, content_code,
};
pub(crate) use salvage::{Gap, copy_family, gaps, rebuild};
pub(crate) use slow::SlowTables;
pub(crate) use vector::{decode_vector, decode_vector_into, encode_vector};

/// The format of a collection of one space that this program writes; earlier ones are read too, and a writer brings them here.
/// Version history: 1, the first, one graph over all contents; 2, sealed segments by content (`meta/segments`) with files;
/// 3, vectors and graphs in fewer bytes (`vector.rs`, `graph/blob.rs`), those of before are read as they are.
pub(crate) const FORMAT: u32 = 3;
/// The format of a collection of several spaces, which earlier programs refuse: its vectors differ in length by content.
pub(crate) const SPACES_FORMAT: u32 = 4;
