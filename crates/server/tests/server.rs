//! Start, health, reflection, files of the server's machine, and the end.

mod common;

use std::path::Path;
use std::time::Duration;

use common::{FakeDecoder, Fixture, Running, ask, ended};
use sensorium_api::v1::{self, admin_service_client::AdminServiceClient};
use sensorium_client::{Client, IndexReply};
use sensorium_server::{ServerError, Settings, serve};
use sensorium_types::{ErrorKind, IndexEvent, IndexRequest, ItemState};
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

/// What `server.json` says.
fn announced(data_dir: &Path) -> Option<String> {
    fs_err::read_to_string(data_dir.join("server.json")).ok()
}

#[tokio::test]
async fn an_address_that_others_reach_needs_encryption_and_keys() {
    let fixture = Fixture::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let listen = address.parse().expect("an address");
        let settings = Settings { listen, insecure: true, ..Settings::default() };
        let refused =
            serve(fixture.engine.clone(), settings, |_| panic!("serves"), std::future::pending()).await;
        assert!(matches!(refused, Err(ServerError::NoKey { .. })));
        let settings = Settings { listen, ..Settings::default() };
        let refused =
            serve(fixture.engine.clone(), settings, |_| panic!("serves"), std::future::pending()).await;
        let error = refused.expect_err("refused");
        assert!(matches!(error, ServerError::NotEncrypted { .. }));
        assert!(error.to_string().contains("can be reached from other machines"), "{error}");
    }
    assert_eq!(announced(fixture.engine.data_dir()), None);
}

#[tokio::test]
async fn a_taken_port_is_a_conflict() {
    let server = Running::new().await;
    let other = Fixture::new();
    let settings = Settings { listen: server.address, ..Settings::default() };
    let refused = serve(other.engine.clone(), settings, |_| panic!("serves"), std::future::pending()).await;
    assert_eq!(refused.expect_err("taken").kind(), ErrorKind::Conflict);
    server.end().await;
}

#[tokio::test]
async fn server_json_tells_the_actual_port_until_the_stop() {
    let server = Running::new().await;
    let data_dir = server.fixture.engine.data_dir().to_path_buf();
    let info = announced(&data_dir).expect("announced");
    assert!(info.contains(&format!("\"{}\"", server.address)), "{info}");
    assert_ne!(server.address.port(), 0);
    let client = Client::connect(&server.address.to_string()).await.expect("connects");
    let told = client.info().await.expect("info");
    assert_eq!(told.collection.as_str(), "default");
    assert!(info.contains(&format!("\"protocol\":{}", told.protocol)), "{info}");
    drop(client);
    let _fixture = server.end().await;
    assert_eq!(announced(&data_dir), None);
}

#[tokio::test]
async fn health_is_checked_and_watched() {
    let server = Running::new().await;
    let mut health = HealthClient::new(server.channel().await);
    for service in ["", "sensorium.v1.QueryService", "sensorium.v1.IngestService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let response = health.check(request).await.expect("checked").into_inner();
        assert_eq!(response.status(), ServingStatus::Serving, "{service}");
    }
    let unknown = HealthCheckRequest { service: "sensorium.v1.Nobody".to_owned() };
    assert_eq!(health.check(unknown).await.expect_err("unknown").code(), Code::NotFound);

    let mut watched = health.watch(HealthCheckRequest::default()).await.expect("watched").into_inner();
    let first = watched.message().await.expect("an answer").expect("a status");
    assert_eq!(first.status(), ServingStatus::Serving);
    let (task, _fixture) = server.stop();
    let second = watched.message().await.expect("an answer").expect("a status");
    assert_eq!(second.status(), ServingStatus::NotServing);
    drop((watched, health));
    ended(task).await;
}

#[tokio::test]
async fn reflection_lists_the_services() {
    let server = Running::new().await;
    let mut reflection = ServerReflectionClient::new(server.channel().await);
    let ask = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let asks = tokio_stream::iter([
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("sensorium.v1.QueryRequest".to_owned())),
    ]);
    let mut answers = reflection.server_reflection_info(asks).await.expect("answers").into_inner();
    let mut next =
        async || answers.message().await.expect("an answer").and_then(|answer| answer.message_response);
    let Some(MessageResponse::ListServicesResponse(listed)) = next().await else { panic!("no list") };
    let names: Vec<_> = listed.service.iter().map(|service| service.name.as_str()).collect();
    for name in [
        "sensorium.v1.IngestService",
        "sensorium.v1.QueryService",
        "sensorium.v1.PointsService",
        "sensorium.v1.AdminService",
        "sensorium.v1.CollectionsService",
        "grpc.health.v1.Health",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let Some(MessageResponse::FileDescriptorResponse(file)) = next().await else { panic!("no file") };
    assert!(!file.file_descriptor_proto.is_empty());
    server.end().await;
}

