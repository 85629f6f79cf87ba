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
