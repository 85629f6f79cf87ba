//! What `failures --retry` has to do: files that failed, and files that were indexed with a warning.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use sensorium_store::{all_assets, each_source};
use sensorium_types::{
    AssetId, Cancel, Change, IndexEvent, IndexRequest, IndexSummary, SourceKey, SourceRow, path_of,
};
use tokio::sync::mpsc::UnboundedSender;

use crate::EngineError;
use crate::engine::Engine;
use crate::index::is_gone;
use crate::warning::warned;

/// What is tried again, and what need not be.
#[derive(Debug, Default)]
pub struct RetryPlan {
    /// A run for each PATH that the files were met under.
    pub runs: Vec<RetryRun>,
    /// Rows of failed files that are gone. No asset hangs on them.
    pub gone: Vec<SourceKey>,
}

/// Files below one PATH that are tried again.
#[derive(Debug, Clone)]
pub struct RetryRun {
    root: PathBuf,
    /// These alone, as they were walked.
    files: Vec<PathBuf>,
}

impl Engine {
    /// Looks what is to be tried again. Nothing is written.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn plan_retry(&self) -> Result<RetryPlan, EngineError> {
        let warned = all_assets(self.store.as_ref(), &warned()).await?;
        let warned: HashSet<AssetId> = warned.into_iter().map(|stored| stored.record.id).collect();
        let mut plan = RetryPlan::default();
        let mut below: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
        let each = |key: SourceKey, row: SourceRow| {
            let path = path_of(&key.path);
            match row.state.asset() {
                None if is_gone(&path) => plan.gone.push(key),
                None => below.entry(path_of(&key.root)).or_default().push(path),
                Some(asset) if warned.contains(asset) && !is_gone(&path) => {
                    below.entry(path_of(&key.root)).or_default().push(path);
                }
                Some(_) => {}
            }
            ControlFlow::Continue(())
        };
        each_source(self.store.as_ref(), b"", each).await?;
        plan.runs = below.into_iter().map(|(root, files)| RetryRun { root, files }).collect();
        Ok(plan)
    }

    /// Tries the files of one run again, whatever became of them before; else as [`Engine::index`].
    ///
    /// # Errors
    /// As [`Engine::index`].
    pub async fn retry(
        &self,
        run: RetryRun,
        events: UnboundedSender<IndexEvent>,
        cancel: Cancel,
    ) -> Result<IndexSummary, EngineError> {
        let RetryRun { root, files } = run;
        let request = IndexRequest { paths: vec![root], retry_all: true, ..IndexRequest::default() };
        self.index_only(files, request, events, cancel).await
    }

    /// Forgets rows of failed files; one that comes back is met as a new one.
    ///
    /// # Errors
    /// If the engine only reads, or the store fails.
    pub async fn forget(&self, gone: Vec<SourceKey>) -> Result<Vec<PathBuf>, EngineError> {
        let _writes = self.begin_write()?;
        let paths = gone.iter().map(|key| path_of(&key.path)).collect();
        if !gone.is_empty() {
            self.store.apply(vec![Change::RemoveSources { keys: gone }]).await?;
        }
        Ok(paths)
    }
}
