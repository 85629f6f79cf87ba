//! The seam above the index: what the engine asks of a place that keeps vectors, and the tests that each such place
//! must pass.
//!
//! This crate names no library. The embedded index stands behind [`Store`] through an adapter in `engine`; a cluster
//! can stand beside it. [`contract`] is one test body that is run on every implementation.

pub mod contract;

use async_trait::async_trait;
use sensorium_types::{
    Applied, AssetId, Change, CollectionStats, ErrorKind, Filter, HubWeights, Page, PointKey, Problem,
    ScoredPoint, SearchReply, SearchRequest, SourceKey, SourceRow, SpaceInfo, StoredAsset,
};

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

/// One collection of assets and points that share a space.
///
/// # Contract
/// - When [`Store::apply`] returns `Ok`, its changes are on stable storage and visible to every later call.
/// - Each change is atomic; changes of one call are applied in order.
/// - Dropping a future may or may not apply its changes, but never a part of one.
/// - Readers never wait for writers.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// The space of the collection's vectors.
    fn space(&self) -> SpaceInfo;

    /// Whether captions are kept ([`Change::KeepCaptions`]).
    fn keeps_captions(&self) -> bool;

    /// Whether cosines are corrected by hub values where a search asks for it: every point has them. What is made of
    /// corrected cosines must know it, for they mean something else.
    fn corrects(&self) -> bool {
        false
    }

    /// Makes some of the hub values that are missing; `false` once there is nothing to do, as ever in a store that corrects
    /// nothing.
    async fn fill_hubs(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Applies changes in order, each atomically, and returns when all are durable. One outcome a change.
    async fn apply(&self, changes: Vec<Change>) -> Result<Vec<Applied>, StoreError>;

    /// The nearest assets, a list for each sub-query in their order. Once [`SearchRequest::cancel`] says so the work stops
    /// soon, with [`ErrorKind::Cancelled`] or [`ErrorKind::DeadlineExceeded`].
    async fn search(&self, request: SearchRequest) -> Result<Vec<SearchReply>, StoreError>;

    /// Cosines of the vector with every point of each asset, in order of track and ordinal, as they are and corrected;
    /// unknown assets give an empty list.
    async fn score_assets(
        &self,
        vector: &[f32],
        hubs: HubWeights,
        assets: &[AssetId],
    ) -> Result<Vec<Vec<ScoredPoint>>, StoreError>;

    /// Assets by id; `None` for unknown ones.
    async fn get(
        &self,
        assets: &[AssetId],
        with_vectors: bool,
    ) -> Result<Vec<Option<StoredAsset>>, StoreError>;

    /// The thumbnail of a point.
    async fn thumb(&self, point: &PointKey) -> Result<Option<Vec<u8>>, StoreError>;

    /// Live assets that meet the filter.
    async fn count(&self, filter: Option<&Filter>) -> Result<u64, StoreError>;

    /// A page of assets that meet the filter, in order of id, after `after`.
    async fn scroll(
        &self,
        filter: Option<&Filter>,
        after: Option<&AssetId>,
        limit: usize,
        with_vectors: bool,
    ) -> Result<Page, StoreError>;

    /// Source rows below a path (`path` starts with it at a `/`, or equals it), in order of key; an empty path gives
    /// all.
    async fn sources(&self, under: &[u8]) -> Result<Vec<(SourceKey, SourceRow)>, StoreError>;

    /// Counts and sizes.
    async fn stats(&self) -> Result<CollectionStats, StoreError>;

    /// Walks everything stored and reports what is wrong.
    async fn verify(&self) -> Result<Vec<Problem>, StoreError>;

    /// Builds the graph over what is written so far, if the store has one; returns when it is in use.
    async fn seal(&self) -> Result<(), StoreError>;
}
