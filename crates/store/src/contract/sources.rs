//! What must hold of source rows, and of the assets that live by them.

use sensorium_types::{
    AssetRecord, Change, FailureReason, Modality, Payload, ReasonKind, SourceKey, SourceRow, SourceState,
    Track,
};

use super::Fresh;
use super::samples::{Seeded, id, key, point, record, row};
use crate::{Store, all_sources};

/// Writes an image that came from this source.
async fn from_source(store: &dyn Store, name: &str, source: SourceKey) -> AssetRecord {
    let space = store.space();
    let mut asset = record(name, Modality::Image, &space);
    asset.from_source = true;
    let points = vec![point(Track::Image, 0, Seeded::new(name.len() as u64).unit(space.dim))];
    let row = row(&asset.id);
    let change = Change::Upsert { asset: asset.clone(), points, source: Some((source, row)) };
    store.apply(vec![change]).await.expect("applies");
    asset
}

async fn is_there(store: &dyn Store, name: &str) -> bool {
    store.get(&[id(name)], false).await.expect("gets").iter().any(Option::is_some)
}

/// `/r/a` has `/r/a` and `/r/a/b` below it, not `/r/ab`.
pub async fn rows_below_a_path_end_at_a_slash(fresh: Fresh) {
    let store = fresh.store.as_ref();
    for path in ["/r/a/1", "/r/a/2", "/r/ab", "/r/a", "/r/a-b", "/r/a-c", "/r/", "/q/z", "/s/a/1", "/s"] {
        let root = path.get(..2).unwrap_or(path);
        from_source(store, path, key(root, path)).await;
    }
    // Other roots that hold the same paths, before and behind.
    for root in ["/", "/r/a", "/r\0", "/r\0x"] {
        from_source(store, &format!("/r/a/1 of {root:?}"), key(root, "/r/a/1")).await;
    }
    let paths = |rows: Vec<(SourceKey, SourceRow)>| -> Vec<String> {
        rows.into_iter().map(|(key, _)| String::from_utf8_lossy(&key.path).into_owned()).collect()
    };
    for (under, right) in [
        ("/r/a", [["/r/a"].as_slice(), &["/r/a/1"; 5], &["/r/a/2"]].concat()),
        ("/r/a/", [["/r/a"].as_slice(), &["/r/a/1"; 5], &["/r/a/2"]].concat()),
        ("/r/a/1", vec!["/r/a/1"; 5]),
        ("/r/a-b", vec!["/r/a-b"]),
        ("/r/ab", vec!["/r/ab"]),
        ("/s", vec!["/s", "/s/a/1"]),
        ("/q", vec!["/q/z"]),
        ("/x", Vec::new()),
        ("/r/a/0", Vec::new()),
        (
            "",
            [
                ["/q/z", "/r/", "/r/a", "/r/a-b", "/r/a-c"].as_slice(),
                &["/r/a/1"; 5],
                &["/r/a/2", "/r/ab", "/s", "/s/a/1"],
            ]
            .concat(),
        ),
    ] {
        let mut all = paths(all_sources(store, under.as_bytes()).await.expect("lists"));
        all.sort_unstable();
        assert_eq!(all, right);
        for limit in 1..=3 {
            let (mut met, mut from) = (Vec::new(), None);
            loop {
                let page = store.sources(under.as_bytes(), from.as_ref(), limit).await.expect("lists");
                assert!(page.items.len() <= limit);
                met.extend(paths(page.items));
                match page.next {
                    Some(next) => from = Some(next),
                    None => break,
                }
            }
            met.sort_unstable();
            assert_eq!(met, right, "pages of {limit}");
        }
    }
}

