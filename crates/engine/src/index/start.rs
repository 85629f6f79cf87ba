//! The beginning and the end of a run: PATHs made absolute, rows loaded, pruning planned; sources taken away, sealing.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use sensorium_media::Cancel;
use sensorium_store::{Store, all_assets, all_sources};
use sensorium_types::{Change, IndexEvent, IndexRequest, IndexSummary, ItemState};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

use super::globs::Selection;
use super::meta::MetaTable;
use super::prune::{self, Gone};
use super::report::{Reporter, Told};
use super::rows::Rows;
use super::shared::Run;
use crate::EngineError;
use crate::blocking::blocking;
use crate::seams::{Decode, Encode};
use crate::stages::Stages;
use crate::warning::warned;

/// Sources taken away in one change.
const PRUNE_BATCH: usize = 256;
/// Points outside the graph that make a run end with sealing, and their share of all.
const SEAL_POINTS: u64 = 20_000;
const SEAL_SHARE: u64 = 5;

/// What a run has of its engine.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) encode: Arc<dyn Encode>,
    pub(crate) decode: Arc<dyn Decode>,
    pub(crate) data_dir: PathBuf,
    pub(crate) jobs: usize,
    pub(crate) stages: Arc<Stages>,
}

/// Brings files and folders in: of what lies below the PATHs `only` these, as they are walked (none: all).
pub(crate) async fn index(
    setting: Setting,
    request: IndexRequest,
    only: Vec<PathBuf>,
    events: UnboundedSender<IndexEvent>,
    cancel: Cancel,
) -> Result<IndexSummary, EngineError> {
    let begun = Instant::now();
    let IndexRequest { paths, include, exclude, prune, force, meta, retry_all } = request;
    let roots = paths.iter().map(|path| absolute(path)).collect::<Result<Vec<_>, _>>()?;
    let selection = Selection::new(&include, &exclude, only)?;
    let mut left_out = vec![setting.data_dir.clone()];
    left_out.extend(meta.clone());
    let meta = match meta {
        Some(path) => blocking("read the metadata file", move || MetaTable::read(&path)).await?,
        None => MetaTable::default(),
    };
    let mut rows = Rows::default();
    for root in &roots {
        rows.extend(all_sources(setting.store.as_ref(), root.as_os_str().as_bytes()).await?);
    }
    let gone = if prune { prune::plan(&roots, &rows, force)? } else { Vec::new() };

    let again = if retry_all {
        let warned = all_assets(setting.store.as_ref(), &warned()).await?;
        warned.into_iter().map(|stored| stored.record.id).collect()
    } else {
        HashSet::new()
    };

    // A caller that goes away ends its run.
    let guard = cancel.on_drop();
    let space_revision = setting.store.space().revision;
    let run = Arc::new(Run {
        store: setting.store,
        encode: setting.encode,
        decode: setting.decode,
        cancel: cancel.clone(),
        runtime: Handle::current(),
        roots,
        left_out,
        selection,
        rows,
        meta,
        retry_all,
        again,
        space_revision,
        jobs: setting.jobs.max(1),
        stages: setting.stages,
        reporter: Reporter::new(events),
        in_flight: Mutex::default(),
        failed: Mutex::default(),
        decoded_again: Mutex::default(),
    });
    run.run().await?;
    if !cancel.is_cancelled() {
        take_away(&run, gone).await?;
        seal_if_grown(run.store.as_ref()).await?;
    }
    guard.disarm();
    Ok(IndexSummary {
        seconds: begun.elapsed().as_secs_f64(),
        interrupted: cancel.is_cancelled(),
        metadata_unused: run.meta.unused(),
        ..run.reporter.counts()
    })
}

/// The absolute path of a PATH, which must be there. Links stay as they are written; `..` is resolved, for what it
/// means depends on links.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, EngineError> {
    let failed = |source: std::io::Error| {
        if source.kind() == std::io::ErrorKind::NotFound {
            EngineError::PathMissing { path: path.to_path_buf() }
        } else {
            EngineError::Io { action: "look at a path to index", source }
        }
    };
    fs_err::symlink_metadata(path).map_err(failed)?;
    if path.components().any(|component| component == Component::ParentDir) {
        return fs_err::canonicalize(path).map_err(failed);
    }
    let absolute = std::path::absolute(path).map_err(failed)?;
    Ok(absolute.components().collect())
}

/// Takes sources away whose files are gone; those that came back meanwhile stay.
async fn take_away(run: &Run, gone: Vec<Gone>) -> Result<(), EngineError> {
    let is_gone =
        |gone: &Gone| prune::is_gone(&gone.path) || prune::is_now_a_folder(&gone.path, gone.asset.as_ref());
    let gone: Vec<Gone> = gone.into_iter().filter(is_gone).collect();
    for batch in gone.chunks(PRUNE_BATCH) {
        let keys = batch.iter().flat_map(|gone| gone.keys.iter().cloned()).collect();
        run.store.apply(vec![Change::RemoveSources { keys }]).await?;
        for Gone { path, keys: _, asset } in batch {
            run.reporter.tell(Told {
                path: path.clone(),
                asset: asset.clone(),
                modality: None,
                points: 0,
                state: ItemState::Pruned,
                reason: None,
            });
        }
    }
    Ok(())
}

/// Builds the graph anew once many points lie outside it.
pub(crate) async fn seal_if_grown(store: &dyn Store) -> Result<(), EngineError> {
    let stats = store.stats().await?;
    let outside = stats.points.saturating_sub(stats.points_in_graph.unwrap_or(stats.points));
    if outside >= SEAL_POINTS && outside * SEAL_SHARE >= stats.points {
        store.seal().await?;
    }
    Ok(())
}
