//! Which assets are to be done, and which lack their media.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use sensorium_media::Cancel;
use sensorium_store::{Store, all_sources};
use sensorium_types::{
    AssetId, AssetRecord, FailureReason, ReembedPlan, SourceKey, SourceRow, StoredAsset, Substitute,
    WithoutMedia, path_of,
};

use super::{MARK_FIELD, Reembedding, media};
use crate::EngineError;
use crate::blocking::blocking;
use crate::engine::Engine;

/// Assets looked at in one go.
const PAGE: usize = 1000;

/// Source rows by the asset they point at.
pub(super) type SourcesByAsset = HashMap<AssetId, Vec<(SourceKey, SourceRow)>>;

/// Every source row that points at an asset.
pub(super) fn by_asset(rows: Vec<(SourceKey, SourceRow)>) -> SourcesByAsset {
    let mut sources = SourcesByAsset::new();
    for (key, row) in rows {
        if let Some(asset) = row.state.asset().cloned() {
            sources.entry(asset).or_default().push((key, row));
        }
    }
    sources
}

/// The sources of an asset in the order of its paths.
pub(super) fn ordered(
    stored: &StoredAsset,
    mut rows: Vec<(SourceKey, SourceRow)>,
) -> Vec<(SourceKey, SourceRow)> {
    let place = |key: &SourceKey| stored.paths.iter().position(|path| *path == key.path);
    rows.sort_by_key(|(key, _)| place(key));
    rows
}

/// Looks at every asset.
pub(super) async fn plan(
    engine: &Engine,
    successor: Option<Arc<dyn Store>>,
    cancel: &Cancel,
) -> Result<Reembedding, EngineError> {
    let state = (engine.change(), successor.as_ref().map(|successor| successor.change()));
    let (store, from, to) = (engine.store(), engine.space(), engine.encode.space());
    // In the bundle's own space only what an earlier run could not read is tried again.
    let in_place = from == to;
    let filter = in_place.then(super::marked);
    let mut sources = by_asset(all_sources(store.as_ref(), b"").await?);
    let (assets, mut pending) = (store.count(None).await?, Vec::new());
    let mut plan = ReembedPlan { from, to, assets, done: 0, pending: 0, without_media: Vec::new() };
    let mut after = None;
    loop {
        let page = store.scroll(filter.as_ref(), after.as_ref(), PAGE, false).await?;
        let assets = match &successor {
            Some(successor) => missing(successor.as_ref(), page.items).await?,
            None => page.items,
        };
        let with_sources = |stored: StoredAsset| {
            let rows = ordered(&stored, sources.remove(&stored.record.id).unwrap_or_default());
            (stored, rows)
        };
        let looked: Vec<_> = assets.into_iter().map(with_sources).collect();
        let (data_dir, cancel_look) = (engine.data_dir.clone(), cancel.clone());
        let looked = blocking("look for media", move || {
            let look = |(stored, rows): (StoredAsset, Vec<_>)| {
                let found = media::look(&stored, &rows, &data_dir, &cancel_look);
                (stored, found)
            };
            Ok(looked.into_iter().map(look).collect::<Vec<_>>())
        })
        .await?;
        for (stored, found) in looked {
            match found {
                Ok(()) => pending.push(stored.record.id),
                Err(reason) => {
                    let lacking = without_media(store.as_ref(), &stored, reason).await?;
                    if !in_place {
                        pending.push(lacking.asset.clone());
                    }
                    plan.without_media.push(lacking);
                }
            }
        }
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    plan.pending = pending.len() as u64;
    plan.done = plan.assets.saturating_sub(plan.pending);
    Ok(Reembedding { plan, pending, state })
}

/// The assets of a page that a successor does not have, or not as they are now.
async fn missing(successor: &dyn Store, assets: Vec<StoredAsset>) -> Result<Vec<StoredAsset>, EngineError> {
    let ids: Vec<AssetId> = assets.iter().map(|stored| stored.record.id.clone()).collect();
    let brought = successor.get(&ids, false).await?;
    let is_brought = |now: &AssetRecord, there: Option<StoredAsset>| {
        there.is_some_and(|StoredAsset { record, .. }| {
            record.facts.get(MARK_FIELD).is_none()
                && record.hash == now.hash
                && record.metadata == now.metadata
                && record.media == now.media
        })
    };
    let pairs = assets.into_iter().zip(brought);
    Ok(pairs
        .filter(|(stored, there)| !is_brought(&stored.record, there.clone()))
        .map(|(stored, _)| stored)
        .collect())
}

/// What is told of an asset that cannot be read.
pub(super) async fn without_media(
    store: &dyn Store,
    stored: &StoredAsset,
    reason: FailureReason,
) -> Result<WithoutMedia, EngineError> {
    let mut substitute = Substitute::Nothing;
    for (key, _) in media::pictured(stored) {
        if store.thumbs(&[key]).await?.iter().any(Option::is_some) {
            substitute = Substitute::Thumbnails;
            break;
        }
    }
    let (asset, modality) = (stored.record.id.clone(), stored.record.modality);
    Ok(WithoutMedia { asset, modality, path: last_path(stored), reason, substitute })
}

/// Where an asset was last.
pub(super) fn last_path(stored: &StoredAsset) -> Option<PathBuf> {
    stored.paths.first().map(|path| path_of(path))
}
