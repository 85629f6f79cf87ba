//! A standing query: what matches among the assets that come in, as they come.

use std::sync::Arc;

use sensorium_store::Store;
use sensorium_types::{Cancel, Filter, Hit, Modality, QueryRequest, WEAK_SCORE};

use crate::EngineError;
use crate::engine::Engine;
use crate::query::{Shape, Standing};

/// Changes that are looked at in one go.
const CHANGES: usize = 256;

/// A query that stands, and up to where it has looked.
#[derive(Debug)]
pub struct Watch {
    store: Arc<dyn Store>,
    standing: Standing,
    modalities: Vec<Modality>,
    filter: Option<Filter>,
    shape: Shape,
    at: u64,
}

impl Engine {
    /// Lets a query stand, for what comes after a change (`None`: from now on). Its terms, modalities, filter, score and whether
    /// it asks for every moment count; without a score, hits above what chance reaches are given.
    ///
    /// # Errors
    /// As [`Engine::query`]; if there was no such change yet, or it is so long ago that what came since is not known any more.
    pub async fn watch(
        &self,
        request: QueryRequest,
        after: Option<u64>,
        cancel: Cancel,
    ) -> Result<Watch, EngineError> {
        let QueryRequest { terms, modalities, filter, min_score, every_moment, raw, .. } = request;
        let store = self.store();
        let at = after.unwrap_or_else(|| store.change());
        // Said before anything is encoded.
        store.added(at, 0).await?;
        let sources = self.sources(&terms, raw)?;
        let standing = Box::pin(Standing::new(sources, terms, cancel)).await?;
        let shape =
            Shape { every_moment, min_score: Some(min_score.unwrap_or(WEAK_SCORE)), limit: usize::MAX };
        Ok(Watch { store, standing, modalities, filter, shape, at })
    }
}

impl Watch {
    /// The change up to which it has looked.
    pub const fn change(&self) -> u64 {
        self.at
    }

    /// Whether there were changes since.
    pub fn is_behind(&self) -> bool {
        self.store.change() > self.at
    }

    /// Looks at what the next changes brought, some hundred at most; gives what matches.
    ///
    /// # Errors
    /// If the store fails, or what came is not known any more.
    pub async fn look(&mut self) -> Result<Vec<Hit>, EngineError> {
        let added = self.store.added(self.at, CHANGES).await?;
        let stored = self.store.get(&added.assets, false).await?;
        let meant = stored.into_iter().flatten().filter(|stored| {
            let of_these = self.modalities.is_empty() || self.modalities.contains(&stored.record.modality);
            of_these && self.filter.as_ref().is_none_or(|filter| filter.matches(&stored.record.payload()))
        });
        let assets: Vec<_> = meant.map(|stored| (stored.record.id, stored.record.modality)).collect();
        let hits =
            if assets.is_empty() { Vec::new() } else { self.standing.hits(assets, self.shape).await? };
        self.at = added.upto;
        Ok(hits)
    }
}
