//! What must hold of captions that are kept.

use sensorium_types::{CAPTIONS_FIELD, Change, ContentHash, Modality, Track};

use super::Fresh;
use super::samples::{Seeded, answers, ask, id, point, record, upsert};

/// Captions are points of an asset beside its own; new ones take the place of old ones, and go with the asset.
pub async fn captions_are_points_of_their_asset(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut seeded = Seeded::new(31);
    let image = record("photo", Modality::Image, &space);
    let own = point(Track::Image, 0, seeded.unit(space.dim));
    store.apply(vec![upsert(image.clone(), vec![own])]).await.expect("applies");
    let put = |vectors: &[Vec<f32>], words: &str, hash| Change::PutCaptions {
        asset: id("photo"),
        hash,
        captions: words.into(),
        points: (0..).zip(vectors).map(|(at, vector)| point(Track::Caption, at, vector.clone())).collect(),
    };
    let (first, second) = (seeded.unit(space.dim), seeded.unit(space.dim));
    let old = put(&[first.clone(), second.clone()], "a dog", image.hash);
    let applied = store.apply(vec![old]).await.expect("applies");
    assert_eq!(applied.first().map(|applied| (applied.found, applied.points_written)), Some((true, 2)));
    let tracks = async || {
        let read = store.get(&[id("photo")], false).await.expect("gets");
        let points = read.into_iter().flatten().flat_map(|asset| asset.points);
        points.map(|point| (point.track, point.ordinal)).collect::<Vec<_>>()
    };
    assert_eq!(tracks().await, [(Track::Image, 0), (Track::Caption, 0), (Track::Caption, 1)]);
    let of_captions = |vector: &[f32]| {
        let mut request = ask(vector.to_vec());
        request.queries.iter_mut().for_each(|query| query.tracks = vec![Track::Caption]);
        request
    };
    let best = async |vector: &[f32]| {
        let [reply] = answers(store.as_ref(), of_captions(vector)).await;
        reply.hits.first().map(|hit| (hit.point.track, hit.point.ordinal, hit.cosine))
    };
    let found = best(&second).await.expect("a hit");
    assert_eq!((found.0, found.1), (Track::Caption, 1));
    assert!((found.2 - 1.0).abs() < 1e-4, "{}", found.2);

    // Words that were made of other bytes are not those of this asset.
    let stale = put(std::slice::from_ref(&first), "a cat", Some(ContentHash::of(b"other bytes")));
    let applied = store.apply(vec![stale]).await.expect("applies");
    assert_eq!(applied.first().map(|applied| applied.found), Some(false));
    let newer = put(std::slice::from_ref(&first), "a wolf", image.hash);
    store.apply(vec![newer]).await.expect("applies");
    assert_eq!(tracks().await, [(Track::Image, 0), (Track::Caption, 0)]);
    let read = store.get(&[id("photo")], false).await.expect("gets");
    let words = read.iter().flatten().find_map(|asset| asset.record.facts.get(CAPTIONS_FIELD).cloned());
    assert_eq!(words, Some("a wolf".into()));
    let gone = best(&second).await.expect("a hit");
    assert!(gone.1 == 0 && gone.2 < 0.999, "the old caption is found no more: {gone:?}");
    store.apply(vec![Change::Delete { asset: id("photo") }]).await.expect("applies");
    assert_eq!(best(&first).await, None);
}

/// Whether captions are wanted is a fact of the collection.
pub async fn that_captions_are_kept_is_kept(fresh: Fresh) {
    let store = &fresh.store;
    assert!(!store.keeps_captions(), "not unless it is asked for");
    for wanted in [true, true, false] {
        store.apply(vec![Change::KeepCaptions { wanted }]).await.expect("applies");
        assert_eq!(store.keeps_captions(), wanted);
    }
}
