//! What must hold of searches.

use std::collections::BTreeMap;
use std::time::Instant;

use sensorium_types::{
    AssetHit, AssetId, AssetRecord, Cancel, Change, ErrorKind, Filter, HubWeights, Modality, Plan,
    PointRecord, ScoredPoint, SearchReply, SearchRequest, SubQuery, Track,
};

use super::Fresh;
use super::oracle;
use super::samples::{Seeded, answers, ask, corpus, id, normalize, point, record, upsert};
use crate::Store;

/// Assets of a property test, by id.
type Model = BTreeMap<AssetId, (AssetRecord, Vec<PointRecord>)>;

/// Largest difference of a cosine to the oracle's, which sums in f64.
const TOLERANCE: f32 = 1e-4;

/// The nearer asset comes first, by its best point, and equal ones in order of id.
pub async fn the_nearest_come_first(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut seeded = Seeded::new(21);
    let query = seeded.unit(space.dim);
    let away: Vec<f32> = query.iter().map(|x| -x).collect();
    let mut near: Vec<f32> = query.clone();
    if let Some(x) = near.first_mut() {
        *x += 0.5;
    }
    normalize(&mut near);
    let video = vec![point(Track::Video, 0, away.clone()), point(Track::Audio, 0, near)];
    let changes = vec![
        upsert(record("c-same", Modality::Image, &space), vec![point(Track::Image, 0, query.clone())]),
        upsert(record("b-same", Modality::Image, &space), vec![point(Track::Image, 0, query.clone())]),
        upsert(record("video", Modality::Video, &space), video),
        upsert(record("a-away", Modality::Text, &space), vec![point(Track::Text, 0, away)]),
    ];
    store.apply(changes).await.expect("applies");
    let [reply] = answers(store.as_ref(), ask(query)).await;
    assert_eq!(reply.plan, Plan::ExactScan, "an exact search says so");
    let names: Vec<&str> = reply.hits.iter().map(|hit| hit.asset.as_str()).collect();
    assert_eq!(names, ["b-same", "c-same", "video", "a-away"]);
    let video = reply.hits.iter().find(|hit| hit.asset == id("video"));
    assert!(video.is_some_and(|hit| hit.point.track == Track::Audio && hit.modality == Modality::Video));
    assert!(reply.hits.last().is_some_and(|hit| (hit.cosine + 1.0).abs() < TOLERANCE));
}

/// Tracks, modalities, filters, exclusions and limits narrow a search.
pub async fn limits_of_a_search_hold(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let model = fill(store.as_ref(), 40, 22).await;
    let query = Seeded::new(23).unit(space.dim);
    let filter: Filter = "year < 2012".parse().expect("a filter");
    let on = |tracks| SubQuery { tracks, ..SubQuery::of(query.clone()) };
    let requests = [
        SearchRequest { queries: vec![on(vec![Track::Audio])], ..ask(query.clone()) },
        SearchRequest { queries: vec![on(vec![Track::Image, Track::Text])], ..ask(query.clone()) },
        SearchRequest { modalities: vec![Modality::Video, Modality::Text], ..ask(query.clone()) },
        SearchRequest { filter: Some(filter), ..ask(query.clone()) },
        SearchRequest { exclude: vec![id("asset-00000"), id("nobody")], limit: 100, ..ask(query.clone()) },
        SearchRequest { limit: 1, ..ask(query.clone()) },
        SearchRequest { limit: 0, ..ask(query.clone()) },
    ];
    for request in requests {
        same_as_oracle(store.as_ref(), &model, &request).await;
    }
}

/// Sub-queries of one request are answered each by itself, in their order; a request without one gives nothing.
pub async fn each_sub_query_has_its_answer(fresh: Fresh) {
    let store = &fresh.store;
    let model = fill(store.as_ref(), 40, 30).await;
    let mut seeded = Seeded::new(31);
    let queries: Vec<SubQuery> = [vec![Track::Image, Track::Video], vec![Track::Audio], Vec::new()]
        .into_iter()
        .map(|tracks| SubQuery { tracks, ..SubQuery::of(seeded.unit(store.space().dim)) })
        .collect();
    let filter: Filter = "year >= 2001".parse().expect("a filter");
    let request = SearchRequest { queries, filter: Some(filter), ..ask(seeded.unit(store.space().dim)) };
    let replies: [SearchReply; 3] = answers(store.as_ref(), request.clone()).await;
    for (query, reply) in request.queries.iter().zip(replies) {
        let alone = SearchRequest { queries: vec![query.clone()], ..request.clone() };
        let names = |hits: &[AssetHit]| hits.iter().map(|hit| hit.asset.clone()).collect::<Vec<_>>();
        assert_eq!(names(&reply.hits), names(&oracle_hits(&model, &alone)));
    }
    let [] = answers(store.as_ref(), SearchRequest { queries: Vec::new(), ..request }).await;
}