/// Two paths of one asset: it goes with the second.
pub async fn an_asset_goes_with_its_last_source(fresh: Fresh) {
    let store = fresh.store.as_ref();
    let asset = from_source(store, "photo", key("/r", "/r/a")).await;
    let second = Change::PutSource { key: key("/r", "/r/b"), row: row(&asset.id) };
    store.apply(vec![second]).await.expect("applies");
    let read = store.get(std::slice::from_ref(&asset.id), false).await.expect("gets");
    let paths = read.into_iter().flatten().next().map(|asset| asset.paths);
    assert_eq!(paths, Some(vec![b"/r/a".to_vec(), b"/r/b".to_vec()]), "paths in order of writing");
    let applied =
        store.apply(vec![Change::RemoveSources { keys: vec![key("/r", "/r/a")] }]).await.expect("applies");
    assert!(applied.iter().all(|applied| applied.assets_removed.is_empty()));
    assert!(is_there(store, "photo").await, "one source is left");
    let applied =
        store.apply(vec![Change::RemoveSources { keys: vec![key("/r", "/r/b")] }]).await.expect("applies");
    let removed: Vec<_> = applied.into_iter().flat_map(|applied| applied.assets_removed).collect();
    assert_eq!(removed, vec![asset.id]);
    assert!(!is_there(store, "photo").await, "the last source is gone");
    assert!(store.verify().await.expect("verifies").is_empty());
}

/// A row that comes to point at another asset takes the old one away, whether by upsert or by `PutSource`.
pub async fn a_changed_file_takes_its_old_asset_away(fresh: Fresh) {
    let store = fresh.store.as_ref();
    from_source(store, "before", key("/r", "/r/a")).await;
    let after = from_source(store, "after", key("/r", "/r/a")).await;
    assert!(!is_there(store, "before").await && is_there(store, "after").await);
    from_source(store, "other", key("/r", "/r/b")).await;
    let put = Change::PutSource { key: key("/r", "/r/b"), row: row(&after.id) };
    let applied = store.apply(vec![put]).await.expect("applies");
    let removed: Vec<_> = applied.into_iter().flat_map(|applied| applied.assets_removed).collect();
    assert_eq!(removed, vec![id("other")]);
    let failed = SourceState::failed(FailureReason::new(ReasonKind::Corrupt, "cut"), 1);
    for path in ["/r/a", "/r/b"] {
        let row = SourceRow { bytes: 1, mtime_ns: 1, state: failed.clone() };
        store.apply(vec![Change::PutSource { key: key("/r", path), row }]).await.expect("applies");
    }
    assert!(!is_there(store, "after").await, "a file that fails now has no asset");
    assert!(store.verify().await.expect("verifies").is_empty());
}

/// An asset that did not come from a folder stays when the paths that were added to it go.
pub async fn an_asset_from_elsewhere_outlives_its_sources(fresh: Fresh) {
    let store = fresh.store.as_ref();
    let space = store.space();
    let asset = record("upload", Modality::Image, &space);
    let points = vec![point(Track::Image, 0, Seeded::new(8).unit(space.dim))];
    let source = key("/r", "/r/a");
    let changes = vec![
        Change::Upsert { asset: asset.clone(), points, source: None },
        Change::PutSource { key: source.clone(), row: row(&asset.id) },
        Change::RemoveSources { keys: vec![source] },
    ];
    store.apply(changes).await.expect("applies");
    assert!(is_there(store, "upload").await);
}

/// Failed files are rows with their reason and the user's fields, counted apart.
pub async fn failures_are_rows(fresh: Fresh) {
    let store = fresh.store.as_ref();
    let reason = FailureReason::new(ReasonKind::TimedOut, "30 s");
    let mut metadata = Payload::new();
    metadata.set("year", 2020);
    let state = SourceState::Failed { reason, tries: 2, metadata };
    let failed = SourceRow { bytes: 7, mtime_ns: -5, state };
    let change = Change::PutSource { key: key("/r", "/r/slow"), row: failed.clone() };
    store.apply(vec![change]).await.expect("applies");
    assert_eq!(all_sources(store, b"/r").await.expect("lists"), vec![(key("/r", "/r/slow"), failed)]);
    let stats = store.stats().await.expect("has statistics");
    assert_eq!((stats.sources_indexed, stats.sources_failed), (0, 1));
    store.apply(vec![Change::RemoveSources { keys: vec![key("/r", "/r/slow")] }]).await.expect("applies");
    assert_eq!(store.stats().await.expect("has statistics").sources_failed, 0);
}
