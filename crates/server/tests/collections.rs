//! Collections over the real index, with a bundle whose encoders are never loaded: items and queries are vectors.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{file, send};
use sensorium_api::v1;
use sensorium_api::v1::collections_service_client::CollectionsServiceClient;
use sensorium_client::{Client, Options, Retry};
use sensorium_embed::{Bundle, FolderFiles, LoadOptions};
use sensorium_engine::{Access, DEFAULT_COLLECTION, Engine, EngineConfig};
use sensorium_media::Limits;
use sensorium_server::{Settings, serve};
use sensorium_store_embedded::Embedded;
use sensorium_testkit::{Seeded, TemporaryDatabase};
use sensorium_types::{
    AssetId, ErrorKind, IngestContent, IngestItem, IngestPart, ItemState, QueryRequest, Term, TermInput,
    Track,
};
use tokio::sync::oneshot;
use tonic::Code;
use tonic::transport::Endpoint;

async fn open(data_dir: &Path) -> Arc<Engine> {
    let folder = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("../../models/mini");
    let bundle = Bundle::load(FolderFiles(folder), LoadOptions { threads: 1 }).expect("bundle.toml is there");
    let config = EngineConfig {
        data_dir: data_dir.to_path_buf(),
        storage: Arc::new(Embedded),
        collection: DEFAULT_COLLECTION.to_owned(),
        bundle,
        elders: None,
        worker_program: PathBuf::from("/nonexistent"),
        jobs: 1,
        limits: Limits::default(),
        access: Access::Write,
    };
    Engine::open(config).await.expect("opens")
}

/// Runs `body` against a server over a data folder, then stops the server and closes the database.
async fn served<F: Future<Output = ()>>(data_dir: &Path, body: impl FnOnce(String) -> F) {
    let engine = open(data_dir).await;
    let settings = Settings { listen: "127.0.0.1:0".parse().expect("an address"), ..Settings::default() };
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, address) = oneshot::channel();
    let ready = |address| ready.send(address).expect("awaited");
    let task = tokio::spawn(serve(engine, settings, ready, async move { stopped.await.expect("told") }));
    body(address.await.expect("serves").to_string()).await;
    stop.send(()).expect("serves");
    task.await.expect("no panic").expect("ends well");
}

async fn client(address: &str) -> Client {
    let options = Options { retry: Retry { attempts: 1, ..Retry::default() }, ..Options::default() };
    Client::connect_with(address, options).await.expect("connects")
}

fn named(name: &str, vector: Vec<f32>) -> IngestItem {
    let content = IngestContent::Vector(vector, Track::Image);
    let parts = vec![IngestPart { name: String::new(), content }];
    IngestItem { id: AssetId::new(name).ok(), parts, ..file("") }
}

fn by_vector(vector: Vec<f32>) -> QueryRequest {
    let terms = vec![Term { weight: 1.0, input: TermInput::Vector(vector) }];
    QueryRequest { terms, ..QueryRequest::default() }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let files = TemporaryDatabase::new();
    let mut random = Seeded::new(5);
    let vectors: Vec<Vec<f32>> = (0..20).map(|_| random.unit(384)).collect();
    served(files.data(), async |address| {
        let client = client(&address).await;
        let dim = client.stats().await.expect("stats").space.dim;
        let items = vectors
            .iter()
            .enumerate()
            .map(|(at, vector)| named(&format!("asset {at}"), vector.iter().copied().take(dim).collect()));
        let outcomes = send(&client, items.collect()).await;
        assert!(outcomes.iter().all(|outcome| outcome.state == ItemState::Indexed), "{outcomes:?}");
    })
    .await;
    served(files.data(), async |address| {
        let client = client(&address).await;
        let dim = client.stats().await.expect("stats").space.dim;
        for (at, vector) in vectors.iter().enumerate() {
            let query = by_vector(vector.iter().copied().take(dim).collect());
            let hits = client.query(query).await.expect("answers").hits;
            assert_eq!(hits[0].asset.as_str(), format!("asset {at}"));
        }
    })
    .await;
}

#[tokio::test]
async fn collections_are_made_listed_and_deleted() {
    let files = TemporaryDatabase::new();
    served(files.data(), async |address| {
        let client = client(&address).await;
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        let mut service = CollectionsServiceClient::new(endpoint.connect().await.expect("connects"));
        let name = |name: &str| name.to_owned();

        let unknown = client.with_collection("videos").stats().await.expect_err("unknown");
        assert_eq!(unknown.kind(), ErrorKind::NotFound);
        assert!(unknown.to_string().contains("default"), "{unknown}");
        let made = v1::CreateCollectionRequest { collection_name: name("videos"), settings: None };
        let made = service.create_collection(made).await.expect("made").into_inner().collection;
        let dim = made.and_then(|collection| collection.space).expect("a space").dim;

        // An ingest makes the collection that it names.
        let vector: Vec<f32> = Seeded::new(1).unit(dim as usize);
        let photos = client.with_collection("photos");
        let outcomes = send(&photos, vec![named("one", vector.clone())]).await;
        assert_eq!(outcomes[0].state, ItemState::Indexed, "{outcomes:?}");
        assert_eq!(photos.query(by_vector(vector.clone())).await.expect("answers").hits.len(), 1);
        assert!(client.query(by_vector(vector)).await.expect("answers").hits.is_empty());

        let listed =
            service.list_collections(v1::ListCollectionsRequest {}).await.expect("listed").into_inner();
        let names: Vec<_> = listed.collections.iter().map(|collection| collection.name.as_str()).collect();
        assert_eq!(names, ["default", "photos", "videos"]);

        let drop = |name: &str| v1::DeleteCollectionRequest { collection_name: name.to_owned() };
        let gone = service.delete_collection(drop("photos")).await.expect("deleted").into_inner();
        assert!(gone.deleted);
        let gone = service.delete_collection(drop("photos")).await.expect("answers").into_inner();
        assert!(!gone.deleted);
        assert_eq!(photos.stats().await.expect_err("gone").kind(), ErrorKind::NotFound);
        for own in ["", "default"] {
            let refused = service.delete_collection(drop(own)).await.expect_err("in use");
            assert_eq!(refused.code(), Code::FailedPrecondition);
        }
    })
    .await;
}

