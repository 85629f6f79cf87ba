//! What must hold of upserts, deletes and merges.

use sensorium_types::{Added, Change, Cursor, ErrorKind, Modality, Page, Payload, StoredAsset, Track};

use super::Fresh;
use super::samples::{Seeded, answers, ask, id, key, point, points, record, row, upsert};

/// Every reader answers on a store without assets.
pub async fn an_empty_store_answers(fresh: Fresh) {
    let store = &fresh.store;
    let dim = store.space().dim;
    let [reply] = answers(store.as_ref(), ask(Seeded::new(1).unit(dim))).await;
    assert!(reply.hits.is_empty(), "an empty store has no hits");
    assert_eq!(store.get(&[id("a")], true).await.expect("gets"), vec![None]);
    assert_eq!(store.count(None).await.expect("counts"), 0);
    assert!(store.scroll(None, None, 10, false).await.expect("scrolls").items.is_empty());
    assert!(store.sources(b"", None, 10).await.expect("lists sources").items.is_empty());
    let stats = store.stats().await.expect("has statistics");
    assert_eq!((stats.assets, stats.points, stats.sources_indexed, stats.sources_failed), (0, 0, 0, 0));
    assert!(store.verify().await.expect("verifies").is_empty(), "an empty store is sound");
    assert!(store.apply(Vec::new()).await.expect("applies nothing").is_empty());
}

/// What was written is read back, with vectors when asked for.
pub async fn an_upsert_is_read_back(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut video = record("video", Modality::Video, &space);
    video.metadata.set("title", "Rain");
    let written = points(Modality::Video, space.dim, &mut Seeded::new(2));
    let applied = store.apply(vec![upsert(video.clone(), written.clone())]).await.expect("applies");
    assert_eq!(applied.first().map(|applied| applied.points_written), Some(written.len()));
    let read = store.get(&[id("other"), id("video")], true).await.expect("gets");
    let [None, Some(read)] = read.as_slice() else { panic!("one unknown, one known: {read:?}") };
    assert_eq!(read.record, video);
    assert_eq!(read.points.len(), written.len());
    assert_eq!(read.vectors.len(), written.len());
    let mut in_order = written.clone();
    in_order.sort_by_key(|point| (point.track.code(), point.ordinal));
    for ((written, point), vector) in in_order.iter().zip(&read.points).zip(&read.vectors) {
        assert_eq!((point.track, point.ordinal, point.span), (written.track, written.ordinal, written.span));
        for (stored, given) in vector.iter().zip(&written.vector) {
            assert!((stored - given).abs() < 1e-6, "vectors are kept as they were given");
        }
    }
    let read = store.get(&[id("video")], false).await.expect("gets");
    assert!(read.iter().flatten().all(|asset| asset.vectors.is_empty()), "no vectors unless asked for");
    assert!(store.verify().await.expect("verifies").is_empty());
}

/// An upsert of a known id replaces record and points; the old points are found no more.
pub async fn an_upsert_replaces(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut seeded = Seeded::new(3);
    let (old, new) = (seeded.unit(space.dim), seeded.unit(space.dim));
    let sound = record("sound", Modality::Audio, &space);
    let before = vec![point(Track::Audio, 0, old.clone()), point(Track::Audio, 1, old.clone())];
    store.apply(vec![upsert(sound.clone(), before)]).await.expect("applies");
    let mut changed = sound;
    changed.facts.set("title", "Bark");
    store.apply(vec![upsert(changed.clone(), vec![point(Track::Audio, 0, new)])]).await.expect("applies");
    let [reply] = answers(store.as_ref(), ask(old)).await;
    assert_eq!(reply.hits.len(), 1, "an asset is found once");
    assert!(reply.hits.iter().all(|hit| hit.cosine < 0.99), "the old points are gone");
    let read = store.get(&[id("sound")], false).await.expect("gets");
    assert_eq!(read.iter().flatten().map(|asset| asset.points.len()).sum::<usize>(), 1);
    assert_eq!(read.into_iter().flatten().next().map(|asset| asset.record), Some(changed));
    assert_eq!(store.stats().await.expect("has statistics").points, 1);
    assert!(store.verify().await.expect("verifies").is_empty());
}

