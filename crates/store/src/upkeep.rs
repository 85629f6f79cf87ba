//! [`Upkeep`]: counts, checks and building.

use std::fmt::Debug;

use async_trait::async_trait;
use sensorium_types::{CollectionStats, Problem};

use crate::StoreError;

/// What keeps a collection well.
#[async_trait]
pub trait Upkeep: Send + Sync + Debug {
    /// Counts and sizes, as far as the store knows them.
    async fn stats(&self) -> Result<CollectionStats, StoreError>;

    /// Walks everything stored and reports what is wrong.
    async fn verify(&self) -> Result<Vec<Problem>, StoreError>;

    /// Says what a repair would drop (`dry_run`), or does it and says what went.
    async fn repair(&self, dry_run: bool) -> Result<Vec<Problem>, StoreError>;

    /// Builds the graph over what is written so far, if the store has one; returns when it is in use.
    async fn seal(&self) -> Result<(), StoreError>;

    /// Makes some of the hub values that are missing; `false` once there is nothing to do, as ever in a store that corrects
    /// nothing.
    async fn fill_hubs(&self) -> Result<bool, StoreError> {
        Ok(false)
    }
}
