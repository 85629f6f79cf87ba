//! The end of a run: sources and deletions are made the same as before, and the successor steps in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use sensorium_store::{Store, all_sources};
use sensorium_types::{AssetId, Change, ReembedSummary, SourceKey, SourceRow};
use tokio::runtime::Handle;

use super::plan;
use super::run::Order;
use super::shared::Run;
use crate::EngineError;
use crate::engine::Engine;
use crate::index::seal_if_grown;

/// Changes of one call of the store.
const BATCH: usize = 256;

/// Runs a plan to its end. Without a successor the collection is in the bundle's space, and is mended in place.
pub(super) async fn reembed(
    engine: &Engine,
    successor: Option<Arc<dyn Store>>,
    order: Order,
) -> Result<ReembedSummary, EngineError> {
    let begun = Instant::now();
    let Order { pending, without_media, losses, keeps, events, cancel } = order;
    let from = engine.store();
    let moves = successor.is_some();
    let to = successor.unwrap_or_else(|| Arc::clone(&from));
    let lacking = without_media.into_iter().map(|lacking| (lacking.asset.clone(), lacking)).collect();
    let run = Arc::new(Run {
        sources: plan::by_asset(all_sources(from.as_ref(), b"").await?),
        from: Arc::clone(&from),
        to: Arc::clone(&to),
        moves,
        encode: Arc::clone(&engine.encode),
        decode: Arc::clone(&engine.decode),
        data_dir: engine.data_dir.clone(),
        jobs: engine.jobs,
        losses,
        cancel: cancel.clone(),
        runtime: Handle::current(),
        lacking,
        unread: Mutex::default(),
    });
    let mut summary = run.run(pending, &events).await?;
    summary.unread = std::mem::take(&mut *run.unread.lock());
    summary.unread.sort_by(|a, b| a.asset.cmp(&b.asset));
    summary.interrupted = cancel.is_cancelled();
    if moves && !summary.interrupted && summary.unread.is_empty() {
        drop_deleted(from.as_ref(), to.as_ref()).await?;
        copy_sources(from.as_ref(), to.as_ref()).await?;
        to.apply(vec![Change::KeepCaptions { wanted: from.keeps_captions() }]).await?;
        for index in from.field_indexes().await?.into_iter().filter(|index| index.asked) {
            to.index_field(&index.field, true).await?;
        }
        let (expected, found) = (from.count(None).await?, to.count(None).await?);
        if expected != found {
            return Err(EngineError::NotWhole { expected, found });
        }
        seal_if_grown(to.as_ref()).await?;
        drop((run, to));
        engine.database("replace a collection")?.promote_successor(&engine.collection, keeps).await?;
        summary.finished = true;
    }
    summary.finished |= !moves && !summary.interrupted;
    summary.seconds = begun.elapsed().as_secs_f64();
    Ok(summary)
}

/// Assets that were deleted since an earlier run brought them over.
async fn drop_deleted(from: &dyn Store, to: &dyn Store) -> Result<(), EngineError> {
    let mut from_cursor = None;
    loop {
        let page = to.scroll(None, from_cursor.as_ref(), BATCH, false).await?;
        let ids: Vec<AssetId> = page.items.into_iter().map(|stored| stored.record.id).collect();
        let known = from.get(&ids, false).await?;
        let gone = ids.into_iter().zip(known).filter(|(_, known)| known.is_none());
        let deletes: Vec<Change> = gone.map(|(asset, _)| Change::Delete { asset }).collect();
        if !deletes.is_empty() {
            to.apply(deletes).await?;
        }
        match page.next {
            Some(next) => from_cursor = Some(next),
            None => return Ok(()),
        }
    }
}

/// Makes the source rows those of the collection: also those of failed files, and without those that went meanwhile.
async fn copy_sources(from: &dyn Store, to: &dyn Store) -> Result<(), EngineError> {
    let mut there: BTreeMap<SourceKey, SourceRow> = all_sources(to, b"").await?.into_iter().collect();
    let rows = all_sources(from, b"").await?;
    let missing: Vec<_> =
        rows.into_iter().filter(|(key, row)| there.remove(key).as_ref() != Some(row)).collect();
    let mut changes: Vec<Change> =
        missing.into_iter().map(|(key, row)| Change::PutSource { key, row }).collect();
    // Last, so that no asset from files is without one in between.
    changes.push(Change::RemoveSources { keys: there.into_keys().collect() });
    for batch in changes.chunks(BATCH) {
        to.apply(batch.to_vec()).await?;
    }
    Ok(())
}