/// A delete takes record, points and source rows; one of an unknown asset finds nothing.
pub async fn a_delete_takes_all_of_an_asset(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let vector = Seeded::new(4).unit(space.dim);
    let mut image = record("image", Modality::Image, &space);
    image.from_source = true;
    let source = Some((key("/r", "/r/a.jpg"), row(&image.id)));
    let change =
        Change::Upsert { asset: image, points: vec![point(Track::Image, 0, vector.clone())], source };
    store.apply(vec![change]).await.expect("applies");
    let applied = store
        .apply(vec![Change::Delete { asset: id("image") }, Change::Delete { asset: id("image") }])
        .await
        .expect("applies");
    let [first, second] = applied.as_slice() else { panic!("one outcome a change: {applied:?}") };
    assert!(first.found && first.assets_removed == vec![id("image")]);
    assert!(!second.found && second.assets_removed.is_empty());
    assert_eq!(store.get(&[id("image")], false).await.expect("gets"), vec![None]);
    let [reply] = answers(store.as_ref(), ask(vector)).await;
    assert!(reply.hits.is_empty());
    assert!(store.sources(b"", None, 10).await.expect("lists sources").items.is_empty());
    assert!(store.verify().await.expect("verifies").is_empty());
}

/// Metadata merges field by field, the new value wins; facts stay.
pub async fn metadata_merges_and_the_new_value_wins(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut text = record("text", Modality::Text, &space);
    text.metadata.set("kept", 1);
    text.metadata.set("changed", "before");
    let vector = Seeded::new(5).unit(space.dim);
    store.apply(vec![upsert(text.clone(), vec![point(Track::Text, 0, vector)])]).await.expect("applies");
    let mut metadata = Payload::new();
    metadata.set("changed", "after");
    metadata.set("added", true);
    let changes = vec![
        Change::MergeMetadata { asset: id("text"), metadata: metadata.clone() },
        Change::MergeMetadata { asset: id("nobody"), metadata: metadata.clone() },
    ];
    let applied = store.apply(changes).await.expect("applies");
    assert_eq!(applied.iter().map(|applied| applied.found).collect::<Vec<_>>(), vec![true, false]);
    text.metadata.merge(metadata.clone());
    let read = store.get(&[id("text")], false).await.expect("gets");
    assert_eq!(read.into_iter().flatten().next().map(|asset| asset.record), Some(text));
}

/// Fields of the user's are taken away, and the facts that they hid show again.
pub async fn metadata_is_taken_away(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut text = record("text", Modality::Text, &space);
    text.facts.set("title", "as found");
    text.metadata.set("title", "as given");
    text.metadata.set("kept", 1);
    let vector = Seeded::new(5).unit(space.dim);
    store.apply(vec![upsert(text.clone(), vec![point(Track::Text, 0, vector)])]).await.expect("applies");
    let fields = || vec!["title".to_owned(), "absent".to_owned()];
    let changes = vec![
        Change::DropMetadata { asset: id("text"), fields: fields() },
        Change::DropMetadata { asset: id("nobody"), fields: fields() },
    ];
    let applied = store.apply(changes).await.expect("applies");
    assert_eq!(applied.iter().map(|applied| applied.found).collect::<Vec<_>>(), vec![true, false]);
    let read = store.get(&[id("text")], false).await.expect("gets");
    let payload = read.into_iter().flatten().next().map(|asset| asset.record.payload()).unwrap_or_default();
    assert_eq!(payload.get("title").and_then(|title| title.as_str()), Some("as found"));
    assert!(payload.get("kept").is_some());
    let given = "title = \"as given\"".parse().expect("a filter");
    assert_eq!(store.count(Some(&given)).await.expect("counts"), 0);
    assert!(store.verify().await.expect("verifies").is_empty());
}

/// Later changes of a call see earlier ones.
pub async fn changes_of_one_call_are_applied_in_order(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut seeded = Seeded::new(6);
    let image = record("image", Modality::Image, &space);
    let vector = seeded.unit(space.dim);
    let changes = vec![
        upsert(image.clone(), vec![point(Track::Image, 0, seeded.unit(space.dim))]),
        Change::Delete { asset: image.id.clone() },
        upsert(image.clone(), vec![point(Track::Image, 0, vector.clone())]),
    ];
    let applied = store.apply(changes).await.expect("applies");
    assert_eq!(applied.len(), 3);
    let [reply] = answers(store.as_ref(), ask(vector)).await;
    assert!(reply.hits.first().is_some_and(|hit| hit.cosine > 0.999), "the last upsert stands");
    assert_eq!(store.count(None).await.expect("counts"), 1);
    assert!(store.verify().await.expect("verifies").is_empty());
}

