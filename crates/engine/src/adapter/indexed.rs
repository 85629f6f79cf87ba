//! [`Store`] by a collection of the embedded index. Every call runs on a thread for blocking work.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sensorium_index::{Collection, IndexError};
use sensorium_store::{Store, StoreError};
use sensorium_types::{
    Applied, AssetId, Change, CollectionStats, ErrorKind, Filter, HubWeights, Page, PointKey, Problem,
    ScoredPoint, SearchReply, SearchRequest, SourceKey, SourceRow, SpaceInfo, StoredAsset,
};

/// A collection as a store.
pub(crate) struct IndexStore(Arc<Collection>);

impl fmt::Debug for IndexStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IndexStore").field(&self.0.name()).finish()
    }
}

impl IndexStore {
    pub(crate) const fn new(collection: Arc<Collection>) -> Self {
        Self(collection)
    }

    async fn call<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Collection) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let collection = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || body(&collection)).await;
        done.map_err(|error| StoreError {
            kind: ErrorKind::Bug,
            message: "a task of the index died".to_owned(),
            source: Some(Box::new(error)),
        })?
        .map_err(|error| StoreError {
            kind: error.kind(),
            message: error.to_string(),
            source: std::error::Error::source(&error).map(|source| source.to_string().into()),
        })
    }
}

#[async_trait]
impl Store for IndexStore {
    fn space(&self) -> SpaceInfo {
        self.0.space()
    }

    fn keeps_captions(&self) -> bool {
        self.0.keeps_captions()
    }

    fn corrects(&self) -> bool {
        self.0.corrects()
    }

    async fn fill_hubs(&self) -> Result<bool, StoreError> {
        self.call(Collection::fill_hubs).await
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<Vec<Applied>, StoreError> {
        self.call(move |collection| collection.apply(changes)).await
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<SearchReply>, StoreError> {
        self.call(move |collection| collection.search(&request)).await
    }

    async fn score_assets(
        &self,
        vector: &[f32],
        hubs: HubWeights,
        assets: &[AssetId],
    ) -> Result<Vec<Vec<ScoredPoint>>, StoreError> {
        let (vector, assets) = (vector.to_vec(), assets.to_vec());
        self.call(move |collection| collection.score_assets(&vector, hubs, &assets)).await
    }

    async fn get(
        &self,
        assets: &[AssetId],
        with_vectors: bool,
    ) -> Result<Vec<Option<StoredAsset>>, StoreError> {
        let assets = assets.to_vec();
        self.call(move |collection| collection.get(&assets, with_vectors)).await
    }

    async fn thumb(&self, point: &PointKey) -> Result<Option<Vec<u8>>, StoreError> {
        let point = point.clone();
        self.call(move |collection| collection.thumb(&point)).await
    }

    async fn count(&self, filter: Option<&Filter>) -> Result<u64, StoreError> {
        let filter = filter.cloned();
        self.call(move |collection| collection.count(filter.as_ref())).await
    }

    async fn scroll(
        &self,
        filter: Option<&Filter>,
        after: Option<&AssetId>,
        limit: usize,
        with_vectors: bool,
    ) -> Result<Page, StoreError> {
        let (filter, after) = (filter.cloned(), after.cloned());
        self.call(move |collection| collection.scroll(filter.as_ref(), after.as_ref(), limit, with_vectors))
            .await
    }

    async fn sources(&self, under: &[u8]) -> Result<Vec<(SourceKey, SourceRow)>, StoreError> {
        let under = under.to_vec();
        self.call(move |collection| collection.sources(&under)).await
    }

    async fn stats(&self) -> Result<CollectionStats, StoreError> {
        self.call(Collection::stats).await
    }

    async fn verify(&self) -> Result<Vec<Problem>, StoreError> {
        self.call(Collection::verify).await
    }

    async fn seal(&self) -> Result<(), StoreError> {
        self.call(Collection::seal).await
    }
}

#[cfg(test)]
mod tests {
    use sensorium_index::{Database, OpenOptions};
    use sensorium_store::contract::{Fresh, run_all};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_index_keeps_the_contract_of_a_store() {
        let space = SpaceInfo { id: "test".to_owned(), dim: 16, revision: "test@1".to_owned() };
        run_all(async || {
            let folder = tempfile::tempdir().expect("temporary folder");
            let database = Database::open(folder.path(), OpenOptions::default()).expect("opens");
            let collection = database.create_or_open("default", &space).expect("made");
            Fresh { store: Arc::new(IndexStore::new(collection)), keep: Box::new((database, folder)) }
        })
        .await;
    }
}
