//! Items over the wire.

mod common;

use std::time::Duration;

use common::{FakeDecoder, Running, ask, file, send, vector};
use sensorium_api::v1;
use sensorium_api::v1::ingest_request::Message as Ask;
use sensorium_api::v1::ingest_response::Message as Answer;
use sensorium_api::v1::ingest_service_client::IngestServiceClient;
use sensorium_client::{Client, IngestContent, IngestItem, IngestPart, ItemState, Options, Retry};
use sensorium_server::Settings;
use sensorium_types::{AssetId, ErrorKind, Modality, Payload, ReasonKind, Track};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

/// A stream of messages by hand.
struct ByHand {
    asks: mpsc::Sender<v1::IngestRequest>,
    answers: Streaming<v1::IngestResponse>,
}

impl ByHand {
    async fn open(server: &Running) -> Self {
        let (asks, receiver) = mpsc::channel(64);
        let mut service = IngestServiceClient::new(server.channel().await);
        let answers = service.ingest(ReceiverStream::new(receiver)).await.expect("opens").into_inner();
        Self { asks, answers }
    }

    async fn started(server: &Running) -> Self {
        let mut stream = Self::open(server).await;
        stream.say(Ask::Start(v1::IngestStart::default())).await;
        assert!(matches!(stream.next().await, Some(Answer::Started(_))));
        stream
    }

    async fn say(&self, message: Ask) {
        self.asks.send(v1::IngestRequest { message: Some(message) }).await.expect("open");
    }

    async fn item(&self, sequence: u64, text: &str) {
        let source = Some(v1::media_input::Source::Data(text.as_bytes().to_vec().into()));
        let content = Some(v1::ingest_part::Content::Media(v1::MediaInput { source }));
        let parts = vec![v1::IngestPart { name: String::new(), content }];
        let media = v1::MediaPolicy::None.into();
        self.say(Ask::Item(v1::IngestItem { sequence, parts, media, ..Default::default() })).await;
    }

    async fn next(&mut self) -> Option<Answer> {
        self.answers.message().await.expect("an answer").map(|answer| answer.message.expect("a message"))
    }

    async fn code(&mut self) -> Code {
        self.answers.message().await.expect_err("an error").code()
    }
}

#[tokio::test]
async fn every_item_has_its_result_and_is_found() {
    let server = Running::new().await;
    let client = server.client().await;
    let files = [
        "image dog on beach",
        "audio bark|rain",
        "corrupt",
        "video cat|dog;meow",
        "timeout",
        "cut image hen",
    ];
    let outcomes = send(&client, files.map(file).to_vec()).await;
    let states: Vec<_> = outcomes.iter().map(|outcome| outcome.state).collect();
    use ItemState::{Failed, Indexed};
    assert_eq!(states, [Indexed, Indexed, Failed, Indexed, Failed, Indexed]);
    assert_eq!(outcomes.iter().map(|outcome| outcome.points).collect::<Vec<_>>(), [1, 2, 0, 3, 0, 1]);
    assert_eq!(outcomes[3].modality, Some(Modality::Video));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.failure.is_some()).count(), 3);
    for (at, kind, retryable) in
        [(2, ReasonKind::Corrupt, false), (4, ReasonKind::TimedOut, true), (5, ReasonKind::Corrupt, false)]
    {
        let failure = outcomes[at].failure.clone().expect("a failure");
        assert_eq!(failure.reason.map(|reason| reason.kind), Some(kind));
        assert_eq!(failure.retryable, retryable);
    }

    let reply = client.query(ask("dog beach")).await.expect("answers");
    assert_eq!(Some(&reply.hits[0].asset), outcomes[0].asset.as_ref());
    let sound = client.query(ask("meow")).await.expect("answers");
    let hit = sound.hits.iter().find(|hit| hit.modality == Modality::Video).expect("the film");
    assert_eq!(hit.moment.as_ref().map(|moment| moment.tracks.clone()), Some(vec![Track::Audio]));

    let again = send(&client, vec![file(files[0])]).await;
    assert_eq!((again[0].state, again[0].points), (ItemState::Unchanged, 0));
    server.end().await;
}

#[tokio::test]
async fn a_product_keeps_its_name_payload_and_parts() {
    let server = Running::new().await;
    let client = server.client().await;
    let part = |name: &str, content| IngestPart { name: name.to_owned(), content };
    let mut metadata = Payload::new();
    metadata.set("price", 12);
    let product = IngestItem {
        id: AssetId::new("shoe 7").ok(),
        parts: vec![
            part("front", IngestContent::Media(b"image red shoe".to_vec())),
            part("title", IngestContent::Text("text running shoe".to_owned())),
            part("vector", IngestContent::Vector(vector("leather"), Track::Image)),
        ],
        fuse: vec![("front".to_owned(), 2.0), ("title".to_owned(), 1.0)],
        metadata,
        ..file("")
    };
    let outcomes = send(&client, vec![product]).await;
    assert_eq!((outcomes[0].state, outcomes[0].points), (ItemState::Indexed, 4), "{:?}", outcomes[0].failure);
    let id = AssetId::new("shoe 7").expect("an id");
    let found = client.get(std::slice::from_ref(&id), true).await.expect("gets");
    let asset = found[0].as_ref().expect("there");
    assert_eq!(asset.payload.get("price").and_then(|price| price.as_i64()), Some(12));
    assert!(asset.points.iter().any(|point| point.track == Track::Fused));
    assert_eq!(asset.vectors.len(), 4);
    server.end().await;
}

