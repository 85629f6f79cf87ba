//! The assets of a collection, as searches and readers ask for them.
//!
//! ```text
//! rows in RocksDB ─making.rs─► file of assets (mapped) ─┐
//! what changed since ─────────────────────────────────► table.rs ─► EntryRef ─► hits, filters, scrolls
//!                                                       names.rs ─► offset of an id
//! ```
//!
//! What has not changed for a while lies in one mapped file, what changed since in memory. An [`EntryRef`] is one asset, wherever
//! it lies.
//!
//! | file | holds |
//! | --- | --- |
//! | `point.rs`, `entry.rs` | one point, one asset |
//! | `sets.rs` | sets of tracks and modalities, and counts by them |
//! | `file.rs`, `making.rs` | the file: how it is read, how it is written |
//! | `table.rs` | all assets by offset |
//! | `names.rs`, `name_keys.rs` | all assets by id; where in the file an id lies |
//!
//! # Memory
//! Some two bytes for an asset of the file; about a kilobyte, much of it JSON, for one that changed since.

mod entry;
mod file;
mod making;
mod name_keys;
mod names;
mod point;
mod sets;
mod table;

pub(crate) use entry::{Entry, EntryRef, Source};
pub(crate) use file::AssetFile;
pub(crate) use making::Making;
pub(crate) use names::Names;
pub(crate) use point::Point;
pub(crate) use sets::{ModalitySet, Tally, TrackSet};
pub(crate) use table::AssetTable;
