//! [`VectorSearch`]: the nearest assets.

use std::fmt::Debug;

use async_trait::async_trait;
use sensorium_types::{AssetId, ScoredPoint, SearchReply, SearchRequest, SpaceInfo, SubQuery};

use crate::StoreError;

/// Vectors of one space, and searches among them.
#[async_trait]
pub trait VectorSearch: Send + Sync + Debug {
    /// The space of the vectors.
    fn space(&self) -> SpaceInfo;

    /// Whether cosines are corrected by hub values where a search asks for it: every point has them. What is made of
    /// corrected cosines must know it, for they mean something else.
    fn corrects(&self) -> bool {
        false
    }

    /// The nearest assets, a list for each sub-query in their order. Once [`SearchRequest::cancel`] says so the work stops
    /// soon, with [`ErrorKind::Cancelled`](sensorium_types::ErrorKind::Cancelled) or
    /// [`ErrorKind::DeadlineExceeded`](sensorium_types::ErrorKind::DeadlineExceeded).
    async fn search(&self, request: SearchRequest) -> Result<Vec<SearchReply>, StoreError>;

    /// Cosines with every point of each asset, in order of track and ordinal, as they are and corrected: a point is compared with
    /// the first of the sub-queries that asks its track, if one does. Unknown assets give an empty list.
    async fn score_assets(
        &self,
        queries: &[SubQuery],
        assets: &[AssetId],
    ) -> Result<Vec<Vec<ScoredPoint>>, StoreError>;
}
