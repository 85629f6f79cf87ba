//! Assets found to rows shown: every point scored, moments made, fields and paths added.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::fusion::Fused;
use super::part::QueryPart;
use crate::EngineError;
use crate::blocking::blocking;
use crate::captions::show_caption;
use crate::moments::{Found, Scored, moments};
use sensorium_store::Store;
use sensorium_types::{AssetId, Hit, Modality, Moment, Payload, ScoredPoint, StoredAsset, path_of};

/// Paths looked at in one go.
const PATHS_A_LOOK: usize = 1024;

/// A row before its fields are read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) asset: AssetId,
    modality: Modality,
    /// What the user sees.
    pub(super) score: Option<f32>,
    /// What ranks rows of moments.
    pub(super) rank_by: f32,
    pub(super) best: Scored,
    /// Whether it was asked by texts.
    is_bridged: bool,
    moment: Option<Moment>,
}

/// What rows are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// A row for each moment, not for each asset.
    pub(crate) every_moment: bool,
    /// Rows with a lower score are dropped.
    pub(crate) min_score: Option<f32>,
    /// Most rows.
    pub(crate) limit: usize,
}

/// Scores every point of the assets found, where they have more than that by which they were found, and makes their rows, best first.
pub(super) async fn rows(
    store: &Arc<dyn Store>,
    parts: &[QueryPart],
    found: Vec<Fused>,
    shape: Shape,
) -> Result<Vec<Row>, EngineError> {
    let mut points = HashMap::with_capacity(found.len());
    for (at, part) in parts.iter().enumerate() {
        let assets: Vec<AssetId> = found
            .iter()
            .filter(|fused| fused.part == at && !fused.candidate.hit.is_only_point)
            .map(|fused| fused.candidate.hit.asset.clone())
            .collect();
        if assets.is_empty() {
            continue;
        }
        let scored = store.score_assets(&part.sub_queries(), &assets).await?;
        points.extend(assets.into_iter().zip(scored));
    }
    let mut rows = Vec::new();
    for fused in found {
        let Some(part) = parts.get(fused.part) else { continue };
        let hit = fused.candidate.hit;
        let scored = match hit.is_only_point {
            // It was scored when it was found.
            true => vec![ScoredPoint { point: hit.point, cosine: hit.cosine, corrected: hit.corrected }],
            false => points.remove(&hit.asset).unwrap_or_default(),
        };
        for (best, moment) in of_asset(part, &scored, shape.every_moment) {
            let score = part.score(best.point.track, best.corrected);
            let (asset, modality) = (hit.asset.clone(), hit.modality);
            let is_bridged = part.is_bridged(best.point.track.content());
            rows.push(Row { asset, modality, score, rank_by: best.score, best, is_bridged, moment });
        }
    }
    if let Some(min) = shape.min_score {
        rows.retain(|row| row.score.is_none_or(|score| score >= min));
    }
    if shape.every_moment && parts.len() == 1 {
        // A stable sort: rows of one score stay in the order of their assets.
        rows.sort_by(|a, b| b.rank_by.total_cmp(&a.rank_by));
    }
    rows.truncate(shape.limit);
    Ok(rows)
}

/// The rows of assets that nobody searched for, in their order.
pub(super) async fn rows_of(
    store: &Arc<dyn Store>,
    part: &QueryPart,
    assets: Vec<(AssetId, Modality)>,
    shape: Shape,
) -> Result<Vec<Row>, EngineError> {
    let ids: Vec<AssetId> = assets.iter().map(|(asset, _)| asset.clone()).collect();
    let scored = store.score_assets(&part.sub_queries(), &ids).await?;
    let mut rows = Vec::new();
    for ((asset, modality), points) in assets.into_iter().zip(scored) {
        for (best, moment) in of_asset(part, &points, shape.every_moment) {
            let score = part.score(best.point.track, best.corrected);
            let (asset, is_bridged) = (asset.clone(), part.is_bridged(best.point.track.content()));
            rows.push(Row { asset, modality, score, rank_by: best.score, best, is_bridged, moment });
        }
    }
    if let Some(min) = shape.min_score {
        rows.retain(|row| row.score.is_none_or(|score| score >= min));
    }
    rows.truncate(shape.limit);
    Ok(rows)
}

