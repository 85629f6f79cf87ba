//! The seam above the index: what the engine asks of a place that keeps vectors, and the tests that each such place
//! must pass.
//!
//! This crate names no library. The embedded index stands behind it in `store-embedded`; a cluster can stand beside that one. So
//! every call is async and may fail, listings go on from opaque cursors, figures that a store does not know are `None`, and
//! what a store cannot do without lying it refuses.
//!
//! | file | holds |
//! | --- | --- |
//! | `search.rs` | [`VectorSearch`]: the nearest assets |
//! | `catalogue.rs` | [`Catalogue`]: assets, sources and thumbnails by name, page by page |
//! | `upkeep.rs` | [`Upkeep`]: counts, checks, repair, building |
//! | `store.rs` | [`Store`]: one collection, all of these and its changes |
//! | `database.rs` | [`Storage`] and [`Database`]: the collections of a data folder |
//! | `thread.rs` | [`blocking`], [`on_one_thread`]: threads that may be blocked |
//! | `empty.rs` | [`EmptyStore`]: what stands for a collection that was never made |
//! | `contract/` | [`contract`]: one test body that is run on every implementation |

mod catalogue;
pub mod contract;
mod database;
mod empty;
mod search;
mod store;
mod thread;
mod upkeep;

pub use catalogue::{Catalogue, all_assets, all_sources, each_source};
pub use database::{Access, Database, OpenFolder, Storage};
pub use empty::EmptyStore;
pub use search::VectorSearch;
use sensorium_types::ErrorKind;
pub use store::Store;
pub use thread::{blocking, on_one_thread};
pub use upkeep::Upkeep;

/// An error of a store.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What the caller can do.
    pub kind: ErrorKind,
    /// What happened, with its facts.
    pub message: String,
    /// What caused it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}
