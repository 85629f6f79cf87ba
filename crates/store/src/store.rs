//! [`Store`]: one collection.

use async_trait::async_trait;
use sensorium_types::{Added, Applied, Change};

use crate::{Catalogue, StoreError, Upkeep, VectorSearch};

/// One collection of assets and points that share a space.
///
/// # Contract
/// - When [`Store::apply`] returns `Ok`, its changes are on stable storage and visible to every later call.
/// - Each change is atomic; changes of one call are applied in order.
/// - Dropping a future may or may not apply its changes, but never a part of one.
/// - Readers never wait for writers.
#[async_trait]
pub trait Store: VectorSearch + Catalogue + Upkeep {
    /// Whether captions are kept ([`Change::KeepCaptions`]).
    fn keeps_captions(&self) -> bool;

    /// The collection's change number: it grows by one with every commit, is as durable as what was committed, and never goes
    /// back. After [`Store::apply`] it covers what was applied.
    fn change(&self) -> u64;

    /// Assets that were written with their points after a change, by at most so many changes, in order of change. One that was
    /// written several times since may be given several times; one that is gone again is left out. A change that has not been is
    /// [`ErrorKind::InvalidArgument`](sensorium_types::ErrorKind::InvalidArgument), one so long ago that it is not known any more
    /// what came since [`ErrorKind::FailedPrecondition`](sensorium_types::ErrorKind::FailedPrecondition).
    async fn added(&self, after: u64, limit: usize) -> Result<Added, StoreError>;

    /// Applies changes in order, each atomically, and returns when all are durable. One outcome a change.
    async fn apply(&self, changes: Vec<Change>) -> Result<Vec<Applied>, StoreError>;
}