#[tokio::test]
async fn an_item_that_breaks_a_rule_fails_alone() {
    let server = Running::new().await;
    let client = server.client().await;
    let empty = IngestItem { parts: Vec::new(), ..file("") };
    let mut reserved = file("image cat");
    reserved.metadata.set("_x", 1);
    let short = IngestItem {
        parts: vec![IngestPart {
            name: String::new(),
            content: IngestContent::Vector(vec![1.0; 3], Track::Image),
        }],
        ..file("")
    };
    let outcomes = send(&client, vec![empty, reserved, short, file("image dog")]).await;
    for outcome in outcomes.iter().take(3) {
        let failure = outcome.failure.clone().expect("a failure");
        assert_eq!(failure.error, Some(ErrorKind::InvalidArgument), "{failure:?}");
        assert!(!failure.retryable);
    }
    assert_eq!(outcomes[3].state, ItemState::Indexed);
    server.end().await;
}

#[tokio::test]
async fn acks_rise_and_the_stream_ends_after_stop() {
    let server = Running::new().await;
    let mut stream = ByHand::started(&server).await;
    for sequence in 1..=20 {
        stream.item(sequence * 10, &format!("image picture{sequence}")).await;
    }
    stream.say(Ask::Stop(v1::IngestStop {})).await;
    let (mut results, mut acks) = (Vec::new(), Vec::new());
    while let Some(answer) = stream.next().await {
        match &answer {
            Answer::ItemResult(result) => results.push(result.sequence),
            Answer::Ack(v1::IngestAck { sequence }) => {
                let done = (1..=*sequence / 10).all(|at| results.contains(&(at * 10)));
                assert!(done, "an ack comes after the results that it speaks of");
                acks.push(*sequence);
            }
            Answer::Backoff(_) => {}
            Answer::Started(_) | Answer::OutOfMemory(_) | Answer::ShuttingDown(_) => panic!("{answer:?}"),
        }
    }
    results.sort_unstable();
    assert_eq!(results, (1..=20).map(|at| at * 10).collect::<Vec<u64>>());
    assert!(acks.is_sorted_by(|a, b| a < b));
    assert_eq!(acks.last(), Some(&200));
    server.end().await;
}

#[tokio::test]
async fn a_stream_that_breaks_the_protocol_is_ended() {
    let server = Running::new().await;
    let mut early = ByHand::open(&server).await;
    early.item(1, "image dog").await;
    assert_eq!(early.code().await, Code::InvalidArgument);

    let mut twice = ByHand::started(&server).await;
    twice.item(5, "image dog").await;
    twice.item(5, "image dog").await;
    let ended = loop {
        match twice.answers.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended well"),
            Err(status) => break status.code(),
        }
    };
    assert_eq!(ended, Code::InvalidArgument);

    let mut restarted = ByHand::started(&server).await;
    restarted.say(Ask::Start(v1::IngestStart::default())).await;
    assert_eq!(restarted.code().await, Code::InvalidArgument);
    server.end().await;
}

