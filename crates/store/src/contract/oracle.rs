//! Exact search over plain lists: what every store's exact search must equal. Nothing is corrected.

use sensorium_types::{AssetHit, AssetRecord, PointInfo, PointRecord, SearchRequest, SubQuery};

/// Cosine of two unit vectors, summed in f64.
pub fn cosine(left: &[f32], right: &[f32]) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "a cosine loses nothing that matters in f32")]
    let cosine = left.iter().zip(right).map(|(l, r)| f64::from(*l) * f64::from(*r)).sum::<f64>() as f32;
    cosine
}

/// A point without its vector.
pub fn info(point: &PointRecord) -> PointInfo {
    PointInfo { track: point.track, ordinal: point.ordinal, span: point.span }
}

/// The answer to a sub-query of a search over these assets, best first, equal cosines by asset id.
pub fn search<'a>(
    assets: impl IntoIterator<Item = (&'a AssetRecord, &'a [PointRecord])>,
    request: &SearchRequest,
    query: &SubQuery,
) -> Vec<AssetHit> {
    let mut hits: Vec<AssetHit> = assets
        .into_iter()
        .filter(|(record, _)| request.modalities.is_empty() || request.modalities.contains(&record.modality))
        .filter(|(record, _)| !request.exclude.contains(&record.id))
        .filter(|(record, _)| request.filter.as_ref().is_none_or(|filter| filter.matches(&record.payload())))
        .filter_map(|(record, points)| best(record, points, query))
        .collect();
    hits.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then_with(|| a.asset.cmp(&b.asset)));
    hits.truncate(request.limit);
    hits
}

fn best(record: &AssetRecord, points: &[PointRecord], query: &SubQuery) -> Option<AssetHit> {
    let mut best: Option<AssetHit> = None;
    for point in points {
        if !query.tracks.is_empty() && !query.tracks.contains(&point.track) {
            continue;
        }
        let cosine = cosine(&query.vector, &point.vector);
        if best.as_ref().is_none_or(|best| cosine > best.cosine) {
            best = Some(AssetHit {
                asset: record.id.clone(),
                modality: record.modality,
                point: info(point),
                is_only_point: points.len() == 1,
                cosine,
                corrected: cosine,
            });
        }
    }
    best
}
