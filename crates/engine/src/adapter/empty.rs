//! [`Store`] without anything in it: what readers see of a data folder that does not exist.

use async_trait::async_trait;
use sensorium_store::{Store, StoreError};
use sensorium_types::{
    Applied, AssetId, Change, CollectionStats, ErrorKind, Filter, HubWeights, Page, Plan, PointKey, Problem,
    ScoredPoint, SearchReply, SearchRequest, SourceKey, SourceRow, SpaceInfo, StoredAsset,
};

/// A store that is empty and stays so.
#[derive(Debug)]
pub(crate) struct EmptyStore(SpaceInfo);

impl EmptyStore {
    pub(crate) const fn new(space: SpaceInfo) -> Self {
        Self(space)
    }
}

#[async_trait]
impl Store for EmptyStore {
    fn space(&self) -> SpaceInfo {
        self.0.clone()
    }

    fn keeps_captions(&self) -> bool {
        false
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<Vec<Applied>, StoreError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let message = "the database is open for reading only".to_owned();
        Err(StoreError { kind: ErrorKind::FailedPrecondition, message, source: None })
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<SearchReply>, StoreError> {
        let none = || SearchReply { hits: Vec::new(), plan: Plan::ExactScan, points_compared: 0 };
        Ok(request.queries.iter().map(|_| none()).collect())
    }

    async fn score_assets(
        &self,
        _: &[f32],
        _: HubWeights,
        assets: &[AssetId],
    ) -> Result<Vec<Vec<ScoredPoint>>, StoreError> {
        Ok(assets.iter().map(|_| Vec::new()).collect())
    }

    async fn get(&self, assets: &[AssetId], _: bool) -> Result<Vec<Option<StoredAsset>>, StoreError> {
        Ok(assets.iter().map(|_| None).collect())
    }

    async fn thumb(&self, _: &PointKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    async fn count(&self, _: Option<&Filter>) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn scroll(
        &self,
        _: Option<&Filter>,
        _: Option<&AssetId>,
        _: usize,
        _: bool,
    ) -> Result<Page, StoreError> {
        Ok(Page { assets: Vec::new(), next: None })
    }

    async fn sources(&self, _: &[u8]) -> Result<Vec<(SourceKey, SourceRow)>, StoreError> {
        Ok(Vec::new())
    }

    async fn stats(&self) -> Result<CollectionStats, StoreError> {
        Ok(CollectionStats::default())
    }

    async fn verify(&self) -> Result<Vec<Problem>, StoreError> {
        Ok(Vec::new())
    }

    async fn seal(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
