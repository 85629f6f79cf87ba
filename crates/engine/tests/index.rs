//! Folders to assets, with fake decoders and encoders (CONTRACTS.md section 2).

mod common;
#[path = "index/rows.rs"]
mod rows;
#[path = "index/warnings.rs"]
mod warnings;

use common::{FakeDecoder, Fixture, until};
use sensorium_engine::{Cancel, EngineError};
use sensorium_types::{DeleteSelector, ErrorKind, IndexEvent, IndexRequest, ItemState, ReasonKind};

#[tokio::test]
async fn a_second_run_reads_nothing() {
    let fixture = Fixture::new();
    fixture.write("a.jpg", "image a dog");
    fixture.write("sub/b.mp4", "video a cat|a tree;meow");
    let run = fixture.index().await;
    assert_eq!(run.counts(), (2, 0, 0, 0));
    assert_eq!(run.summary.points, 4);
    assert!(matches!(run.events.last(), Some(IndexEvent::File(_) | IndexEvent::Walked { done: true, .. })));
    let again = fixture.index().await;
    assert_eq!(again.counts(), (0, 2, 0, 0));
    assert_eq!(fixture.decoded(), 2);
}

#[tokio::test]
async fn facts_of_the_file_are_in_the_payload() {
    let fixture = Fixture::new();
    let path = fixture.write("a dog.jpg", "image a dog");
    fixture.index().await;
    let hits = fixture.search("dog").await;
    let payload = &hits[0].payload;
    for (name, value) in [
        ("path", path.display().to_string()),
        ("name", "a dog.jpg".to_owned()),
        ("mime", "image/fake".to_owned()),
        ("modality", "image".to_owned()),
    ] {
        assert_eq!(payload.get(name).and_then(|value| value.as_str()), Some(value.as_str()));
    }
    assert_eq!(payload.get("bytes").and_then(serde_json::Value::as_u64), Some(11));
    assert!(payload.get("mtime").is_some_and(|time| time.as_str().is_some_and(|time| time.ends_with('Z'))));
    assert_eq!(payload.get("words").and_then(serde_json::Value::as_u64), Some(2));
}

#[tokio::test]
async fn a_moved_file_is_not_decoded_again() {
    let fixture = Fixture::new();
    let old = fixture.write("old.jpg", "image a dog");
    fixture.write("other.jpg", "image a cat");
    fixture.index().await;
    let new = fixture.files.media().join("new.jpg");
    fs_err::rename(&old, &new).expect("moved");
    let run = fixture.index_with(IndexRequest { prune: true, ..fixture.request() }).await.expect("indexes");
    assert_eq!(run.counts(), (1, 1, 0, 1));
    assert_eq!((run.states["new.jpg"], run.states["old.jpg"]), (ItemState::Indexed, ItemState::Pruned));
    assert_eq!((fixture.decoded(), run.summary.points), (2, 0));
    let hits = fixture.search("dog").await;
    assert_eq!(hits[0].path.as_deref(), Some(new.as_path()));
    assert_eq!(hits[0].payload.get("name").and_then(|name| name.as_str()), Some("new.jpg"));
}

#[tokio::test]
async fn a_hit_shows_the_first_path_that_exists() {
    let fixture = Fixture::new();
    let first = fixture.write("1.jpg", "image a dog");
    fixture.index().await;
    let second = fixture.write("2.jpg", "image a dog");
    fixture.index().await;
    assert_eq!(fixture.search("dog").await[0].path.as_deref(), Some(first.as_path()));
    fs_err::remove_file(&first).expect("removed");
    let hits = fixture.search("dog").await;
    assert_eq!(hits[0].path.as_deref(), Some(second.as_path()));
    assert_eq!(hits[0].paths, [first, second.clone()]);
    fs_err::remove_file(&second).expect("removed");
    assert_eq!(fixture.search("dog").await[0].path, None);
}

#[tokio::test]
async fn files_of_the_same_bytes_are_decoded_once() {
    let fixture = Fixture::with(FakeDecoder::held());
    for name in ["a", "b", "c", "d", "e"] {
        fixture.write(name, "audio bark|rain");
        fixture.write(&format!("bad-{name}"), "corrupt");
    }
    // Both readers are in the decoder, one with each kind, and copies of what they hold were met on the way.
    let meet = async {
        fixture.decoder.gate.arrived(2).await;
        fixture.decoder.gate.open();
    };
    let (run, ()) = tokio::join!(fixture.index(), meet);
    assert_eq!(run.counts(), (5, 0, 5, 0));
    assert_eq!((fixture.decoded(), run.summary.points), (2, 2));
    assert_eq!(fixture.engine.count(None).await.expect("counts"), 1);
    assert_eq!(fixture.index().await.counts(), (0, 5, 5, 0));
    assert_eq!(fixture.decoded(), 2);
}