#[tokio::test]
async fn aliases_stand_for_collections_everywhere() {
    let files = TemporaryDatabase::new();
    let mut random = Seeded::new(11);
    let (first, second) = (random.unit(384), random.unit(384));
    let set = |alias: &str, collection_name: &str| v1::AliasChange {
        change: Some(v1::alias_change::Change::Set(v1::SetAlias {
            alias: alias.to_owned(),
            collection_name: collection_name.to_owned(),
        })),
    };
    served(files.data(), async |address| {
        let client = client(&address).await;
        let channel = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        let mut service = CollectionsServiceClient::new(channel.connect().await.expect("connects"));
        let (one, two) = (client.with_collection("one"), client.with_collection("two"));
        send(&one, vec![named("a", first.clone())]).await;
        send(&two, vec![named("b", second.clone())]).await;
        let change = |changes| v1::UpdateAliasesRequest { changes };
        service
            .update_aliases(change(vec![set("now", "one"), set("mine", "default")]))
            .await
            .expect("changes");
        let now = client.with_collection("now");
        let found = async || now.query(by_vector(first.clone())).await.expect("answers").hits.remove(0).asset;
        assert_eq!(found().await.as_str(), "a");
        send(&now, vec![named("c", second.clone())]).await;
        assert_eq!(one.count(None).await.expect("counts"), 2, "written through the alias");
        service.update_aliases(change(vec![set("now", "two")])).await.expect("moves");
        assert_eq!(found().await.as_str(), "b");
        assert_eq!(client.with_collection("mine").count(None).await.expect("counts"), 0);

        let list =
            |collection_name: &str| v1::ListAliasesRequest { collection_name: collection_name.to_owned() };
        let all = service.list_aliases(list("")).await.expect("lists").into_inner().aliases;
        let told: Vec<_> =
            all.iter().map(|alias| (alias.alias.as_str(), alias.collection_name.as_str())).collect();
        assert_eq!(told, [("mine", "default"), ("now", "two")]);
        assert_eq!(service.list_aliases(list("one")).await.expect("lists").into_inner().aliases, []);
        for (wrong, code) in [
            (vec![set("one", "two")], Code::AlreadyExists),
            (vec![set("new", "nobody")], Code::NotFound),
            (vec![set("", "one")], Code::InvalidArgument),
            (vec![v1::AliasChange::default()], Code::InvalidArgument),
            (
                vec![v1::AliasChange { change: Some(v1::alias_change::Change::Remove("nobody".to_owned())) }],
                Code::NotFound,
            ),
        ] {
            assert_eq!(service.update_aliases(change(wrong)).await.expect_err("refused").code(), code);
        }
        let drop = |name: &str| v1::DeleteCollectionRequest { collection_name: name.to_owned() };
        let answer = service.delete_collection(drop("now")).await.expect("answers").into_inner();
        assert!(!answer.deleted, "an alias is no collection");
        assert!(service.delete_collection(drop("two")).await.expect("deletes").into_inner().deleted);
        assert_eq!(now.count(None).await.expect_err("gone with it").kind(), ErrorKind::NotFound);
    })
    .await;
    served(files.data(), async |address| {
        assert_eq!(client(&address).await.with_collection("mine").count(None).await.expect("counts"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_collection_that_is_watched_can_be_deleted() {
    use sensorium_api::v1::query_service_client::QueryServiceClient;
    let files = TemporaryDatabase::new();
    let mut random = Seeded::new(12);
    let vector = random.unit(384);
    served(files.data(), async |address| {
        let client = client(&address).await.with_collection("other");
        send(&client, vec![named("a", vector.clone())]).await;
        let channel = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        let channel = channel.connect().await.expect("connects");
        let term = v1::Term {
            input: Some(v1::term::Input::Vector(v1::Vector { values: vector.clone() })),
            ..v1::Term::default()
        };
        let query = v1::QueryRequest {
            collection_name: "other".to_owned(),
            terms: vec![term],
            ..v1::QueryRequest::default()
        };
        let request = v1::WatchRequest { query: Some(query), after_change: Some(0) };
        let watch = QueryServiceClient::new(channel.clone()).watch(request).await;
        let mut watch = watch.expect("stands").into_inner();
        assert!(watch.message().await.expect("well").is_some());
        let hits = watch.message().await.expect("well").expect("an answer").hits;
        assert_eq!(hits.iter().map(|hit| hit.asset_id.as_str()).collect::<Vec<_>>(), ["a"]);
        let drop = v1::DeleteCollectionRequest { collection_name: "other".to_owned() };
        let dropped = CollectionsServiceClient::new(channel).delete_collection(drop).await;
        assert!(dropped.expect("deletes").into_inner().deleted);
        assert_eq!(watch.message().await.expect_err("it ends").code(), Code::NotFound);
    })
    .await;
}
