//! Rows of files and folders that failed: what waits in them, and when they go.
use sensorium_types::{
    Change, FailureReason, IndexEvent, IndexRequest, ItemState, ReasonKind, SourceKey, SourceRow, SourceState,
};

use crate::common::Fixture;

#[tokio::test]
async fn fields_given_for_a_failed_file_wait_for_it() {
    let fixture = Fixture::new();
    let meta = fixture.write("meta.csv", "path,year,camera\na,2020,X\nb,2020,X\n");
    let with_meta = || IndexRequest { meta: Some(meta.clone()), ..fixture.request() };
    for name in ["a", "b"] {
        fixture.write(name, &format!("corrupt {name}"));
    }
    assert_eq!(fixture.index_with(with_meta()).await.expect("indexes").counts(), (0, 0, 2, 0));
    // Not tried again, and yet what is given now is not lost.
    fs_err::write(&meta, "path,year\na,2021\n").expect("written");
    assert_eq!(fixture.index_with(with_meta()).await.expect("indexes").counts(), (0, 0, 2, 0));
    assert_eq!(fixture.decoded(), 2);
    fs_err::remove_file(&meta).expect("removed");

    fixture.write("a", "image a dog");
    let runs = fixture.retry().await;
    assert_eq!(runs[0].counts(), (1, 0, 1, 0));
    fixture.write("b", "image a cat");
    assert_eq!(fixture.index().await.counts(), (1, 1, 0, 0));
    for (word, year) in [("dog", 2021), ("cat", 2020)] {
        let payload = &fixture.search(word).await[0].payload;
        assert_eq!(payload.get("year").and_then(serde_json::Value::as_i64), Some(year), "{word}");
        assert_eq!(payload.get("camera").and_then(|camera| camera.as_str()), Some("X"), "{word}");
    }
}

#[tokio::test]
async fn a_retry_meets_only_what_failed() {
    let fixture = Fixture::new();
    fixture.write("bad.jpg", "corrupt");
    fixture.index().await;
    fixture.write("bad.jpg", "image a dog");
    fixture.write("sub/bad.jpg", "image a cat");
    fixture.write("new.jpg", "image a tree");
    let runs = fixture.retry().await;
    assert_eq!(runs[0].states.keys().collect::<Vec<_>>(), ["bad.jpg"]);
}

/// The row that a folder gets that cannot be read.
async fn put_unreadable(fixture: &Fixture, name: &str) {
    let bytes = |path: &std::path::Path| path.as_os_str().as_encoded_bytes().to_vec();
    let media = fixture.files.media();
    let key = SourceKey { root: bytes(media), path: bytes(&media.join(name)) };
    let state = SourceState::failed(FailureReason::new(ReasonKind::Unreadable, "no permission"), 3);
    let row = SourceRow { bytes: 0, mtime_ns: 0, state };
    fixture.store.apply(vec![Change::PutSource { key, row }]).await.expect("applies");
}

#[tokio::test]
async fn a_failed_row_goes_when_a_folder_can_be_entered_at_its_path() {
    let fixture = Fixture::new();
    fixture.write("shut/a", "image a dog");
    fixture.write("file", "corrupt");
    fixture.index().await;
    put_unreadable(&fixture, "shut").await;
    fs_err::remove_file(fixture.files.media().join("file")).expect("removed");
    fixture.write("file/b", "image a cat");
    let run = fixture.index().await;
    assert_eq!(run.counts(), (1, 1, 0, 2));
    assert_eq!((run.states["shut"], run.states["file"]), (ItemState::Pruned, ItemState::Pruned));
    assert!(fixture.engine.failures().await.expect("lists").is_empty());

    // The same by a retry, which then brings in what lies in the folder.
    put_unreadable(&fixture, "late").await;
    fixture.write("late/deep/c", "image a tree");
    let runs = fixture.retry().await;
    assert_eq!(runs[0].counts(), (1, 0, 0, 1));
    assert!(fixture.engine.failures().await.expect("lists").is_empty());
}

#[tokio::test]
async fn a_folder_in_the_place_of_an_indexed_file_is_for_prune() {
    let fixture = Fixture::new();
    for name in ["a", "b", "c"] {
        fixture.write(name, &format!("image {name}"));
    }
    fixture.index().await;
    fs_err::remove_file(fixture.files.media().join("a")).expect("removed");
    fixture.write("a/x", "image x");
    assert_eq!(fixture.index().await.counts(), (1, 2, 0, 0));
    let run = fixture.index_with(IndexRequest { prune: true, ..fixture.request() }).await.expect("indexes");
    assert_eq!((run.counts(), run.states["a"]), ((0, 3, 0, 1), ItemState::Pruned));
}

#[tokio::test]
async fn another_data_folder_is_passed_over_and_its_failed_rows_go() {
    let fixture = Fixture::new();
    fixture.write("a", "image a dog");
    fixture.write("old/collections/x/CURRENT", "MANIFEST-000001");
    fixture.write("old/lock", "17\n");
    put_unreadable(&fixture, "old/collections/x/LOG").await;
    let run = fixture.index().await;
    assert_eq!(run.counts(), (1, 0, 0, 1));
    let passed_over: Vec<_> =
        run.events.iter().filter(|event| matches!(event, IndexEvent::PassedOver { .. })).collect();
    let path = fixture.files.media().join("old");
    assert_eq!(passed_over, [&IndexEvent::PassedOver { path }]);
    assert!(fixture.engine.failures().await.expect("lists").is_empty());
}