#[tokio::test]
async fn bytes_that_failed_are_not_decoded_again_in_the_run() {
    let fixture = Fixture::with(FakeDecoder::held());
    for (n, word) in ["dog", "cat", "horse", "bird", "car", "tree", "boat", "house"].into_iter().enumerate() {
        fixture.write(&format!("{n}-a"), "corrupt");
        fixture.write(&format!("{n}-b"), &format!("image a {word}"));
    }
    // One fails, whichever file comes first to the decoder. Its reader and the other then stand there with an image each,
    // and no copy is decoded before the failure is written.
    let gate = &fixture.decoder.gate;
    let written = async {
        gate.let_in_only("corrupt");
        gate.arrived(3).await;
        until(async || !fixture.engine.failures().await.expect("lists").is_empty()).await;
        gate.open();
    };
    let (run, ()) = tokio::join!(fixture.index(), written);
    assert_eq!(run.counts(), (8, 0, 8, 0));
    assert_eq!(fixture.decoded(), 9);
}

#[tokio::test]
async fn a_changed_file_becomes_another_asset() {
    let fixture = Fixture::new();
    fixture.write("a", "image a dog");
    fixture.index().await;
    fixture.write("a", "image a small cat");
    assert_eq!(fixture.index().await.counts(), (1, 0, 0, 0));
    assert_eq!(fixture.engine.count(None).await.expect("counts"), 1);
    assert!(fixture.search("dog").await[0].cosine < 0.9);
    fixture.write("a", "corrupt");
    assert_eq!(fixture.index().await.counts(), (0, 0, 1, 0));
    assert_eq!(
        fixture.engine.count(None).await.expect("counts"),
        0,
        "the old asset went with its last source"
    );
}

#[tokio::test]
async fn a_touched_file_is_hashed_and_not_decoded() {
    let fixture = Fixture::new();
    let path = fixture.write("a", "image a dog");
    fixture.index().await;
    let file = fs_err::OpenOptions::new().append(true).open(&path).expect("opens");
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("touched");
    assert_eq!(fixture.index().await.counts(), (1, 0, 0, 0));
    assert_eq!(fixture.index().await.counts(), (0, 1, 0, 0));
    assert_eq!(fixture.decoded(), 1);
}

#[tokio::test]
async fn failures_are_recorded_and_stop_nobody() {
    let fixture = Fixture::new();
    fixture.write("good", "image a dog");
    fixture.write("bad", "corrupt");
    fixture.write("slow", "timeout");
    fixture.write("empty", "");
    fixture.write("large", &format!("text {}", "x".repeat(200_000)));
    let fifo = fixture.files.media().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    std::os::unix::fs::symlink("nowhere", fixture.files.media().join("dangling")).expect("linked");
    let run = fixture.index().await;
    assert_eq!(run.counts(), (1, 0, 6, 0));
    for (name, kind) in [
        ("bad", ReasonKind::Corrupt),
        ("slow", ReasonKind::TimedOut),
        ("empty", ReasonKind::Unsupported),
        ("large", ReasonKind::TooLarge),
        ("fifo", ReasonKind::Unsupported),
        ("dangling", ReasonKind::Unreadable),
    ] {
        assert_eq!(run.reason(name).map(|reason| reason.kind), Some(kind), "{name}");
    }
    let failures = fixture.engine.failures().await.expect("lists");
    assert_eq!(failures.len(), 6);
    assert!(failures.is_sorted_by(|a, b| a.path < b.path));
    assert!(failures.iter().all(|failure| failure.tries == 1));
}