/// The change number grows by one with each commit, and not with what finds nothing.
pub async fn commits_are_numbered(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut seeded = Seeded::new(9);
    let mut one = |name: &str| {
        upsert(record(name, Modality::Image, &space), points(Modality::Image, space.dim, &mut seeded))
    };
    let begin = store.change();
    store.apply(vec![one("a"), one("b")]).await.expect("applies");
    assert_eq!(store.change(), begin + 2, "each change is a commit");
    store.apply(vec![Change::Delete { asset: id("nobody") }]).await.expect("applies");
    assert_eq!(store.change(), begin + 2, "nothing was written");
    let delete = |name| Change::Delete { asset: id(name) };
    store.apply(vec![delete("a"), delete("nobody")]).await.expect("applies");
    store.index_field("year", true).await.expect("indexes");
    assert_eq!(store.change(), begin + 4);
    assert_eq!(store.stats().await.expect("counts").change, begin + 4);
}

/// What came last is listed first, page by page.
pub async fn the_newest_are_listed_first(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut seeded = Seeded::new(12);
    let mut one = |name: &str| {
        upsert(record(name, Modality::Image, &space), points(Modality::Image, space.dim, &mut seeded))
    };
    let names = |page: &Page<StoredAsset>| {
        page.items.iter().map(|asset| asset.record.id.as_str().to_owned()).collect::<Vec<_>>()
    };
    let none = store.newest(None, 9, false).await.expect("lists");
    assert_eq!((names(&none), none.next), (Vec::new(), None));
    store.apply(vec![one("a"), one("b"), one("c"), one("d"), one("e")]).await.expect("applies");
    store.apply(vec![Change::Delete { asset: id("d") }, one("b")]).await.expect("applies");
    let all = store.newest(None, 9, true).await.expect("lists");
    assert_eq!((names(&all), &all.next), (["b", "e", "c", "a"].map(str::to_owned).to_vec(), &None));
    assert!(all.items.iter().all(|asset| !asset.vectors.is_empty()), "vectors were asked for");
    let first = store.newest(None, 2, false).await.expect("lists");
    assert_eq!(names(&first), ["b", "e"]);
    assert!(first.items.iter().all(|asset| asset.vectors.is_empty()));
    let (mut next, mut listed) = (first.next.clone(), names(&first));
    while let Some(from) = next {
        let page = store.newest(Some(&from), 2, false).await.expect("lists");
        // One that was written twice may come twice.
        listed.extend(names(&page).into_iter().filter(|name| name != "b"));
        next = page.next;
    }
    assert_eq!(listed, ["b", "e", "c", "a"]);
    let wrong = store.newest(Some(&Cursor::new("an asset")), 2, false).await.expect_err("no cursor of it");
    assert_eq!(wrong.kind, ErrorKind::InvalidArgument);
}

/// What is new since a change is told, page by page.
pub async fn what_is_new_is_told(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let mut seeded = Seeded::new(10);
    let mut one = |name: &str| {
        upsert(record(name, Modality::Image, &space), points(Modality::Image, space.dim, &mut seeded))
    };
    store.apply(vec![one("old")]).await.expect("applies");
    let begin = store.change();
    assert_eq!(store.added(begin, 9).await.expect("tells"), Added { assets: Vec::new(), upto: begin });
    store.apply(vec![one("a"), one("b"), one("c")]).await.expect("applies");
    let metadata = Payload::new();
    let others = vec![
        Change::Delete { asset: id("b") },
        Change::MergeMetadata { asset: id("old"), metadata },
        Change::PutSource { key: key("/m", "/m/a"), row: row(&id("a")) },
    ];
    store.apply(others).await.expect("applies");
    let ids = |names: &[&str]| names.iter().map(|name| id(name)).collect::<Vec<_>>();
    let all = store.added(begin, 9).await.expect("tells");
    assert_eq!(
        all,
        Added { assets: ids(&["a", "c"]), upto: store.change() },
        "what is gone or was there is not new"
    );
    let first = store.added(begin, 2).await.expect("tells");
    assert_eq!(first, Added { assets: ids(&["a"]), upto: begin + 2 });
    let rest = store.added(first.upto, 2).await.expect("tells");
    assert_eq!((rest.assets, rest.upto), (ids(&["c"]), store.change()));
    assert_eq!(store.added(begin, 0).await.expect("tells").upto, begin);
    let now = store.change();
    store.apply(vec![one("a"), one("a")]).await.expect("applies");
    assert_eq!(
        store.added(now, 9).await.expect("tells").assets,
        ids(&["a"]),
        "what is replaced is new, once a page"
    );
    let ahead = store.added(store.change() + 1, 9).await.expect_err("refused");
    assert_eq!(ahead.kind, ErrorKind::InvalidArgument);
    assert!(store.verify().await.expect("verifies").is_empty());
}
