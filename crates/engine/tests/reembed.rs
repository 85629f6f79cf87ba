//! `reembed` from a space of another dimension, over the real index. No encoder is loaded: nothing here has media.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensorium_embed::{Bundle, FolderFiles, LoadOptions};
use sensorium_engine::{
    Access, Cancel, Engine, EngineConfig, EngineError, Losses, ReembedEvent, ReembedState, ReembedSummary,
    Substitute,
};
use sensorium_index::{Database, OpenOptions};
use sensorium_media::Limits;
use sensorium_store_embedded::Embedded;
use sensorium_testkit::{Seeded, TemporaryDatabase, samples};
use sensorium_types::{
    AssetId, CaptionCounts, Change, DeleteSelector, FailureReason, Modality, QueryRequest, ReasonKind,
    SourceKey, SourceRow, SourceState, SpaceInfo, Term, TermInput, Track,
};

const OLD_DIM: usize = 16;

fn old_space() -> SpaceInfo {
    SpaceInfo::one("mini", OLD_DIM, "sensorium-mini@old")
}

async fn open(data_dir: &Path, access: Access) -> Arc<Engine> {
    let folder = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("../../models/mini");
    let bundle = Bundle::load(FolderFiles(folder), LoadOptions { threads: 1 }).expect("bundle.toml is there");
    let config = EngineConfig {
        data_dir: data_dir.to_path_buf(),
        storage: Arc::new(Embedded),
        collection: "default".to_owned(),
        bundle,
        elders: None,
        worker_program: PathBuf::from("/nonexistent"),
        jobs: 2,
        limits: Limits::default(),
        access,
    };
    Engine::open(config).await.expect("opens")
}

fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("valid")
}

/// Assets of the old space: one of a file that is gone, two that came without bytes, and the row of a failed file.
async fn fill(data_dir: &Path) {
    let database = Database::open(data_dir, OpenOptions::default()).expect("opens");
    drop(database.create_or_open("default", &old_space()).expect("made"));
    drop(database);
    let engine = open(data_dir, Access::Write).await;
    let mut changes = Vec::new();
    for (seed, name) in (1..).zip(["a", "b", "c"]) {
        let mut asset = samples::record(name, Modality::Image, &old_space());
        asset.metadata.set("tag", name);
        asset.from_source = name == "a";
        if name == "b" {
            let warning = serde_json::json!({"kind": "corrupt", "detail": "cut short", "tries": 2});
            asset.facts.set("_warning", warning);
        }
        let key = SourceKey { root: b"/gone".to_vec(), path: b"/gone/a.jpg".to_vec() };
        let state = SourceState::Indexed { asset: id(name) };
        let source = asset.from_source.then_some((key, SourceRow { bytes: 3, mtime_ns: 4, state }));
        let points = vec![samples::point(Track::Image, 0, Seeded::new(seed).unit(OLD_DIM))];
        changes.push(Change::Upsert { asset, points, source });
    }
    let reason = FailureReason::new(ReasonKind::Corrupt, "no image");
    changes.push(Change::PutSource {
        key: SourceKey { root: b"/gone".to_vec(), path: b"/gone/broken.jpg".to_vec() },
        row: SourceRow { bytes: 5, mtime_ns: 6, state: SourceState::failed(reason, 1) },
    });
    changes.push(Change::KeepCaptions { wanted: true });
    engine.store().apply(changes).await.expect("applies");
    assert!(engine.index_field("tag", true).await.expect("indexes"));
}