#[tokio::test]
async fn files_that_failed_are_listed_page_by_page() {
    let fixture = Fixture::new();
    for name in ["a/1.jpg", "a-b.jpg", "a/2.jpg", "c.jpg", "b.jpg"] {
        fixture.write(name, "corrupt");
    }
    let folder = fixture.files.media().to_path_buf();
    let settings = Settings { allowed_paths: vec![folder.clone()], ..Settings::default() };
    let server = Running::over(fixture, settings).await;
    let request = IndexRequest { paths: vec![folder.clone()], ..IndexRequest::default() };
    let client = server.client().await;
    let events = client.index_paths(request).await.expect("runs");
    assert!(events.collect::<Vec<_>>().await.iter().all(Result::is_ok));
    let mut admin = AdminServiceClient::new(server.channel().await);
    let (mut met, mut after) = (Vec::new(), String::new());
    loop {
        let request = v1::ListFailuresRequest { limit: Some(2), after, ..v1::ListFailuresRequest::default() };
        let page = admin.list_failures(request).await.expect("lists").into_inner();
        assert!(page.count == 5 && (1..=2).contains(&page.files.len()), "{page:?}");
        met.extend(page.files.into_iter().map(|file| file.path));
        if page.next_after.is_empty() {
            break;
        }
        after = page.next_after;
    }
    let ordered = ["a/1.jpg", "a/2.jpg", "a-b.jpg", "b.jpg", "c.jpg"];
    assert_eq!(met, ordered.map(|name| folder.join(name).to_string_lossy().into_owned()));
    assert_eq!(client.failures().await.expect("lists").len(), 5);
    for (limit, after, field) in
        [(Some(0), "", "limit"), (Some(10_001), "", "limit"), (None, "/a/1", "after")]
    {
        let after = after.to_owned();
        let request = v1::ListFailuresRequest { limit, after, ..v1::ListFailuresRequest::default() };
        let refused = admin.list_failures(request).await.expect_err("refused");
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        assert!(refused.message().contains(field), "{refused:?}");
    }
    server.end().await;
}

#[tokio::test]
async fn files_of_the_servers_machine_are_indexed_where_allowed() {
    let fixture = Fixture::new();
    fixture.write("dog.jpg", "image dog");
    fixture.write("bad.jpg", "corrupt");
    fixture.write("half.jpg", "cut image cat");
    fixture.write("old/lock", "17\n");
    fixture.write("old/collections/x/CURRENT", "MANIFEST-000001");
    let folder = fixture.files.media().to_path_buf();
    let settings = Settings { allowed_paths: vec![folder.clone()], ..Settings::default() };
    let server = Running::over(fixture, settings).await;
    let client = server.client().await;
    let request = IndexRequest { paths: vec![folder.clone()], ..IndexRequest::default() };
    let events = client.index_paths(request).await.expect("runs");
    let events: Vec<_> = events.map(|event| event.expect("an event")).collect().await;
    let states: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            IndexReply::Event(IndexEvent::File(file)) => {
                Some((file.outcome.state, file.outcome.failure.is_some()))
            }
            IndexReply::Event(IndexEvent::Walked { .. } | IndexEvent::PassedOver { .. })
            | IndexReply::Summary(_) => None,
        })
        .collect();
    assert_eq!(states.len(), 3);
    for expected in [(ItemState::Indexed, false), (ItemState::Failed, true), (ItemState::Indexed, true)] {
        assert!(states.contains(&expected), "{expected:?}");
    }
    assert!(events.contains(&IndexReply::Event(IndexEvent::PassedOver { path: folder.join("old") })));
    let Some(IndexReply::Summary(summary)) = events.last() else { panic!("no summary") };
    assert_eq!((summary.indexed, summary.warned, summary.failed, summary.interrupted), (2, 1, 1, false));
    let mut admin = AdminServiceClient::new(server.channel().await);
    for (warnings, name) in [(false, "bad.jpg"), (true, "half.jpg")] {
        let request = v1::ListFailuresRequest { warnings, ..v1::ListFailuresRequest::default() };
        let listed = admin.list_failures(request).await.expect("lists").into_inner();
        assert_eq!((listed.files.len(), listed.count, listed.next_after.as_str()), (1, 1, ""), "{listed:?}");
        assert!(listed.files[0].path.ends_with(name), "{listed:?}");
    }
    let hits = client.query(ask("dog")).await.expect("answers").hits;
    assert_eq!(hits[0].path, Some(folder.join("dog.jpg")));

    let outside = IndexRequest { paths: vec!["/etc".into()], ..IndexRequest::default() };
    let refused = client.index_paths(outside).await.map(|_| ()).expect_err("refused");
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    server.end().await;
}

#[tokio::test]
async fn files_of_the_servers_machine_are_refused_unless_allowed() {
    let server = Running::with(Settings::default(), FakeDecoder::default()).await;
    let client = server.client().await;
    let request = IndexRequest { paths: vec!["/".into()], ..IndexRequest::default() };
    let refused = client.index_paths(request).await.map(|_| ()).expect_err("refused");
    assert_eq!(refused.kind(), ErrorKind::FailedPrecondition);
    server.end().await;
}

#[tokio::test]
async fn a_stream_that_never_ends_does_not_hold_the_server() {
    let settings = Settings { drain_timeout: Duration::from_millis(200), ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let mut health = HealthClient::new(server.channel().await);
    let watched = health.watch(HealthCheckRequest::default()).await.expect("watched").into_inner();
    server.end().await;
    drop(watched);
}

#[tokio::test]
async fn no_server_is_unavailable() {
    let server = Running::new().await;
    let address = server.address.to_string();
    server.end().await;
    let error = Client::connect(&address).await.expect_err("gone");
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true));
    assert_eq!(Client::connect("ftp://x").await.expect_err("no address").kind(), ErrorKind::InvalidArgument);
}