/// A search that was cancelled, or whose deadline has passed, is an error that says so.
pub async fn a_search_can_be_stopped(fresh: Fresh) {
    let store = &fresh.store;
    fill(store.as_ref(), 10, 32).await;
    let cancelled = Cancel::new();
    cancelled.cancel();
    let late = Cancel::new().until(Instant::now());
    for (cancel, kind) in [(cancelled, ErrorKind::Cancelled), (late, ErrorKind::DeadlineExceeded)] {
        let query = Seeded::new(33).unit(store.space().dim);
        let stopped = store.search(SearchRequest { cancel, ..ask(query) }).await;
        assert_eq!(stopped.map(|replies| replies.len()).map_err(|error| error.kind), Err(kind));
    }
}

/// Every point of each asset is scored, in order of track and ordinal; unknown assets give an empty list.
pub async fn points_of_assets_are_scored(fresh: Fresh) {
    let store = &fresh.store;
    let model = fill(store.as_ref(), 8, 24).await;
    let query = Seeded::new(25).unit(store.space().dim);
    let mut ids: Vec<AssetId> = model.keys().cloned().collect();
    ids.push(id("nobody"));
    // Weights of a correction mean nothing to a store that has no values of points.
    assert!(!store.corrects());
    let hubs = HubWeights([0.5, 0.25, 1.0]);
    let other = Seeded::new(26).unit(store.space().dim);
    let of_images = SubQuery { tracks: vec![Track::Image], ..SubQuery::of(other.clone()) };
    let all = SubQuery { hubs, ..SubQuery::of(query.clone()) };
    let apart = store.score_assets(&[of_images.clone(), all.clone()], &ids).await.expect("scores");
    let of_image = |scored: &&ScoredPoint| scored.point.track == Track::Image;
    let (mut images, mut others) = (0, 0);
    for (asset, scored) in ids.iter().zip(&apart) {
        let points = model.get(asset).map_or([].as_slice(), |(_, points)| points);
        for found in scored {
            let point = points.iter().find(|point| oracle::info(point) == found.point).expect("its point");
            let asked = if of_image(&found) { &other } else { &query };
            assert!((found.cosine - oracle::cosine(asked, &point.vector)).abs() < 1e-4);
        }
        images += scored.iter().filter(of_image).count();
        others += scored.iter().filter(|scored| !of_image(scored)).count();
    }
    assert!(images > 0 && others > 0, "both kinds are there");
    let only = store.score_assets(&[of_images], &ids).await.expect("scores");
    assert_eq!(only.iter().map(Vec::len).sum::<usize>(), images, "what nobody asks has no score");
    let scored = store.score_assets(&[all], &ids).await.expect("scores");
    assert_eq!(scored.len(), ids.len());
    for (asset, scored) in ids.iter().zip(scored) {
        let mut points: Vec<&PointRecord> =
            model.get(asset).map_or_else(Vec::new, |(_, p)| p.iter().collect());
        points.sort_by_key(|point| (point.track.code(), point.ordinal));
        assert_eq!(scored.len(), points.len());
        for (ScoredPoint { point, cosine, corrected }, expected) in scored.into_iter().zip(points) {
            assert_eq!((point, corrected), (oracle::info(expected), cosine));
            assert!((cosine - oracle::cosine(&query, &expected.vector)).abs() < TOLERANCE);
        }
    }
}