/// The rows of an asset: its best point with the moment that this carries, or one for each moment.
pub(super) fn of_asset(
    part: &QueryPart,
    points: &[ScoredPoint],
    every_moment: bool,
) -> Vec<(Scored, Option<Moment>)> {
    let scored: Vec<Scored> = points
        .iter()
        .filter(|scored| part.asks(scored.point.track))
        .map(|ScoredPoint { point, cosine, corrected }| Scored {
            point: *point,
            score: part.rank_by(point.track, *corrected),
            cosine: *cosine,
            corrected: *corrected,
        })
        .collect();
    let mut best: Option<Scored> = None;
    for point in &scored {
        if best.is_none_or(|best| point.score > best.score) {
            best = Some(*point);
        }
    }
    // Gone since it was found.
    let Some(best) = best else { return Vec::new() };
    let is_timed = best.point.span.is_some_and(|span| span.time().is_some());
    let mut rows = Vec::new();
    if !is_timed {
        rows.push((best, None));
    }
    if is_timed || every_moment {
        rows.extend(moments(&scored).into_iter().map(|Found { moment, best }| (best, Some(moment))));
    }
    if !every_moment {
        rows.truncate(1);
    }
    rows
}

/// Adds fields and paths to rows.
pub(super) async fn hits(store: &Arc<dyn Store>, rows: Vec<Row>) -> Result<Vec<Hit>, EngineError> {
    let mut assets: Vec<AssetId> = rows.iter().map(|row| row.asset.clone()).collect();
    assets.sort();
    assets.dedup();
    let mut shown: Vec<Option<Arc<Shown>>> = Vec::with_capacity(assets.len());
    for batch in assets.chunks(PATHS_A_LOOK) {
        let stored = store.get(batch, false).await?;
        let has_paths = stored.iter().flatten().any(|stored| !stored.paths.is_empty());
        let show = |stored: Vec<Option<StoredAsset>>| {
            stored.into_iter().map(|one| one.map(|stored| Arc::new(Shown::new(stored)))).collect()
        };
        // A disk may be slow to answer; assets that came in as bytes ask none.
        let batch: Vec<_> = match has_paths {
            true => blocking("look at paths", move || Ok(show(stored))).await?,
            false => show(stored),
        };
        shown.extend(batch);
    }
    let of_row = |row: &Row| shown.get(assets.binary_search(&row.asset).ok()?)?.clone();
    let of_rows: Vec<Option<Arc<Shown>>> = rows.iter().map(of_row).collect();
    drop(shown);
    let mut hits = Vec::with_capacity(rows.len());
    for (row, shown) in rows.into_iter().zip(of_rows) {
        let Some(shown) = shown else { continue };
        // Rows of one asset share what is shown of it; the last takes it along.
        let Shown { path, paths, mut payload } = Arc::unwrap_or_clone(shown);
        let Row { asset, modality, score, rank_by: _, best, is_bridged, moment } = row;
        show_caption(&mut payload, &best.point, store.keeps_captions());
        hits.push(Hit {
            rank: hits.len() + 1,
            asset,
            score,
            cosine: best.cosine,
            modality,
            path,
            paths,
            moment,
            range: best.point.span.and_then(sensorium_types::Span::chars),
            payload,
            point: best.point,
            bridged: is_bridged,
        });
    }
    Ok(hits)
}

/// What is shown of an asset.
#[derive(Debug, Clone)]
struct Shown {
    path: Option<PathBuf>,
    paths: Vec<PathBuf>,
    payload: Payload,
}

impl Shown {
    /// Looks which of the paths still exist. The payload follows a file that moved, unless the user set the fields.
    fn new(stored: StoredAsset) -> Self {
        let paths: Vec<PathBuf> = stored.paths.iter().map(|path| path_of(path)).collect();
        let path = paths.iter().find(|path| path.exists()).cloned();
        let mut payload = stored.record.facts;
        if let Some(path) = &path {
            payload.set("path", path.to_string_lossy());
            payload.set("name", path.file_name().unwrap_or_default().to_string_lossy());
        }
        payload.merge(stored.record.metadata);
        Self { path, paths, payload }
    }
}