#[tokio::test]
async fn an_item_above_the_limit_ends_the_stream() {
    let settings = Settings { max_message_bytes: 4096, ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let mut stream = ByHand::started(&server).await;
    stream.item(1, &format!("image {}", "x".repeat(5000))).await;
    assert_eq!(stream.code().await, Code::InvalidArgument);
    server.end().await;
}

#[tokio::test]
async fn more_streams_than_allowed_are_turned_away() {
    let settings = Settings { max_ingest_streams: 1, ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let first = ByHand::started(&server).await;
    let mut service = IngestServiceClient::new(server.channel().await);
    let refused = service.ingest(tokio_stream::pending()).await.expect_err("refused");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    drop(first);
    server.end().await;
}

#[tokio::test]
async fn a_busy_server_slows_its_clients_and_loses_nothing() {
    let settings = Settings { max_items_in_flight: 2, max_items_of_stream: 8, ..Settings::default() };
    let decoder = FakeDecoder { delay: Duration::from_millis(20), ..FakeDecoder::default() };
    let server = Running::with(settings, decoder).await;
    let (one, two) = (server.client().await, server.client().await);
    let files = |prefix: &str| (0..20).map(|at| file(&format!("image {prefix}{at}"))).collect::<Vec<_>>();
    let (first, second) = tokio::join!(send(&one, files("a")), send(&two, files("b")));
    assert!(first.iter().chain(&second).all(|outcome| outcome.state == ItemState::Indexed));
    assert_eq!((first.len(), second.len()), (20, 20));
    assert_eq!(one.stats().await.expect("stats").counts.assets, 40);
    server.end().await;
}

#[tokio::test]
async fn an_idle_stream_is_ended() {
    let settings = Settings { idle_timeout: Duration::from_millis(50), ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let mut stream = ByHand::started(&server).await;
    assert_eq!(stream.code().await, Code::DeadlineExceeded);
    server.end().await;
}

#[tokio::test]
async fn what_is_in_progress_at_the_stop_is_finished() {
    let decoder = FakeDecoder { delay: Duration::from_secs(1), ..FakeDecoder::default() };
    let server = Running::with(Settings::default(), decoder).await;
    let mut stream = ByHand::started(&server).await;
    stream.item(1, "image dog").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (task, fixture) = server.stop();
    assert!(matches!(stream.next().await, Some(Answer::ShuttingDown(_))));
    let Some(Answer::ItemResult(result)) = stream.next().await else { panic!("no result") };
    assert_eq!(result.state, i32::from(v1::ItemState::Indexed));
    assert!(matches!(stream.next().await, Some(Answer::Ack(v1::IngestAck { sequence: 1 }))));
    assert_eq!(stream.next().await, None);
    drop(stream);
    task.await.expect("no panic").expect("ends well");
    assert_eq!(fixture.store.stats().await.expect("stats").assets, 1);
}

#[tokio::test]
async fn items_without_room_for_their_bytes_are_refused_for_now() {
    let settings = Settings { max_bytes_in_flight: 1024, ..Settings::default() };
    let decoder = FakeDecoder { delay: Duration::from_millis(1500), ..FakeDecoder::default() };
    let server = Running::with(settings, decoder).await;
    let mut stream = ByHand::started(&server).await;
    stream.item(1, "image dog").await;
    stream.item(2, "image cat").await;
    stream.say(Ask::Stop(v1::IngestStop {})).await;
    let Some(Answer::OutOfMemory(notice)) = stream.next().await else { panic!("room for both") };
    assert_eq!(notice.sequence, 2);
    let Some(Answer::ItemResult(refused)) = stream.next().await else { panic!("no result") };
    let failure = refused.failure.expect("a failure");
    assert_eq!((refused.sequence, failure.error_kind()), (2, Some(ErrorKind::Overloaded)));
    assert!(failure.retryable);
    let Some(Answer::ItemResult(taken)) = stream.next().await else { panic!("no result") };
    assert_eq!((taken.sequence, taken.state), (1, v1::ItemState::Indexed.into()));
    assert!(matches!(stream.next().await, Some(Answer::Ack(v1::IngestAck { sequence: 2 }))));
    assert_eq!(stream.next().await, None);

    // The typed client waits and sends again.
    let outcomes = send(&server.client().await, vec![file("image cow"), file("image hen")]).await;
    assert!(outcomes.iter().all(|outcome| outcome.state == ItemState::Indexed));
    server.end().await;
}

#[tokio::test]
async fn two_items_of_one_name_follow_one_another() {
    let decoder = FakeDecoder { delay: Duration::from_millis(20), ..FakeDecoder::default() };
    let server = Running::with(Settings::default(), decoder).await;
    let client = server.client().await;
    let id = AssetId::new("one").expect("an id");
    let items = (0..10).map(|at| IngestItem { id: Some(id.clone()), ..file(&format!("image number{at}")) });
    let outcomes = send(&client, items.collect()).await;
    assert!(outcomes.iter().all(|outcome| outcome.state == ItemState::Indexed));
    let last = client.query(ask("number9")).await.expect("answers").hits;
    assert_eq!((last.len(), last[0].cosine > 0.99), (1, true));
    server.end().await;
}

#[tokio::test]
async fn a_client_goes_on_where_a_server_comes_back() {
    let slow = || FakeDecoder { delay: Duration::from_millis(30), ..FakeDecoder::default() };
    let settings = Settings { max_items_of_stream: 2, ..Settings::default() };
    let server = Running::with(settings.clone(), slow()).await;
    let address = server.address;
    let retry = Retry { attempts: 20, first_wait: Duration::from_millis(50) };
    let options = Options { retry, ..Options::default() };
    let client = Client::connect_with(&address.to_string(), options).await.expect("connects");
    let sending = {
        let client = client.clone();
        let items = (0..20).map(|at| file(&format!("image number{at}"))).collect();
        tokio::spawn(async move { send(&client, items).await })
    };
    while server.fixture.decoded() < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let fixture = server.end().await.reopened(slow());
    let server = Running::at(fixture, Settings { listen: address, ..settings }).await;
    let outcomes = sending.await.expect("no panic");
    assert_eq!(outcomes.iter().map(|outcome| outcome.index).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
    assert!(outcomes.iter().all(|outcome| outcome.failure.is_none()));
    assert_eq!(client.stats().await.expect("stats").counts.assets, 20);
    server.end().await;
}