#[tokio::test]
async fn retryable_failures_are_tried_three_times() {
    let fixture = Fixture::new();
    fixture.write("slow", "timeout");
    fixture.write("bad", "corrupt");
    for tries in [1, 2, 3, 3, 3] {
        let run = fixture.index().await;
        assert_eq!(run.counts(), (0, 0, 2, 0));
        let failures = fixture.engine.failures().await.expect("lists");
        assert_eq!(failures.iter().map(|failure| failure.tries).collect::<Vec<_>>(), [1, tries]);
    }
    assert_eq!(fixture.decoded(), 4, "three times the slow one, once the bad one");
    fixture.index_with(IndexRequest { retry_all: true, ..fixture.request() }).await.expect("indexes");
    assert_eq!(fixture.decoded(), 6);
    fixture.write("slow", "image done at last");
    assert_eq!(fixture.index().await.counts(), (1, 0, 1, 0));
}

#[tokio::test]
async fn pruning_is_refused_where_a_disk_may_be_missing() {
    let fixture = Fixture::new();
    let refused = |request| async { fixture.index_with(request).await.expect_err("refused") };
    let prune = || IndexRequest { prune: true, ..fixture.request() };
    for name in ["disk/1", "disk/2", "keep/1", "keep/2", "keep/3"] {
        fixture.write(name, &format!("image {name}"));
    }
    fixture.index().await;
    for name in ["disk/1", "disk/2"] {
        fs_err::remove_file(fixture.files.media().join(name)).expect("removed");
    }
    let error = refused(prune()).await;
    assert!(matches!(error, EngineError::PruneEmptyFolder { rows: 2, .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    let disk = IndexRequest { paths: vec![fixture.files.media().join("disk")], force: true, ..prune() };
    assert!(matches!(refused(disk).await, EngineError::PruneEmptyPath { .. }));
    let away = IndexRequest { paths: vec![fixture.files.media().join("away")], force: true, ..prune() };
    let error = refused(away).await;
    assert!(matches!(error, EngineError::PathMissing { .. }));
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(fixture.engine.count(None).await.expect("counts"), 5, "nothing went");
    let run = fixture.index_with(IndexRequest { force: true, ..prune() }).await.expect("forced");
    assert_eq!(run.counts(), (0, 3, 0, 2));
    assert_eq!(fixture.engine.count(None).await.expect("counts"), 3);
}

#[tokio::test]
async fn without_prune_nothing_is_forgotten() {
    let fixture = Fixture::new();
    let path = fixture.write("a", "image a dog");
    fixture.write("b", "image a cat");
    fixture.index().await;
    fs_err::remove_file(path).expect("removed");
    assert_eq!(fixture.index().await.counts(), (0, 1, 0, 0));
    assert_eq!(fixture.engine.count(None).await.expect("counts"), 2);
}

#[tokio::test]
async fn metadata_is_joined_and_merged_later() {
    let fixture = Fixture::new();
    fixture.write("sub/a.jpg", "image a dog");
    fixture.write("b.jpg", "image a cat");
    let meta = fixture.write("meta.csv", "path,year,camera\nsub/a.jpg,2020,X100\nmissing.jpg,1999,\n");
    let with_meta = || IndexRequest { meta: Some(meta.clone()), ..fixture.request() };
    let run = fixture.index_with(with_meta()).await.expect("indexes");
    assert_eq!(run.counts(), (2, 0, 0, 0), "the metadata file is not walked");
    assert_eq!(run.summary.metadata_unused, 1);
    let year = |year: &str| format!("year = {year}").parse::<sensorium_types::Filter>().expect("a filter");
    assert_eq!(fixture.engine.count(Some(&year("2020"))).await.expect("counts"), 1);
    assert_eq!(fixture.index_with(with_meta()).await.expect("indexes").counts(), (0, 2, 0, 0));
    fs_err::write(&meta, "path,year\nsub/a.jpg,2021\n").expect("written");
    assert_eq!(fixture.index_with(with_meta()).await.expect("indexes").counts(), (1, 1, 0, 0));
    assert_eq!(fixture.engine.count(Some(&year("2021"))).await.expect("counts"), 1);
    assert_eq!(fixture.search("dog").await[0].payload.get("camera").and_then(|v| v.as_str()), Some("X100"));
    assert_eq!(fixture.decoded(), 2);
}

#[tokio::test]
async fn a_cancelled_run_keeps_what_it_committed_and_the_next_goes_on() {
    let cancel = Cancel::default();
    let fixture =
        Fixture::with(FakeDecoder { cancel_after: Some((10, cancel.clone())), ..FakeDecoder::default() });
    for index in 0..60 {
        fixture.write(&format!("{index:03}"), &format!("image number n{index}"));
    }
    let run = fixture.index_until(fixture.request(), cancel).await.expect("ends cleanly");
    assert!(run.summary.interrupted);
    assert!(run.summary.indexed < 60 && run.summary.failed == 0);
    let stored = fixture.engine.count(None).await.expect("counts");
    assert_eq!(stored, run.summary.indexed, "what was told is what is there");
    let fixture = fixture.reopened(FakeDecoder::default());
    let rest = fixture.index().await;
    assert_eq!(rest.counts(), (60 - stored, stored, 0, 0));
    assert!(!rest.summary.interrupted);
}

#[tokio::test]
async fn the_data_folder_is_not_walked() {
    let fixture = Fixture::new();
    fixture.write("a", "image a dog");
    fs_err::write(fixture.files.data().join("x"), "image inside").expect("written");
    let all = IndexRequest { paths: vec![fixture.files.folder().to_path_buf()], ..IndexRequest::default() };
    assert_eq!(fixture.index_with(all).await.expect("indexes").counts(), (1, 0, 0, 0));
}

#[tokio::test]
async fn what_was_deleted_comes_back_with_the_next_run() {
    let fixture = Fixture::new();
    fixture.write("a", "image a dog");
    fixture.index().await;
    let asset = fixture.search("dog").await[0].asset.clone();
    let selector = DeleteSelector::Ids(vec![asset.clone(), asset.clone()]);
    let outcome = fixture.engine.delete(selector).await.expect("deletes");
    assert_eq!((outcome.deleted, outcome.missing), (vec![asset.clone()], vec![asset]));
    assert_eq!(fixture.index().await.counts(), (1, 0, 0, 0));
    let filter = "modality = \"image\"".parse().expect("a filter");
    let outcome = fixture.engine.delete(DeleteSelector::Filter(filter)).await.expect("deletes");
    assert_eq!(outcome.deleted.len(), 1);
    assert_eq!(fixture.engine.count(None).await.expect("counts"), 0);
}

#[tokio::test]
async fn one_folder_under_two_roots_keeps_one_truth() {
    let fixture = Fixture::new();
    let path = fixture.write("sub/a", "image a dog");
    let below = || IndexRequest { paths: vec![fixture.files.media().join("sub")], ..IndexRequest::default() };
    fixture.index().await;
    let run = fixture.index_with(below()).await.expect("indexes");
    assert_eq!(run.counts(), (1, 0, 0, 0), "a row of its own");
    assert_eq!(fixture.decoded(), 1);
    fs_err::write(&path, "image a small cat").expect("written");
    fixture.index_with(below()).await.expect("indexes");
    assert_eq!(fixture.engine.count(None).await.expect("counts"), 1, "the other root's row follows");
    assert_eq!(fixture.index().await.counts(), (0, 1, 0, 0));
}

#[tokio::test]
async fn includes_and_excludes_choose_files() {
    let fixture = Fixture::new();
    for name in ["a.jpg", "b.png", "skip/c.jpg"] {
        fixture.write(name, &format!("image {name}"));
    }
    let request = IndexRequest {
        include: vec!["*.jpg".to_owned()],
        exclude: vec!["skip".to_owned()],
        ..fixture.request()
    };
    let run = fixture.index_with(request).await.expect("indexes");
    assert_eq!(run.states.keys().collect::<Vec<_>>(), ["a.jpg"]);
    let wrong = IndexRequest { include: vec!["[".to_owned()], ..fixture.request() };
    let error = fixture.index_with(wrong).await.expect_err("no glob");
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn of_ten_thousand_unchanged_files_none_is_opened() {
    let fixture = Fixture::new();
    let folder = fixture.files.media().to_path_buf();
    let name = |index: usize| format!("{:02}/{index}", index % 100);
    for index in 0..10_000 {
        fixture.write(&name(index), &format!("image n{index}"));
    }
    fixture.index().await;
    // Whoever read them would find other bytes behind the same sizes and times.
    for index in 0..10_000 {
        let path = folder.join(name(index));
        let time = fs_err::metadata(&path).expect("metadata").modified().expect("a time");
        fixture.write(&name(index), &format!("image m{index}"));
        let file = fs_err::OpenOptions::new().write(true).open(&path).expect("opens");
        file.set_modified(time).expect("sets the time");
    }
    assert_eq!(fixture.index().await.counts(), (0, 10_000, 0, 0));
    assert_eq!(fixture.decoded(), 10_000);
}
