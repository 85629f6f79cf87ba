//! [`Upkeep`]: counts, checks, indexes of fields and building.

use std::fmt::Debug;

use async_trait::async_trait;
use sensorium_types::{CollectionStats, FieldIndex, Problem, StorageFigures};

use crate::StoreError;

/// What keeps a collection well.
#[async_trait]
pub trait Upkeep: Send + Sync + Debug {
    /// Counts and sizes, as far as the store knows them.
    async fn stats(&self) -> Result<CollectionStats, StoreError>;

    /// What the storage does at this moment, and did, as far as the store knows it; it costs little.
    async fn figures(&self) -> Result<StorageFigures, StoreError> {
        Ok(StorageFigures::default())
    }

    /// Walks everything stored and reports what is wrong, as long as somebody waits for that.
    async fn verify(&self) -> Result<Vec<Problem>, StoreError>;

    /// Says what a repair would drop (`dry_run`), or does it and says what went.
    async fn repair(&self, dry_run: bool) -> Result<Vec<Problem>, StoreError>;

    /// Builds the graph over what is written so far, if the store has one; returns when it is in use.
    async fn seal(&self) -> Result<(), StoreError>;

    /// Indexes a field (`wanted`) or drops its index; `false` if it was so already. It is on stable storage, and the index in use if
    /// it fits, when this returns. A filter may name any field: an index changes no answer, only what it costs.
    async fn index_field(&self, field: &str, wanted: bool) -> Result<bool, StoreError>;

    /// Fields with an index, in order of name.
    async fn field_indexes(&self) -> Result<Vec<FieldIndex>, StoreError>;

    /// Makes some of the hub values that are missing; `false` once there is nothing to do, as ever in a store that corrects
    /// nothing.
    async fn fill_hubs(&self) -> Result<bool, StoreError> {
        Ok(false)
    }
}