async fn reembed(engine: &Engine, losses: Losses) -> (ReembedSummary, Vec<ReembedEvent>) {
    let cancel = Cancel::default();
    let plan = engine.plan_reembed(&cancel).await.expect("plans");
    let (events, mut told) = tokio::sync::mpsc::unbounded_channel();
    let summary = engine.reembed(plan, (losses, false), events, cancel).await.expect("runs");
    let mut events = Vec::new();
    while let Some(event) = told.recv().await {
        events.push(event);
    }
    events.sort_by(|a, b| a.asset.cmp(&b.asset));
    (summary, events)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_comes_over_whole_into_a_space_of_another_dimension() {
    let files = TemporaryDatabase::new();
    fill(files.data()).await;
    let engine = open(files.data(), Access::Write).await;
    let plan = engine.plan_reembed(&Cancel::default()).await.expect("plans").plan;
    assert_eq!((plan.assets, plan.done, plan.pending, plan.losses()), (3, 0, 3, 3));
    assert!(plan.without_media.iter().all(|lacking| lacking.substitute == Substitute::Nothing));
    assert_eq!(plan.without_media[0].path, Some(PathBuf::from("/gone/a.jpg")));

    let (summary, events) = reembed(&engine, Losses::None).await;
    assert!(!summary.finished && events.is_empty());
    assert_eq!(summary.unread.len(), 3);
    assert_eq!(engine.space(), old_space());
    drop(engine);

    let engine = open(files.data(), Access::Write).await;
    engine.delete(DeleteSelector::Ids(vec![id("c")])).await.expect("deletes");
    let (summary, events) = reembed(&engine, Losses::Listed).await;
    assert!(summary.finished && summary.unread.is_empty());
    let states: Vec<_> = events.iter().map(|event| (event.asset.as_str(), event.state)).collect();
    assert_eq!(states, [("a", ReembedState::WithoutVectors), ("b", ReembedState::WithoutVectors)]);
    drop(engine);

    let engine = open(files.data(), Access::Write).await;
    assert_eq!((engine.space(), engine.space_mismatch()), (engine.bundle_space(), None));
    assert_eq!(engine.count(Some(&"tag exists".parse().expect("a filter"))).await.expect("counts"), 2);
    assert!(engine.verify().await.expect("walks").is_empty());
    let indexed: Vec<_> =
        engine.field_indexes().await.expect("lists").into_iter().filter(|index| index.asked).collect();
    assert_eq!(indexed.iter().map(|index| index.field.as_str()).collect::<Vec<_>>(), ["tag"], "as before");
    let captions = engine.caption_counts().await.expect("counts");
    assert_eq!(captions, Some(CaptionCounts { made: 0, missing: 2 }), "kept as before, and to be made again");
    let failures = engine.failures().await.expect("lists");
    let paths: Vec<_> = failures.iter().map(|failure| failure.path.to_str().expect("UTF-8")).collect();
    assert_eq!(paths, ["/gone/a.jpg", "/gone/broken.jpg", "asset:b"]);
    let warnings = engine.warnings().await.expect("lists");
    let told: Vec<_> = warnings.iter().map(|warning| (warning.reason.to_string(), warning.tries)).collect();
    assert_eq!(told, [("corrupt: cut short".to_owned(), 2)], "what nobody can look at any more keeps it");
    let term = Term { weight: 1.0, input: TermInput::Asset(id("a")) };
    let query = QueryRequest { terms: vec![term], ..QueryRequest::default() };
    assert!(matches!(engine.query(query, Cancel::new()).await, Err(EngineError::MediaAway { .. })));
    let plan = engine.plan_reembed(&Cancel::default()).await.expect("plans").plan;
    assert!(plan.is_done());
    assert_eq!(plan.without_media.len(), 2, "they still wait");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_reads_plans_and_writes_nothing() {
    let files = TemporaryDatabase::new();
    fill(files.data()).await;
    let engine = open(files.data(), Access::Read).await;
    let plan = engine.plan_reembed(&Cancel::default()).await.expect("plans");
    assert_eq!(plan.plan.pending, 3);
    let (events, _told) = tokio::sync::mpsc::unbounded_channel();
    let refused = engine.reembed(plan, (Losses::All, false), events, Cancel::default()).await;
    assert!(matches!(refused, Err(EngineError::ReadOnly)));
    let collections = fs_err::read_dir(files.data().join("collections")).expect("lists").count();
    assert_eq!(collections, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_after_the_plan_comes_over_and_nothing_is_written_to_what_was_replaced() {
    let files = TemporaryDatabase::new();
    fill(files.data()).await;
    let engine = open(files.data(), Access::Write).await;
    let planned = engine.plan_reembed(&Cancel::default()).await.expect("plans");
    let ids = |name: &str| DeleteSelector::Ids(vec![id(name)]);
    engine.delete(ids("c")).await.expect("deletes");
    let mut fields = sensorium_types::Payload::new();
    fields.set("tag", "later");
    engine.set_payload(ids("b"), fields.clone()).await.expect("sets");
    let (events, _told) = tokio::sync::mpsc::unbounded_channel();
    let summary =
        engine.reembed(planned, (Losses::Listed, false), events, Cancel::default()).await.expect("runs");
    assert!(summary.finished, "{summary:?}");

    // Who holds what was replaced reads it, and writes no more.
    assert_eq!((engine.space(), engine.count(None).await.expect("counts")), (old_space(), 2));
    let refused = engine.set_payload(ids("b"), fields).await.expect_err("replaced");
    assert!(matches!(refused, EngineError::MadeAnew { .. }), "{refused}");
    assert!(engine.delete(ids("a")).await.is_err());
    let now = engine.collection("default").await.expect("opens");
    assert_eq!((now.space(), now.count(None).await.expect("counts")), (now.bundle_space(), 2));
    let later = now.count(Some(&"tag = \"later\"".parse().expect("a filter"))).await.expect("counts");
    assert_eq!(later, 1);
    let folders = || fs_err::read_dir(files.data().join("collections")).expect("lists").count();
    assert!(!now.clear_replaced().await.expect("looks"), "it is read still");
    assert_eq!(folders(), 2);
    drop(engine);
    assert!(now.clear_replaced().await.expect("removes"));
    assert_eq!(folders(), 1);
    now.delete(ids("a")).await.expect("deletes");
}
