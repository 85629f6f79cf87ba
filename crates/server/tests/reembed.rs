//! A collection of another bundle's space, brought over while the server serves. No encoder is loaded: nothing here has media.

mod common;
mod http_client;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::HANG;
use http_client::{ask_with, post};
use sensorium_api::v1;
use sensorium_api::v1::query_service_client::QueryServiceClient;
use sensorium_client::{Client, Options, ReembedOrder, ReembedReply, Retry};
use sensorium_embed::{Bundle, FolderFiles, LoadOptions};
use sensorium_engine::{Access, Engine, EngineConfig};
use sensorium_media::Limits;
use sensorium_server::{Keys, NewKey, Scope, Settings, serve};
use sensorium_store::{OpenFolder, Storage as _};
use sensorium_store_embedded::Embedded;
use sensorium_testkit::{Seeded, TemporaryDatabase, samples};
use sensorium_types::{Change, ErrorKind, Modality, ReembedState, SpaceInfo, Track};
use serde_json::json;
use tokio::sync::oneshot;
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic::transport::Endpoint;

const OLD_DIM: usize = 16;

fn old_space() -> SpaceInfo {
    SpaceInfo::one("mini", OLD_DIM, "sensorium-mini@old")
}

/// Two collections of the old space, each of two images without media.
async fn fill(data_dir: &Path) {
    let folder = OpenFolder { path: data_dir, access: Access::Write, hubs: None };
    let database = Embedded.open(folder).await.expect("opens");
    for collection in ["default", "second"] {
        let store = database.create_or_open(collection, &old_space()).await.expect("made");
        let upsert = |(seed, name): (u64, &str)| {
            let asset = samples::record(name, Modality::Image, &old_space());
            let points = vec![samples::point(Track::Image, 0, Seeded::new(seed).unit(OLD_DIM))];
            Change::Upsert { asset, points, source: None }
        };
        store.apply([(1, "a"), (2, "b")].map(upsert).into()).await.expect("applies");
    }
}

async fn open(data_dir: &Path) -> Arc<Engine> {
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
        jobs: 1,
        limits: Limits::default(),
        access: Access::Write,
    };
    Engine::open(config).await.expect("opens")
}

/// Runs `body` against a server over such a folder.
async fn served<F: Future<Output = ()>>(
    settings: Settings,
    files: &TemporaryDatabase,
    body: impl FnOnce(String) -> F,
) {
    let engine = open(files.data()).await;
    let settings = Settings { listen: "127.0.0.1:0".parse().expect("an address"), ..settings };
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, address) = oneshot::channel();
    let ready = |address| ready.send(address).expect("awaited");
    let task = tokio::spawn(serve(engine, settings, ready, async move { stopped.await.expect("told") }));
    body(address.await.expect("serves").to_string()).await;
    stop.send(()).expect("serves");
    tokio::time::timeout(HANG, task).await.expect("it ends").expect("no panic").expect("ends well");
}

async fn client(address: &str) -> Client {
    let options = Options { retry: Retry { attempts: 1, ..Retry::default() }, ..Options::default() };
    Client::connect_with(address, options).await.expect("connects")
}

