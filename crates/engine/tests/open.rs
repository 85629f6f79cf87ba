//! Opening data folders, with the real index and a bundle whose encoders are never loaded.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensorium_embed::{Bundle, FolderFiles, LoadOptions};
use sensorium_engine::{Access, Engine, EngineConfig, EngineError};
use sensorium_index::{Database, OpenOptions};
use sensorium_media::{Cancel, Limits};
use sensorium_store_embedded::Embedded;
use sensorium_testkit::{Seeded, TemporaryDatabase, samples};
use sensorium_types::{
    ContentHash, DeleteSelector, ErrorKind, IndexRequest, MediaPolicy, Modality, QueryRequest, SpaceInfo,
    Term, TermInput, Track,
};

fn bundle() -> Arc<Bundle> {
    let folder = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("../../models/mini");
    Bundle::load(FolderFiles(folder), LoadOptions { threads: 1 }).expect("bundle.toml is there")
}

fn config(data_dir: &Path, collection: &str, access: Access) -> EngineConfig {
    EngineConfig {
        data_dir: data_dir.to_path_buf(),
        storage: Arc::new(Embedded),
        collection: collection.to_owned(),
        bundle: bundle(),
        elders: None,
        worker_program: PathBuf::from("/nonexistent"),
        jobs: 1,
        limits: Limits::default(),
        access,
    }
}

async fn open(data_dir: &Path, access: Access) -> Arc<Engine> {
    Engine::open(config(data_dir, "default", access)).await.expect("opens")
}

/// Writes an image without a file.
async fn put(engine: &Engine, name: &str, media: MediaPolicy) {
    let space = engine.space();
    let mut asset = samples::record(name, Modality::Image, &space);
    asset.media = media;
    let points = vec![samples::point(Track::Image, 0, Seeded::new(1).unit(space.dim))];
    engine.store().apply(vec![samples::upsert(asset, points)]).await.expect("applies");
}

