//! One leg's searches of the store, one for each content, merged by score.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use sensorium_store::Store;
use sensorium_types::{AssetHit, AssetId, Content, Filter, Modality, SearchRequest, Track};

use super::leg::Leg;
use super::{ExplainedHit, ExplainedSearch};
use crate::EngineError;

/// What every search of a query shares.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) modalities: Vec<Modality>,
    pub(super) filter: Option<Filter>,
    pub(super) exclude: Vec<AssetId>,
    pub(super) limit: usize,
    pub(super) exact: bool,
}

/// An asset found by a leg.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) hit: AssetHit,
    /// What ranks it.
    pub(super) rank_by: f32,
}

/// Searches every content for a leg: the candidates best first, each asset once, and what was done.
pub(super) async fn search(
    store: &Arc<dyn Store>,
    leg: &Leg,
    scope: &Scope,
) -> Result<(Vec<Candidate>, Vec<ExplainedSearch>), EngineError> {
    let mut best: HashMap<AssetId, Candidate> = HashMap::new();
    let mut explained = Vec::new();
    let tracks_of = |content| Track::ALL.into_iter().filter(move |track| track.content() == content);
    let mut asks: Vec<(Content, Vec<Track>)> = Content::ALL
        .into_iter()
        .map(|content| (content, tracks_of(content).filter(|track| *track != Track::Caption).collect()))
        .collect();
    if leg.asks_captions {
        asks.push((Content::Text, vec![Track::Caption]));
    }
    for (content, tracks) in asks {
        let reply = store.search(request(leg, scope, tracks)).await?;
        let mut hits = Vec::with_capacity(reply.hits.len());
        for (rank, hit) in (1..).zip(reply.hits) {
            let score = leg.score(hit.point.track, hit.corrected);
            let rank_by = leg.rank_by(hit.point.track, hit.corrected);
            let (asset, point, cosine) = (hit.asset.clone(), hit.point, hit.cosine);
            let corrected = (!leg.hubs.is_none()).then_some(hit.corrected);
            hits.push(ExplainedHit { rank, asset: asset.clone(), point, cosine, corrected, score });
            let candidate = Candidate { hit, rank_by };
            match best.entry(asset) {
                Entry::Vacant(place) => {
                    place.insert(candidate);
                }
                Entry::Occupied(mut known) if known.get().rank_by < rank_by => {
                    known.insert(candidate);
                }
                Entry::Occupied(_) => {}
            }
        }
        explained.push(ExplainedSearch {
            term: leg.term,
            content,
            plan: reply.plan,
            points_compared: reply.points_compared,
            calibration: leg.calibration(content),
            hits,
        });
    }
    let mut candidates: Vec<Candidate> = best.into_values().collect();
    let other = |candidate: &Candidate| leg.identical.as_ref() != Some(&candidate.hit.asset);
    candidates.sort_by(|a, b| {
        let by_score = b.rank_by.total_cmp(&a.rank_by);
        other(a).cmp(&other(b)).then(by_score).then_with(|| a.hit.asset.cmp(&b.hit.asset))
    });
    candidates.truncate(scope.limit);
    Ok((candidates, explained))
}

fn request(leg: &Leg, scope: &Scope, tracks: Vec<Track>) -> SearchRequest {
    SearchRequest {
        vector: leg.vector.clone(),
        tracks,
        modalities: scope.modalities.clone(),
        filter: scope.filter.clone(),
        exclude: scope.exclude.clone(),
        limit: scope.limit,
        exact: scope.exact,
        ef: None,
        hubs: leg.hubs,
    }
}
