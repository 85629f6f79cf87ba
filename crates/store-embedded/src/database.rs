//! Data folders by the embedded index.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sensorium_index::{Database, MemoryBudget, OpenOptions};
use sensorium_store::{Access, OpenFolder, Storage, Store, StoreError};
use sensorium_types::{Alias, AliasChange, CollectionSummary, Problem, SharedFigures, SpaceInfo};

use crate::{IndexStore, blocking};

/// The embedded index as a kind of storage.
#[derive(Debug, Clone, Copy, Default)]
pub struct Embedded;

#[async_trait]
impl Storage for Embedded {
    async fn open(&self, folder: OpenFolder<'_>) -> Result<Arc<dyn sensorium_store::Database>, StoreError> {
        let OpenFolder { path, access, hubs } = folder;
        let path = path.to_path_buf();
        let database = blocking(move || {
            let options = OpenOptions { read_only: access == Access::Read, budget: MemoryBudget::default() };
            Ok(Database::open(&path, options)?.with_hubs(hubs))
        })
        .await?;
        Ok(Arc::new(EmbeddedDatabase(Arc::new(database))))
    }

    fn has_writer(&self, path: &Path) -> Option<bool> {
        sensorium_index::has_writer(path)
    }
}

/// An open data folder.
struct EmbeddedDatabase(Arc<Database>);

impl fmt::Debug for EmbeddedDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedDatabase").field("read_only", &self.0.is_read_only()).finish_non_exhaustive()
    }
}

impl EmbeddedDatabase {
    async fn call<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Database) -> Result<T, sensorium_index::IndexError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let database = Arc::clone(&self.0);
        blocking(move || body(&database)).await
    }
}

fn store(collection: Arc<sensorium_index::Collection>) -> Arc<dyn Store> {
    Arc::new(IndexStore::new(collection))
}

#[async_trait]
impl sensorium_store::Database for EmbeddedDatabase {
    async fn collections(&self) -> Result<Vec<CollectionSummary>, StoreError> {
        let listed = self.call(Database::collections).await?.into_iter();
        Ok(listed.map(|info| CollectionSummary { name: info.name, space: info.space }).collect())
    }

    fn figures(&self) -> SharedFigures {
        self.0.figures()
    }

    async fn open(&self, name: &str) -> Result<Option<Arc<dyn Store>>, StoreError> {
        let name = name.to_owned();
        Ok(self.call(move |database| database.open_collection(&name)).await?.map(store))
    }

    async fn create_or_open(&self, name: &str, space: &SpaceInfo) -> Result<Arc<dyn Store>, StoreError> {
        let (name, space) = (name.to_owned(), space.clone());
        Ok(store(self.call(move |database| database.create_or_open(&name, &space)).await?))
    }

    async fn drop_collection(&self, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.call(move |database| database.drop_collection(&name)).await
    }

    async fn aliases(&self) -> Result<Vec<Alias>, StoreError> {
        self.call(Database::aliases).await
    }

    async fn change_aliases(&self, changes: Vec<AliasChange>) -> Result<(), StoreError> {
        self.call(move |database| database.change_aliases(changes)).await
    }

    async fn successor(&self, name: &str) -> Result<Option<Arc<dyn Store>>, StoreError> {
        let name = name.to_owned();
        Ok(self.call(move |database| database.successor(&name)).await?.map(store))
    }

    async fn begin_successor(&self, name: &str, space: &SpaceInfo) -> Result<Arc<dyn Store>, StoreError> {
        let (name, space) = (name.to_owned(), space.clone());
        Ok(store(self.call(move |database| database.begin_successor(&name, &space)).await?))
    }

    async fn promote_successor(&self, name: &str, keeps: bool) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.call(move |database| database.promote_successor(&name, keeps)).await
    }

    async fn kept(&self, name: &str) -> Result<Option<Arc<dyn Store>>, StoreError> {
        let name = name.to_owned();
        Ok(self.call(move |database| database.kept(&name)).await?.map(store))
    }

    async fn drop_kept(&self, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.call(move |database| database.drop_kept(&name)).await
    }

    async fn clear_replaced(&self) -> Result<bool, StoreError> {
        self.call(|database| database.clear_replaced()).await
    }

    async fn verify(&self, name: &str) -> Result<Option<Vec<Problem>>, StoreError> {
        let name = name.to_owned();
        self.call(move |database| database.verify(&name)).await
    }

    async fn repair(&self, name: &str, dry_run: bool) -> Result<Option<Vec<Problem>>, StoreError> {
        let name = name.to_owned();
        self.call(move |database| database.repair(&name, dry_run)).await
    }
}
