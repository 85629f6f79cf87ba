//! What `failures --retry` has to do: files that failed, and files that were indexed with a warning.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use sensorium_store::all_sources;
use sensorium_types::{AssetId, Change, SourceKey};

use crate::calls::{all_that_meet, path_of};
use crate::engine::Engine;
use crate::index::is_gone;
use crate::warning::warned;
use crate::{EngineError, IndexRequest};

/// What is tried again, and what need not be.
#[derive(Debug, Default)]
pub struct RetryPlan {
    /// A run for each PATH that the files were met under.
    pub runs: Vec<IndexRequest>,
    /// Rows of failed files that are gone. No asset hangs on them.
    pub gone: Vec<SourceKey>,
}

impl Engine {
    /// Looks what is to be tried again. Nothing is written.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn plan_retry(&self) -> Result<RetryPlan, EngineError> {
        let warned = all_that_meet(self.store.as_ref(), &warned()).await?;
        let warned: HashSet<AssetId> = warned.into_iter().map(|stored| stored.record.id).collect();
        let mut plan = RetryPlan::default();
        let mut below: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
        for (key, row) in all_sources(self.store.as_ref(), b"").await? {
            let path = path_of(&key.path);
            match row.state.asset() {
                None if is_gone(&path) => plan.gone.push(key),
                None => below.entry(path_of(&key.root)).or_default().push(path),
                Some(asset) if warned.contains(asset) && !is_gone(&path) => {
                    below.entry(path_of(&key.root)).or_default().push(path);
                }
                Some(_) => {}
            }
        }
        let run = |(root, only)| IndexRequest {
            paths: vec![root],
            only,
            retry_all: true,
            ..IndexRequest::default()
        };
        plan.runs = below.into_iter().map(run).collect();
        Ok(plan)
    }

    /// Forgets rows of failed files; one that comes back is met as a new one.
    ///
    /// # Errors
    /// If the engine only reads, or the store fails.
    pub async fn forget(&self, gone: Vec<SourceKey>) -> Result<Vec<PathBuf>, EngineError> {
        self.check_writable()?;
        let paths = gone.iter().map(|key| path_of(&key.path)).collect();
        if !gone.is_empty() {
            self.store.apply(vec![Change::RemoveSources { keys: gone }]).await?;
        }
        Ok(paths)
    }
}
