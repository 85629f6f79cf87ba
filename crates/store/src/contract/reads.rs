//! What must hold of scroll, count, thumbnails and statistics.

use sensorium_types::{AssetId, Change, FieldIndexState, Filter, Modality, Payload, PointKey, Track};

use super::Fresh;
use super::samples::{Seeded, corpus, id, point, record, upsert};

/// Pages of any size meet every matching asset once.
pub async fn a_scroll_meets_everything_once(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let assets = corpus(23, &space, 11);
    store
        .apply(assets.iter().rev().map(|(asset, points)| upsert(asset.clone(), points.clone())).collect())
        .await
        .expect("applies");
    let filter: Filter = "year >= 2010".parse().expect("a filter");
    for filter in [None, Some(&filter)] {
        let mut expected: Vec<AssetId> = assets
            .iter()
            .filter(|(asset, _)| filter.is_none_or(|filter| filter.matches(&asset.payload())))
            .map(|(asset, _)| asset.id.clone())
            .collect();
        expected.sort_unstable();
        assert_eq!(store.count(filter).await.expect("counts"), expected.len() as u64);
        for limit in [1, 5, 100] {
            let mut met = Vec::new();
            let mut from = None;
            loop {
                let page = store.scroll(filter, from.as_ref(), limit, false).await.expect("scrolls");
                assert!(page.items.len() <= limit);
                met.extend(page.items.into_iter().map(|asset| asset.record.id));
                match page.next {
                    Some(next) => from = Some(next),
                    None => break,
                }
            }
            met.sort_unstable();
            assert_eq!(met, expected, "pages of {limit}");
        }
    }
}

/// Filters see the user's own value where it hides a fact, also after a merge.
pub async fn filters_see_facts_under_metadata(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut image = record("image", Modality::Image, &space);
    image.facts.set("year", 1999);
    let vector = Seeded::new(12).unit(space.dim);
    store.apply(vec![upsert(image, vec![point(Track::Image, 0, vector)])]).await.expect("applies");
    let old: Filter = "year = 1999".parse().expect("a filter");
    let new: Filter = "year = 2024 and modality = \"image\"".parse().expect("a filter");
    assert_eq!(store.count(Some(&old)).await.expect("counts"), 1);
    assert_eq!(store.count(Some(&new)).await.expect("counts"), 0);
    let mut metadata = Payload::new();
    metadata.set("year", 2024);
    store.apply(vec![Change::MergeMetadata { asset: id("image"), metadata }]).await.expect("applies");
    assert_eq!(store.count(Some(&old)).await.expect("counts"), 0);
    assert_eq!(store.count(Some(&new)).await.expect("counts"), 1);
}

/// Thumbnails are kept by point, and go with it.
pub async fn thumbnails_are_kept(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut seeded = Seeded::new(13);
    let mut points =
        vec![point(Track::Video, 0, seeded.unit(space.dim)), point(Track::Video, 1, seeded.unit(space.dim))];
    if let Some(first) = points.first_mut() {
        first.thumb = Some(b"jpeg".to_vec());
    }
    store.apply(vec![upsert(record("video", Modality::Video, &space), points)]).await.expect("applies");
    let key = |ordinal| PointKey { asset: id("video"), track: Track::Video, ordinal };
    let keys = [key(1), key(0), key(2), key(0)];
    let thumb = Some(b"jpeg".to_vec());
    let right = [None, thumb.clone(), None, thumb];
    assert_eq!(store.thumbs(&keys).await.expect("reads"), right);
    assert!(store.thumbs(&[]).await.expect("reads").is_empty());
    store.apply(vec![Change::Delete { asset: id("video") }]).await.expect("applies");
    assert_eq!(store.thumbs(&keys).await.expect("reads"), [None, None, None, None]);
}

/// Statistics count live assets and points.
pub async fn statistics_count(fresh: Fresh) {
    let store = &fresh.store;
    let assets = corpus(12, &store.space(), 14);
    let all: usize = assets.iter().map(|(_, points)| points.len()).sum();
    let first = assets.first().map(|(asset, points)| (asset.id.clone(), points.len()));
    store
        .apply(assets.into_iter().map(|(asset, points)| upsert(asset, points)).collect())
        .await
        .expect("applies");
    let stats = store.stats().await.expect("has statistics");
    assert_eq!((stats.assets, stats.points), (12, all as u64));
    let Some((asset, points)) = first else { return };
    store.apply(vec![Change::Delete { asset }]).await.expect("applies");
    let stats = store.stats().await.expect("has statistics");
    assert_eq!((stats.assets, stats.points), (11, (all - points) as u64));
}

/// Fields are indexed once, listed by name and dropped; what filters give stays the same.
pub async fn an_index_of_a_field_changes_no_answer(fresh: Fresh) {
    let store = &fresh.store;
    let assets = corpus(30, &store.space(), 15);
    let filter: Filter = "year >= 2005".parse().expect("a filter");
    let right = assets.iter().filter(|(asset, _)| filter.matches(&asset.payload())).count() as u64;
    assert!((1..30).contains(&right));
    let changes = assets.into_iter().map(|(asset, points)| upsert(asset, points)).collect();
    let count = async || store.count(Some(&filter)).await.expect("counts");
    let asked = async || {
        let listed = store.field_indexes().await.expect("lists").into_iter().filter(|index| index.asked);
        listed.map(|index| (index.field, index.state)).collect::<Vec<_>>()
    };
    assert!(asked().await.is_empty());
    assert!(store.index_field("year", true).await.expect("indexes"), "before there is anything");
    store.apply(changes).await.expect("applies");
    assert_eq!(count().await, right);
    assert!(store.index_field("absent", true).await.expect("indexes"));
    assert!(!store.index_field("year", true).await.expect("is indexed already"));
    let ready = |field: &str| (field.to_owned(), FieldIndexState::Ready);
    assert_eq!(asked().await, [ready("absent"), ready("year")]);
    assert_eq!(count().await, right);
    assert!(store.index_field("year", false).await.expect("drops"));
    assert!(!store.index_field("year", false).await.expect("is not indexed"));
    assert_eq!(asked().await, [ready("absent")]);
    assert_eq!(count().await, right);
}