fn by_vector(dim: usize) -> QueryRequest {
    let input = TermInput::Vector(Seeded::new(1).unit(dim));
    QueryRequest { terms: vec![Term { weight: 1.0, input }], ..QueryRequest::default() }
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_empty_for_readers() {
    let files = TemporaryDatabase::new();
    let missing = files.folder().join("missing");
    let engine = open(&missing, Access::Read).await;
    assert_eq!(engine.stats().await.expect("has statistics").counts.assets, 0);
    assert!(
        engine.query(by_vector(engine.space().dim), Cancel::new()).await.expect("answers").hits.is_empty()
    );
    assert!(engine.verify().await.expect("verifies").is_empty());
    assert!(engine.failures().await.expect("lists").is_empty());
    assert!(engine.repair(true).await.expect("nothing to repair").is_empty());
    assert!(Engine::verify_folder(&Embedded, &missing, "default").await.expect("verifies").is_empty());
    assert!(
        Engine::repair_folder(&Embedded, &missing, "default", false)
            .await
            .expect("nothing to repair")
            .is_empty()
    );
    assert!(!missing.exists(), "readers make nothing");
    let delete = engine.delete(DeleteSelector::Ids(Vec::new())).await.expect_err("refused");
    assert!(matches!(delete, EngineError::ReadOnly));
}

#[tokio::test]
async fn one_process_writes_and_others_read() {
    let files = TemporaryDatabase::new();
    let writer = open(files.data(), Access::Write).await;
    put(&writer, "a", MediaPolicy::None).await;
    let second = Engine::open(config(files.data(), "default", Access::Write)).await.expect_err("refused");
    assert_eq!(second.kind(), ErrorKind::Conflict);
    assert!(second.to_string().contains(&std::process::id().to_string()), "{second}");
    let reader = open(files.data(), Access::Read).await;
    assert_eq!(
        reader.query(by_vector(reader.space().dim), Cancel::new()).await.expect("answers").hits.len(),
        1
    );
    drop((reader, writer));
    let again = open(files.data(), Access::Write).await;
    assert_eq!(again.count(None).await.expect("counts"), 1);
    drop(again);
    assert!(Engine::verify_folder(&Embedded, files.data(), "default").await.expect("verifies").is_empty());
    assert!(
        Engine::repair_folder(&Embedded, files.data(), "default", false).await.expect("repairs").is_empty()
    );
}

#[tokio::test]
async fn collections_share_a_folder() {
    let files = TemporaryDatabase::new();
    let engine = open(files.data(), Access::Write).await;
    let other = engine.collection("other").await.expect("made");
    put(&other, "a", MediaPolicy::None).await;
    assert_eq!((engine.count(None).await.expect("counts"), other.count(None).await.expect("counts")), (0, 1));
    let names = |list: Vec<sensorium_types::CollectionSummary>| {
        list.into_iter().map(|summary| summary.name).collect::<Vec<_>>()
    };
    assert_eq!(names(engine.collections().await.expect("lists")), ["default", "other"]);
    let held = engine.drop_collection("other").await.expect_err("in use");
    assert_eq!(held.kind(), ErrorKind::Conflict);
    drop(other);
    assert!(engine.drop_collection("other").await.expect("dropped"));
    assert!(!engine.drop_collection("other").await.expect("gone"));
    let reader = Engine::open(config(files.data(), "missing", Access::Read)).await.expect_err("unknown");
    assert_eq!(reader.kind(), ErrorKind::NotFound);
    assert!(reader.to_string().contains("default"), "{reader}");
}

#[tokio::test]
async fn orphaned_copies_are_swept_at_open() {
    let files = TemporaryDatabase::new();
    let engine = open(files.data(), Access::Write).await;
    put(&engine, "kept", MediaPolicy::Copy).await;
    put(&engine, "unkept", MediaPolicy::None).await;
    drop(engine);
    let copy = |name: &str| {
        let hex = ContentHash::of(name.as_bytes()).to_hex();
        let folder = files.data().join("media").join(&hex[..2]).join(&hex[2..4]);
        fs_err::create_dir_all(&folder).expect("made");
        fs_err::write(folder.join(&hex), name).expect("written");
        folder.join(hex)
    };
    let copies = [copy("kept"), copy("unkept"), copy("orphan")];
    drop(open(files.data(), Access::Read).await);
    assert!(copies.iter().all(|copy| copy.exists()), "a reader sweeps nothing");
    drop(open(files.data(), Access::Write).await);
    assert_eq!(copies.map(|copy| copy.exists()), [true, false, false]);
}

#[tokio::test]
async fn another_bundles_collection_stays_readable() {
    let files = TemporaryDatabase::new();
    let old = SpaceInfo::one("mini", 16, "sensorium-mini@old");
    let database = Database::open(files.data(), OpenOptions::default()).expect("opens");
    drop(database.create_or_open("default", &old).expect("made"));
    drop(database);
    let engine = open(files.data(), Access::Write).await;
    assert_eq!(engine.space_mismatch().map(|mismatch| mismatch.stored), Some(old));
    put(&engine, "a", MediaPolicy::None).await;
    assert_eq!(engine.query(by_vector(16), Cancel::new()).await.expect("answers").hits.len(), 1);
    let input = TermInput::Text("dog".to_owned());
    let text = QueryRequest { terms: vec![Term { weight: 1.0, input }], ..QueryRequest::default() };
    let error = engine.query(text, Cancel::new()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert!(error.to_string().contains("sensorium reembed"), "{error}");
    let (events, _told) = tokio::sync::mpsc::unbounded_channel();
    let request = IndexRequest { paths: vec![files.media().to_path_buf()], ..IndexRequest::default() };
    let error = engine.index(request, events, Cancel::default()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
}

#[tokio::test]
async fn a_worker_that_does_not_start_stops_the_run() {
    let files = TemporaryDatabase::new();
    files.write("a.txt", b"some text");
    let engine = open(files.data(), Access::Write).await;
    let (events, _told) = tokio::sync::mpsc::unbounded_channel();
    let request = IndexRequest { paths: vec![files.media().to_path_buf()], ..IndexRequest::default() };
    let error = engine.index(request, events, Cancel::default()).await.expect_err("no worker");
    assert!(matches!(error, EngineError::Media(_)), "{error}");
    assert_eq!(engine.count(None).await.expect("counts"), 0);
}