/// After random upserts and deletes, sealed or not, exact search equals the oracle.
pub async fn exact_search_equals_the_oracle(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut model = fill(store.as_ref(), 60, 26).await;
    let mut seeded = Seeded::new(27);
    for round in 0..4 {
        change_at_random(store.as_ref(), &mut model, &mut seeded, round).await;
        if round == 1 {
            store.seal().await.expect("seals");
        }
        for filter in ["year >= 2000", "year = 2005 or modality = \"video\"", "not year exists"] {
            let filter: Filter = filter.parse().expect("a filter");
            let request = SearchRequest { filter: Some(filter), limit: 7, ..ask(seeded.unit(space.dim)) };
            same_as_oracle(store.as_ref(), &model, &request).await;
        }
    }
    assert!(store.verify().await.expect("verifies").is_empty());
}

/// A search that need not be exact gives live matches only, and min(limit, matches) of them.
pub async fn a_graph_answers_with_live_matches(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut model = fill(store.as_ref(), 200, 28).await;
    store.seal().await.expect("seals");
    let mut seeded = Seeded::new(29);
    change_at_random(store.as_ref(), &mut model, &mut seeded, 0).await;
    for (filter, limit) in [(None, 10), (Some("year < 2004"), 10), (Some("year = 2000"), 50), (None, 500)] {
        let filter: Option<Filter> = filter.map(|filter| filter.parse().expect("a filter"));
        let request = SearchRequest { filter, limit, exact: false, ..ask(seeded.unit(space.dim)) };
        let matches = oracle_hits(&model, &SearchRequest { limit: usize::MAX, ..request.clone() });
        let [reply] = answers(store.as_ref(), request.clone()).await;
        assert_eq!(
            reply.hits.len(),
            limit.min(matches.len()),
            "min(limit, matches) for {:?}",
            request.filter
        );
        for hit in &reply.hits {
            assert!(matches.iter().any(|found| found.asset == hit.asset), "{} is no live match", hit.asset);
        }
        assert!(reply.hits.is_sorted_by(|a, b| a.cosine >= b.cosine), "best first");
    }
}

async fn fill(store: &dyn Store, count: usize, seed: u64) -> Model {
    let assets = corpus(count, &store.space(), seed);
    let changes = assets.iter().map(|(asset, points)| upsert(asset.clone(), points.clone())).collect();
    store.apply(changes).await.expect("applies");
    assets.into_iter().map(|(asset, points)| (asset.id.clone(), (asset, points))).collect()
}

/// Deletes a few assets, rewrites a few, and adds a few.
async fn change_at_random(store: &dyn Store, model: &mut Model, seeded: &mut Seeded, round: u64) {
    let space = store.space();
    let mut changes = Vec::new();
    let all: Vec<AssetId> = model.keys().cloned().collect();
    for asset in all {
        match seeded.below(6) {
            0 => {
                model.remove(&asset);
                changes.push(Change::Delete { asset });
            }
            1 => {
                if let Some((record, points)) = model.get_mut(&asset) {
                    *points = super::samples::points(record.modality, space.dim, seeded);
                    record.facts.set("year", 2000 + seeded.below(25));
                    changes.push(upsert(record.clone(), points.clone()));
                }
            }
            _ => {}
        }
    }
    for (mut asset, points) in corpus(5, &space, seeded.bits()) {
        asset.id = id(&format!("round-{round}-{}", asset.id));
        changes.push(upsert(asset.clone(), points.clone()));
        model.insert(asset.id.clone(), (asset, points));
    }
    store.apply(changes).await.expect("applies");
}

/// The nearest assets by the oracle, for the first sub-query.
fn oracle_hits(model: &Model, request: &SearchRequest) -> Vec<AssetHit> {
    let assets = model.values().map(|(asset, points)| (asset, points.as_slice()));
    request.queries.first().map(|query| oracle::search(assets, request, query)).unwrap_or_default()
}

async fn same_as_oracle(store: &dyn Store, model: &Model, request: &SearchRequest) {
    let expected = oracle_hits(model, request);
    let [SearchReply { hits: found, .. }] = answers(store, request.clone()).await;
    assert_eq!(
        found.iter().map(|hit| hit.asset.as_str()).collect::<Vec<_>>(),
        expected.iter().map(|hit| hit.asset.as_str()).collect::<Vec<_>>(),
        "the order of {request:?}"
    );
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!((found.modality, found.point), (expected.modality, expected.point));
        assert!((found.cosine - expected.cosine).abs() < TOLERANCE);
    }
}
