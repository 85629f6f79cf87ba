//! [`Storage`] and [`Database`]: the collections of a data folder.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sensorium_types::{Alias, AliasChange, CollectionSummary, HubBank, Problem, SharedFigures, SpaceInfo};

use crate::{Store, StoreError};

/// What the holder of a data folder may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads and writes. One process at a time holds a data folder so.
    Write,
    /// Reads, beside a process that may write. A data folder that does not exist is an empty database.
    Read,
}

/// What a data folder is opened with.
#[derive(Debug)]
pub struct OpenFolder<'a> {
    /// The folder; made where it is missing, for a writer.
    pub path: &'a Path,
    /// What the holder may do.
    pub access: Access,
    /// What corrects collections of its space by hub values.
    pub hubs: Option<Arc<dyn HubBank>>,
}

/// A kind of storage.
#[async_trait]
pub trait Storage: Send + Sync + Debug {
    /// Opens the database of a data folder.
    ///
    /// # Errors
    /// If another process writes the folder, or it cannot be read.
    async fn open(&self, folder: OpenFolder<'_>) -> Result<Arc<dyn Database>, StoreError>;

    /// Whether a writer holds a data folder now, in this process or another. `None` where that cannot be told.
    fn has_writer(&self, path: &Path) -> Option<bool>;
}

/// The collections of a data folder.
#[async_trait]
pub trait Database: Send + Sync + Debug {
    /// Every collection.
    async fn collections(&self) -> Result<Vec<CollectionSummary>, StoreError>;

    /// What the collections share, as far as that is known.
    fn figures(&self) -> SharedFigures {
        SharedFigures::default()
    }

    /// Opens a collection; `None` if there is none of this name.
    async fn open(&self, name: &str) -> Result<Option<Arc<dyn Store>>, StoreError>;

    /// Opens a collection, or makes it with this space. One that is there keeps its own space.
    async fn create_or_open(&self, name: &str, space: &SpaceInfo) -> Result<Arc<dyn Store>, StoreError>;

    /// Removes a collection with everything in it; `false` if there is none of this name. Refused while anybody holds it.
    async fn drop_collection(&self, name: &str) -> Result<bool, StoreError>;

    /// Other names of collections, in order. What is opened, verified or repaired by one is the collection that it stands for.
    async fn aliases(&self) -> Result<Vec<Alias>, StoreError>;

    /// Changes aliases in order, all at one stroke or none. A name is a collection's or an alias, never both; an alias goes with
    /// its collection.
    async fn change_aliases(&self, changes: Vec<AliasChange>) -> Result<(), StoreError>;

    /// The collection that is to take the place of another, if one was begun.
    async fn successor(&self, name: &str) -> Result<Option<Arc<dyn Store>>, StoreError>;

    /// The successor of a collection in this space: the one that was begun, else the collection of this space that is kept, else a new
    /// one. Nobody else sees it.
    async fn begin_successor(&self, name: &str, space: &SpaceInfo) -> Result<Arc<dyn Store>, StoreError>;

    /// Puts the successor in the collection's place, at one stroke; keeps what stood there, hidden, if `keeps`.
    async fn promote_successor(&self, name: &str, keeps: bool) -> Result<(), StoreError>;

    /// The collection that a successor took the place of and keeps.
    async fn kept(&self, name: &str) -> Result<Option<Arc<dyn Store>>, StoreError>;

    /// Removes the collection that a successor took the place of and keeps; `false` if there is none.
    async fn drop_kept(&self, name: &str) -> Result<bool, StoreError>;

    /// Removes the files of collections that others have taken the place of, as far as nobody holds them; `false` while somebody
    /// does. Else they go when the folder is next opened.
    async fn clear_replaced(&self) -> Result<bool, StoreError>;

    /// Walks a collection even where it does not open; what keeps it from opening is the first problem. `None` if there is none
    /// of this name.
    async fn verify(&self, name: &str) -> Result<Option<Vec<Problem>>, StoreError>;

    /// Repairs a collection, also one that does not open; says what it drops before (`dry_run`) or after it did. `None` if
    /// there is none of this name.
    async fn repair(&self, name: &str, dry_run: bool) -> Result<Option<Vec<Problem>>, StoreError>;
}
