//! A collection of the embedded index as a store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sensorium_index::{Collection, IndexError};
use sensorium_store::{Catalogue, Store, StoreError, Upkeep, VectorSearch};
use sensorium_types::{
    Added, Applied, AssetId, Cancel, Change, CollectionStats, Cursor, FieldIndex, Filter, Page, PointKey,
    Problem, ScoredPoint, SearchReply, SearchRequest, SourceKey, SourceRow, SpaceInfo, StorageFigures,
    StoredAsset, SubQuery,
};

use crate::blocking;

/// A collection as a store.
pub struct IndexStore(Arc<Collection>);

impl fmt::Debug for IndexStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IndexStore").field(&self.0.name()).finish()
    }
}

impl IndexStore {
    /// An open collection.
    pub const fn new(collection: Arc<Collection>) -> Self {
        Self(collection)
    }

    async fn call<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Collection) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let collection = Arc::clone(&self.0);
        blocking(move || body(&collection)).await
    }

    /// A call that ends when nobody waits for it any more.
    async fn call_until<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Collection, &Cancel) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let cancel = Cancel::new();
        let _ends_with_the_call = cancel.on_drop();
        self.call(move |collection| body(collection, &cancel)).await
    }
}

#[async_trait]
impl VectorSearch for IndexStore {
    fn space(&self) -> SpaceInfo {
        self.0.space()
    }

    fn corrects(&self) -> bool {
        self.0.corrects()
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<SearchReply>, StoreError> {
        self.call(move |collection| collection.search(&request)).await
    }

    async fn score_assets(
        &self,
        queries: &[SubQuery],
        assets: &[AssetId],
    ) -> Result<Vec<Vec<ScoredPoint>>, StoreError> {
        let (queries, assets) = (queries.to_vec(), assets.to_vec());
        self.call(move |collection| collection.score_assets(&queries, &assets)).await
    }
}

#[async_trait]
impl Catalogue for IndexStore {
    async fn get(
        &self,
        assets: &[AssetId],
        with_vectors: bool,
    ) -> Result<Vec<Option<StoredAsset>>, StoreError> {
        let assets = assets.to_vec();
        self.call(move |collection| collection.get(&assets, with_vectors)).await
    }

    async fn count(&self, filter: Option<&Filter>) -> Result<u64, StoreError> {
        let filter = filter.cloned();
        self.call_until(move |collection, cancel| collection.count_until(filter.as_ref(), cancel)).await
    }

    async fn scroll(
        &self,
        filter: Option<&Filter>,
        from: Option<&Cursor>,
        limit: usize,
        with_vectors: bool,
    ) -> Result<Page<StoredAsset>, StoreError> {
        let (filter, from) = (filter.cloned(), from.cloned());
        self.call_until(move |collection, cancel| {
            collection.scroll_until((filter.as_ref(), from.as_ref()), limit, with_vectors, cancel)
        })
        .await
    }

    async fn newest(
        &self,
        from: Option<&Cursor>,
        limit: usize,
        with_vectors: bool,
    ) -> Result<Page<StoredAsset>, StoreError> {
        let from = from.cloned();
        self.call(move |collection| collection.newest(from.as_ref(), limit, with_vectors)).await
    }

    async fn sources(
        &self,
        under: &[u8],
        from: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<(SourceKey, SourceRow)>, StoreError> {
        let (under, from) = (under.to_vec(), from.cloned());
        self.call(move |collection| collection.sources(&under, from.as_ref(), limit)).await
    }

    async fn thumbs(&self, points: &[PointKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let points = points.to_vec();
        self.call(move |collection| collection.thumbs(&points)).await
    }
}

#[async_trait]
impl Upkeep for IndexStore {
    async fn index_field(&self, field: &str, wanted: bool) -> Result<bool, StoreError> {
        let field = field.to_owned();
        self.call(move |collection| collection.index_field(&field, wanted)).await
    }

    async fn field_indexes(&self) -> Result<Vec<FieldIndex>, StoreError> {
        Ok(self.0.field_indexes())
    }

    async fn stats(&self) -> Result<CollectionStats, StoreError> {
        self.call(Collection::stats).await
    }

    async fn figures(&self) -> Result<StorageFigures, StoreError> {
        self.call(Collection::figures).await
    }

    async fn verify(&self) -> Result<Vec<Problem>, StoreError> {
        self.call_until(|collection, cancel| collection.verify_until(cancel)).await
    }

    async fn repair(&self, dry_run: bool) -> Result<Vec<Problem>, StoreError> {
        self.call(move |collection| collection.repair(dry_run)).await
    }

    async fn seal(&self) -> Result<(), StoreError> {
        self.call(Collection::seal).await
    }

    async fn fill_hubs(&self) -> Result<bool, StoreError> {
        self.call(Collection::fill_hubs).await
    }
}

#[async_trait]
impl Store for IndexStore {
    fn keeps_captions(&self) -> bool {
        self.0.keeps_captions()
    }

    fn change(&self) -> u64 {
        self.0.change()
    }

    async fn added(&self, after: u64, limit: usize) -> Result<Added, StoreError> {
        self.call(move |collection| collection.added(after, limit)).await
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<Vec<Applied>, StoreError> {
        self.call(move |collection| collection.apply(changes)).await
    }
}

#[cfg(test)]
mod tests {
    use sensorium_index::{Database, GraphParams, OpenOptions, Planning, Tuning};
    use sensorium_store::contract::{Fresh, run_all};

    use super::*;

    fn space() -> SpaceInfo {
        SpaceInfo::one("test", 16, "test@1")
    }

    async fn keeps_the_contract(tuning: Tuning) {
        run_all(async || {
            let folder = tempfile::tempdir().expect("temporary folder");
            let database =
                Database::open_tuned(folder.path(), OpenOptions::default(), tuning).expect("opens");
            let collection = database.create_or_open("default", &space()).expect("made");
            Fresh { store: Arc::new(IndexStore::new(collection)), keep: Box::new((database, folder)) }
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_index_keeps_the_contract_of_a_store() {
        keeps_the_contract(Tuning::default()).await;
    }

    /// With segments of a few points, so that searches walk graphs, and side by side.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_index_keeps_the_contract_when_graphs_are_walked() {
        let graph = GraphParams { m: 8, ef_construct: 64, ef: 64 };
        let walk = Tuning {
            seal_points: 8,
            asset_file_changes: 3,
            planning: Planning::Walk,
            side_by_side_points: 0,
            graph,
            ..Tuning::default()
        };
        keeps_the_contract(walk).await;
    }
}
