//! [`EmptyStore`]: what readers see of a collection that was never made.

use async_trait::async_trait;
use sensorium_types::{
    Added, Applied, AssetId, Change, CollectionStats, Cursor, ErrorKind, FieldIndex, Filter, Page, Plan,
    PointKey, Problem, ScoredPoint, SearchReply, SearchRequest, SourceKey, SourceRow, SpaceInfo, StoredAsset,
    SubQuery,
};

use crate::{Catalogue, Store, StoreError, Upkeep, VectorSearch};

/// A store that is empty and stays so.
#[derive(Debug)]
pub struct EmptyStore(SpaceInfo);

impl EmptyStore {
    /// One for vectors of this space.
    pub const fn new(space: SpaceInfo) -> Self {
        Self(space)
    }
}

fn read_only() -> StoreError {
    let message = "the database is open for reading only".to_owned();
    StoreError { kind: ErrorKind::FailedPrecondition, message, source: None }
}

#[async_trait]
impl VectorSearch for EmptyStore {
    fn space(&self) -> SpaceInfo {
        self.0.clone()
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<SearchReply>, StoreError> {
        let none =
            || SearchReply { hits: Vec::new(), plan: Plan::ExactScan, points_compared: 0, filter: None };
        Ok(request.queries.iter().map(|_| none()).collect())
    }

    async fn score_assets(
        &self,
        _: &[SubQuery],
        assets: &[AssetId],
    ) -> Result<Vec<Vec<ScoredPoint>>, StoreError> {
        Ok(assets.iter().map(|_| Vec::new()).collect())
    }
}

#[async_trait]
impl Catalogue for EmptyStore {
    async fn get(&self, assets: &[AssetId], _: bool) -> Result<Vec<Option<StoredAsset>>, StoreError> {
        Ok(assets.iter().map(|_| None).collect())
    }

    async fn count(&self, _: Option<&Filter>) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn scroll(
        &self,
        _: Option<&Filter>,
        _: Option<&Cursor>,
        _: usize,
        _: bool,
    ) -> Result<Page<StoredAsset>, StoreError> {
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn newest(&self, _: Option<&Cursor>, _: usize, _: bool) -> Result<Page<StoredAsset>, StoreError> {
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn sources(
        &self,
        _: &[u8],
        _: Option<&Cursor>,
        _: usize,
    ) -> Result<Page<(SourceKey, SourceRow)>, StoreError> {
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn thumbs(&self, points: &[PointKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        Ok(points.iter().map(|_| None).collect())
    }
}

#[async_trait]
impl Upkeep for EmptyStore {
    async fn index_field(&self, _: &str, _: bool) -> Result<bool, StoreError> {
        Err(read_only())
    }

    async fn field_indexes(&self) -> Result<Vec<FieldIndex>, StoreError> {
        Ok(Vec::new())
    }

    async fn stats(&self) -> Result<CollectionStats, StoreError> {
        let none = Some(0);
        Ok(CollectionStats {
            points_in_graph: none,
            bytes_on_disk: none,
            bytes_in_memory: none,
            ..CollectionStats::default()
        })
    }

    async fn verify(&self) -> Result<Vec<Problem>, StoreError> {
        Ok(Vec::new())
    }

    async fn repair(&self, _: bool) -> Result<Vec<Problem>, StoreError> {
        Ok(Vec::new())
    }

    async fn seal(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Store for EmptyStore {
    fn keeps_captions(&self) -> bool {
        false
    }

    fn change(&self) -> u64 {
        0
    }

    async fn added(&self, _: u64, _: usize) -> Result<Added, StoreError> {
        Ok(Added::default())
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<Vec<Applied>, StoreError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        Err(read_only())
    }
}
