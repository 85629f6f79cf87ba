//! The search of the store for all parts of a query, each content of a part as a sub-query; the answers merged by score.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use sensorium_store::Store;
use sensorium_types::{
    AssetHit, AssetId, Cancel, Content, ExplainedHit, ExplainedSearch, Filter, FilterFacts, Modality,
    SearchReply, SearchRequest, SubQuery, Track,
};

use super::part::{Aim, QueryPart};
use crate::EngineError;

/// What every sub-query of a query shares.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) modalities: Vec<Modality>,
    pub(super) filter: Option<Filter>,
    pub(super) exclude: Vec<AssetId>,
    pub(super) limit: usize,
    pub(super) exact: bool,
    /// Whether it is told what was done.
    pub(super) explain: bool,
    pub(super) cancel: Cancel,
}

/// What a part found.
#[derive(Debug)]
pub(super) struct Found {
    /// The best assets, best first, each once.
    pub(super) candidates: Vec<Candidate>,
    /// What was done, where that is asked.
    pub(super) explained: Vec<ExplainedSearch>,
}

/// An asset found by a part.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) hit: AssetHit,
    /// What ranks it.
    pub(super) rank_by: f32,
}

/// Searches every content for each part, in one call of the store. Gives what became of the filter as well.
pub(super) async fn search(
    store: &Arc<dyn Store>,
    parts: &[QueryPart],
    scope: Scope,
) -> Result<(Vec<Found>, Option<FilterFacts>), EngineError> {
    let asks: Vec<Vec<Ask<'_>>> = parts.iter().map(asks).collect();
    let queries = parts.iter().zip(&asks).flat_map(|(part, asks)| {
        asks.iter().map(|ask| {
            let (tracks, hubs, from) = (ask.tracks.clone(), ask.aim.hubs, part.from);
            SubQuery { tracks, hubs, from, ..SubQuery::of(ask.aim.vector.clone()) }
        })
    });
    let Scope { modalities, filter, exclude, limit, exact, explain, cancel } = scope;
    let queries = queries.collect();
    let request = SearchRequest { queries, modalities, filter, exclude, limit, exact, ef: None, cancel };
    let replies = store.search(request).await?;
    let facts = replies.first().and_then(|reply| reply.filter);
    let mut replies = replies.into_iter();
    let found = parts.iter().zip(asks).map(|(part, asks)| {
        let answered = asks.into_iter().zip(replies.by_ref());
        merge(part, answered, (limit, explain))
    });
    Ok((found.collect(), facts))
}

/// Merges the answers to a part by score.
fn merge<'a>(
    part: &QueryPart,
    answers: impl Iterator<Item = (Ask<'a>, SearchReply)>,
    (limit, explain): (usize, bool),
) -> Found {
    let mut best: HashMap<AssetId, Candidate> = HashMap::new();
    let mut explained = Vec::new();
    for (Ask { content, aim, .. }, reply) in answers {
        let mut hits = Vec::new();
        for (rank, hit) in (1..).zip(reply.hits) {
            let score = part.score(hit.point.track, hit.corrected);
            let rank_by = part.rank_by(hit.point.track, hit.corrected);
            if explain {
                let (asset, point, cosine) = (hit.asset.clone(), hit.point, hit.cosine);
                let corrected = (!aim.hubs.is_none()).then_some(hit.corrected);
                hits.push(ExplainedHit { rank, asset, point, cosine, corrected, score });
            }
            let candidate = Candidate { hit, rank_by };
            match best.entry(candidate.hit.asset.clone()) {
                Entry::Vacant(place) => {
                    place.insert(candidate);
                }
                Entry::Occupied(mut known) if known.get().rank_by < rank_by => {
                    known.insert(candidate);
                }
                Entry::Occupied(_) => {}
            }
        }
        let searched = || ExplainedSearch {
            term: part.term,
            content: Some(content),
            plan: Some(reply.plan),
            points_compared: reply.points_compared as u64,
            calibration: part.calibration(content),
            hits,
        };
        explained.extend(explain.then(searched));
    }
    let mut candidates: Vec<Candidate> = best.into_values().collect();
    let other = |candidate: &Candidate| part.identical.as_ref() != Some(&candidate.hit.asset);
    candidates.sort_by(|a, b| {
        let by_score = b.rank_by.total_cmp(&a.rank_by);
        other(a).cmp(&other(b)).then(by_score).then_with(|| a.hit.asset.cmp(&b.hit.asset))
    });
    candidates.truncate(limit);
    Found { candidates, explained }
}

/// What a part asks of one content.
struct Ask<'a> {
    content: Content,
    tracks: Vec<Track>,
    aim: &'a Aim,
}

/// What a part asks: each content, by its tracks, and captions where it asks them.
fn asks(part: &QueryPart) -> Vec<Ask<'_>> {
    let tracks_of = |content| {
        let tracks = Track::ALL.into_iter().filter(|track| track.content() == content);
        tracks.filter(|track| *track != Track::Caption).collect()
    };
    let ask = |content, tracks| Some(Ask { content, tracks, aim: part.aim(content)? });
    let contents = Content::ALL.into_iter().filter_map(|content| ask(content, tracks_of(content)));
    let captions = part.asks_captions.then(|| ask(Content::Text, vec![Track::Caption])).flatten();
    contents.chain(captions).collect()
}