async fn told(client: &Client, order: ReembedOrder) -> (Vec<ReembedReply>, Option<ErrorKind>) {
    let mut replies = std::pin::pin!(client.reembed(order).await.expect("begins"));
    let mut told = Vec::new();
    while let Some(reply) = replies.next().await {
        match reply {
            Ok(reply) => told.push(reply),
            Err(error) => return (told, Some(error.kind())),
        }
    }
    (told, None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collections_come_over_while_the_server_serves_and_those_who_watch_are_told() {
    let files = TemporaryDatabase::new();
    fill(files.data()).await;
    served(Settings::default(), &files, async |address| {
        let own = client(&address).await;
        let channel = Endpoint::from_shared(format!("http://{address}")).expect("an address").connect().await;
        let mut queries = QueryServiceClient::new(channel.expect("connects"));
        let input = Some(v1::term::Input::AssetId("a".to_owned()));
        let query =
            v1::QueryRequest { terms: vec![v1::Term { input, ..Default::default() }], ..Default::default() };
        let watch = v1::WatchRequest { query: Some(query), after_change: None };
        let mut watching = queries.watch(watch).await.expect("stands").into_inner();
        watching.message().await.expect("well").expect("where it begins");

        for name in ["default", "second"] {
            let client = own.with_collection(name);
            let (replies, error) =
                told(&client, ReembedOrder { dry_run: true, ..ReembedOrder::default() }).await;
            let [ReembedReply::Plan(plan)] = replies.as_slice() else { panic!("a plan alone: {replies:?}") };
            assert_eq!((plan.assets, plan.pending, plan.losses(), error), (2, 2, 2, None));
            // Nothing is lost that nobody agreed to.
            let (replies, error) =
                told(&client, ReembedOrder { accepted_losses: 1, ..ReembedOrder::default() }).await;
            assert_eq!((replies.len(), error), (1, Some(ErrorKind::FailedPrecondition)));
            assert_eq!(client.stats().await.expect("stats").space, old_space());

            let order = ReembedOrder { accepted_losses: 2, drop_old: true, ..ReembedOrder::default() };
            let (replies, error) = told(&client, order).await;
            assert_eq!(error, None, "{replies:?}");
            let states: Vec<_> = replies
                .iter()
                .filter_map(|reply| match reply {
                    ReembedReply::Asset(event) => Some(event.state),
                    ReembedReply::Plan(_) | ReembedReply::Summary(_) => None,
                })
                .collect();
            assert_eq!(states, [ReembedState::WithoutVectors; 2]);
            let Some(ReembedReply::Summary(summary)) = replies.last() else {
                panic!("a summary: {replies:?}")
            };
            assert!(summary.finished && summary.unread.is_empty());
            let stats = client.stats().await.expect("stats");
            assert_ne!(stats.space, old_space());
            assert_eq!((stats.counts.assets, stats.counts.points), (2, 0));
            let again = told(&client, ReembedOrder::default()).await;
            assert!(matches!(again.0.as_slice(), [ReembedReply::Plan(plan)] if plan.is_done()), "{again:?}");
        }
        let ended =
            tokio::time::timeout(HANG, watching.message()).await.expect("it ends").expect_err("told why");
        assert_eq!(ended.code(), Code::Unavailable, "{ended}");
        assert!(ended.message().contains("made anew"), "{ended}");
        // It takes changes again.
        assert!(own.index_field("tag").await.expect("indexes"));
        let folders = || fs_err::read_dir(files.data().join("collections")).expect("lists").count();
        common::until(async || folders() == 2).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_an_admins_call_and_comes_as_events_too() {
    let files = TemporaryDatabase::new();
    fill(files.data()).await;
    let keys = Keys::open(files.data()).expect("opens");
    let key = |scope| {
        let (name, collections) = (String::new(), Vec::new());
        let new = NewKey { name, scope, collections, lifetime: None, replaces: None };
        format!("Bearer {}", keys.create(new).expect("made").1)
    };
    let (write, admin) = (key(Scope::Write), key(Scope::Admin));
    served(Settings { require_key: true, ..Settings::default() }, &files, async |address| {
        let address = address.parse().expect("an address");
        let ask = async |key: &str, body: &serde_json::Value| {
            let headers = [("content-type", "application/json"), ("authorization", key)];
            ask_with(address, "POST /v1/reembed", &headers, body.to_string().as_bytes()).await
        };
        assert_eq!(post(address, "/v1/reembed", &json!({})).await.status, 401);
        assert_eq!(ask(&write, &json!({})).await.problem(), (403, "PERMISSION_DENIED".to_owned()));
        let events = ask(&admin, &json!({ "dry_run": true })).await;
        assert_eq!(events.status, 200);
        let text = events.text();
        assert_eq!(text.matches("REEMBED_SUBSTITUTE_NOTHING").count(), 2, "{text}");
        assert!(text.contains("\"pending\":2") && text.contains("event: end"), "{text}");
        let refused = ask(&admin, &json!({})).await.text();
        assert!(refused.contains("event: error") && refused.contains("accepted_losses"), "{refused}");
        let done = ask(&admin, &json!({ "accepted_losses": 2 })).await.text();
        assert!(done.contains("\"finished\":true"), "{done}");
    })
    .await;
}
