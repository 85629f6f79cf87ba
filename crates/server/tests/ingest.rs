//! Items over the wire.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{FakeDecoder, Running, ask, ended, file, relay, send, until, vector};
use sensorium_api::v1;
use sensorium_api::v1::ingest_request::Message as Ask;
use sensorium_api::v1::ingest_response::Message as Answer;
use sensorium_api::v1::ingest_service_client::IngestServiceClient;
use sensorium_client::{Client, Options, Retry};
use sensorium_server::Settings;
use sensorium_types::{
    AssetId, ErrorKind, IngestContent, IngestItem, IngestPart, ItemState, Modality, Payload, ReasonKind,
    Track,
};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};

/// A stream of messages by hand.
struct ByHand {
    asks: mpsc::Sender<v1::IngestRequest>,
    answers: Streaming<v1::IngestResponse>,
}

/// A message.
fn message(message: Ask) -> v1::IngestRequest {
    v1::IngestRequest { message: Some(message) }
}

/// An item of one fake file.
fn item(sequence: u64, text: &str) -> v1::IngestItem {
    let source = Some(v1::media_input::Source::Data(text.as_bytes().to_vec().into()));
    let content = Some(v1::ingest_part::Content::Media(v1::MediaInput { source }));
    let parts = vec![v1::IngestPart { name: String::new(), content }];
    v1::IngestItem { sequence, parts, ..Default::default() }
}

/// A whole stream of items of these texts, none of them waited for. Each message travels by itself, as clients of other
/// languages send them, and is counted when it is on its way.
fn at_once(
    texts: impl Iterator<Item = String> + Send + 'static,
    sent: Arc<AtomicU64>,
) -> impl tokio_stream::Stream<Item = v1::IngestRequest> + Send + 'static {
    let items = (1..).zip(texts).map(|(sequence, text)| Ask::Item(item(sequence, &text)));
    let start = std::iter::once(Ask::Start(v1::IngestStart::default()));
    let stop = std::iter::once(Ask::Stop(v1::IngestStop {}));
    tokio_stream::iter(start.chain(items).chain(stop)).then(move |ask| {
        let sent = Arc::clone(&sent);
        async move {
            tokio::task::yield_now().await;
            sent.fetch_add(1, Ordering::SeqCst);
            message(ask)
        }
    })
}

/// What the answers of a stream say: results, and the last acknowledgement.
#[derive(Debug, Default)]
struct Tally {
    results: u64,
    acknowledged: u64,
}

impl Tally {
    fn add(&mut self, answer: v1::IngestResponse) {
        match answer.message {
            Some(Answer::ItemResult(_)) => self.results += 1,
            Some(Answer::Ack(v1::IngestAck { sequence, .. })) => self.acknowledged = sequence,
            Some(
                Answer::Started(_) | Answer::Backoff(_) | Answer::OutOfMemory(_) | Answer::ShuttingDown(_),
            )
            | None => {}
        }
    }
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

    async fn say(&self, ask: Ask) {
        self.asks.send(message(ask)).await.expect("open");
    }

    async fn item(&self, sequence: u64, text: &str) {
        let media = v1::MediaPolicy::None.into();
        self.say(Ask::Item(v1::IngestItem { media, ..item(sequence, text) })).await;
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
        assert_eq!(failure.reason().map(|reason| reason.kind), Some(kind));
        assert_eq!(failure.is_retryable(), retryable);
    }

    let reply = client.query(ask("dog beach")).await.expect("answers");
    assert_eq!(Some(&reply.hits[0].asset), outcomes[0].asset.as_ref());
    let audio = client.query(ask("meow")).await.expect("answers");
    let hit = audio.hits.iter().find(|hit| hit.modality == Modality::Video).expect("the video");
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
            part("front", IngestContent::Media(b"image red shoe".as_slice().into())),
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
        assert_eq!(failure.error(), Some(ErrorKind::InvalidArgument), "{failure:?}");
        assert!(!failure.is_retryable());
    }
    assert_eq!(outcomes[3].state, ItemState::Indexed);
    server.end().await;
}

#[tokio::test]
async fn acks_rise_and_the_stream_ends_after_stop() {
    let server = Running::new().await;
    let mut stream = ByHand::started(&server).await;
    for sequence in 1..=20 {
        stream.item(sequence * 10, &format!("image image{sequence}")).await;
    }
    stream.say(Ask::Stop(v1::IngestStop {})).await;
    let (mut results, mut acks) = (Vec::new(), Vec::new());
    while let Some(answer) = stream.next().await {
        match &answer {
            Answer::ItemResult(result) => results.push(result.sequence),
            Answer::Ack(v1::IngestAck { sequence, .. }) => {
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
    let server = Running::with(settings, FakeDecoder::held()).await;
    let (one, two) = (server.client().await, server.client().await);
    let files = |prefix: &str| (0..20).map(|at| file(&format!("image {prefix}{at}"))).collect::<Vec<_>>();
    // Both places are taken before anything is done.
    let gate = &server.fixture.decoder.gate;
    let busy = async {
        gate.arrived(2).await;
        gate.open();
    };
    let (first, second, ()) = tokio::join!(send(&one, files("a")), send(&two, files("b")), busy);
    assert!(first.iter().chain(&second).all(|outcome| outcome.state == ItemState::Indexed));
    assert_eq!((first.len(), second.len()), (20, 20));
    assert_eq!(one.stats().await.expect("stats").counts.assets, 40);
    server.end().await;
}

#[tokio::test]
async fn an_idle_stream_is_ended() {
    let settings = Settings { idle_timeout: Duration::from_millis(50), ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let mut stream = ByHand::open(&server).await;
    stream.say(Ask::Start(v1::IngestStart::default())).await;
    // It may be idle for too long even before its first message is read.
    let ended = loop {
        match stream.answers.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended well"),
            Err(status) => break status.code(),
        }
    };
    assert_eq!(ended, Code::DeadlineExceeded);
    server.end().await;
}

#[tokio::test]
async fn a_stream_that_never_began_holds_no_server_that_stops() {
    let server = Running::new().await;
    let mut stream = ByHand::open(&server).await;
    let (task, _fixture) = server.stop();
    assert_eq!(stream.code().await, Code::Unavailable);
    ended(task).await;
}

#[tokio::test]
async fn what_is_in_progress_at_the_stop_is_finished() {
    let server = Running::with(Settings::default(), FakeDecoder::held()).await;
    let mut stream = ByHand::started(&server).await;
    stream.item(1, "image dog").await;
    server.fixture.decoder.gate.arrived(1).await;
    let (task, fixture) = server.stop();
    assert!(matches!(stream.next().await, Some(Answer::ShuttingDown(_))));
    fixture.decoder.gate.open();
    let Some(Answer::ItemResult(result)) = stream.next().await else { panic!("no result") };
    assert_eq!(result.state, i32::from(v1::ItemState::Indexed));
    assert!(matches!(stream.next().await, Some(Answer::Ack(v1::IngestAck { sequence: 1, .. }))));
    assert_eq!(stream.next().await, None);
    drop(stream);
    ended(task).await;
    assert_eq!(fixture.store.stats().await.expect("stats").assets, 1);
}

#[tokio::test]
async fn items_without_room_for_their_bytes_are_refused_for_now() {
    let settings = Settings { max_bytes_in_flight: 1024, ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::held()).await;
    let gate = &server.fixture.decoder.gate;
    let mut stream = ByHand::started(&server).await;
    stream.item(1, "image dog").await;
    stream.item(2, "image cat").await;
    let Some(Answer::OutOfMemory(notice)) = stream.next().await else { panic!("room for both") };
    assert_eq!(notice.sequence, 2);
    let Some(Answer::ItemResult(refused)) = stream.next().await else { panic!("no result") };
    let failure = refused.failure.expect("a failure");
    assert_eq!((refused.sequence, failure.error_kind()), (2, Some(ErrorKind::Overloaded)));
    assert!(failure.retryable);

    // The typed client waits and sends again. A third item that is refused by hand tells that there was time to.
    let client = server.client().await;
    let sending =
        tokio::spawn(async move { send(&client, vec![file("image cow"), file("image hen")]).await });
    stream.item(3, "image cat").await;
    assert!(matches!(stream.next().await, Some(Answer::OutOfMemory(_))));
    assert!(matches!(stream.next().await, Some(Answer::ItemResult(_))));
    gate.open();
    stream.say(Ask::Stop(v1::IngestStop {})).await;
    let Some(Answer::ItemResult(taken)) = stream.next().await else { panic!("no result") };
    assert_eq!((taken.sequence, taken.state), (1, v1::ItemState::Indexed.into()));
    assert!(matches!(stream.next().await, Some(Answer::Ack(v1::IngestAck { sequence: 3, .. }))));
    assert_eq!(stream.next().await, None);
    let outcomes = sending.await.expect("no panic");
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|outcome| outcome.state == ItemState::Indexed));
    server.end().await;
}

#[tokio::test]
async fn two_items_of_one_name_follow_one_another() {
    let server = Running::with(Settings::default(), FakeDecoder::held()).await;
    let client = server.client().await;
    let gate = &server.fixture.decoder.gate;
    let id = AssetId::new("one").expect("an id");
    let items = (0..10).map(|at| IngestItem { id: Some(id.clone()), ..file(&format!("image number{at}")) });
    // The first is in the decoder, and the second may not get there before it is done.
    let first = async {
        gate.arrived(1).await;
        gate.open();
    };
    let (outcomes, ()) = tokio::join!(send(&client, items.collect()), first);
    assert!(outcomes.iter().all(|outcome| outcome.state == ItemState::Indexed));
    let last = client.query(ask("number9")).await.expect("answers").hits;
    assert_eq!((last.len(), last[0].cosine > 0.99), (1, true));
    server.end().await;
}

#[tokio::test]
async fn a_client_goes_on_where_a_server_comes_back() {
    let settings = Settings { max_items_of_stream: 2, ..Settings::default() };
    let server = Running::with(settings.clone(), FakeDecoder::held()).await;
    server.fixture.decoder.gate.let_in(4);
    // The port of a server that is away may be taken; that of the relay stays.
    let relay = relay(server.address).await;
    let retry = Retry { attempts: 1000, first_wait: Duration::from_millis(1) };
    let options = Options { retry, ..Options::default() };
    let client = Client::connect_with(&relay.address.to_string(), options).await.expect("connects");
    let sending = {
        let client = client.clone();
        let items = (0..20).map(|at| file(&format!("image number{at}"))).collect();
        tokio::spawn(async move { send(&client, items).await })
    };
    // Four are decoded and a fifth is on the way when the server is told to stop.
    server.fixture.decoder.gate.arrived(5).await;
    let (task, fixture) = server.stop();
    fixture.decoder.gate.open();
    ended(task).await;
    let server = Running::over(fixture.reopened(FakeDecoder::default()), settings).await;
    relay.turn_to(server.address);
    let outcomes = sending.await.expect("no panic");
    assert!(outcomes.iter().all(|outcome| outcome.failure.is_none()));
    assert_eq!(client.stats().await.expect("stats").counts.assets, 20);
    server.end().await;
}

#[tokio::test]
async fn what_is_sent_without_waiting_is_read_at_the_servers_pace() {
    const ITEMS: u64 = 3_000;
    let server = Running::with(Settings::default(), FakeDecoder::held()).await;
    let sent = Arc::new(AtomicU64::new(0));
    let texts = (0..ITEMS).map(|_| "x".to_owned());
    let mut service = IngestServiceClient::new(server.channel().await);
    let stream = service.ingest(at_once(texts, Arc::clone(&sent))).await.expect("opens");
    let mut answers = stream.into_inner();
    let mut tally = Tally::default();
    // All of them are on their way before the server has done the first.
    let mut all_sent = Box::pin(until(async || sent.load(Ordering::SeqCst) == ITEMS + 2));
    loop {
        tokio::select! {
            () = &mut all_sent => break,
            answer = answers.message() => tally.add(answer.expect("not cut off").expect("not the end")),
        }
    }
    assert_eq!(tally.results, 0);
    server.fixture.decoder.gate.open();
    while let Some(answer) = answers.message().await.expect("not cut off") {
        tally.add(answer);
    }
    assert_eq!((tally.results, tally.acknowledged), (ITEMS, ITEMS));
    server.end().await;
}

#[tokio::test]
async fn two_streams_of_one_connection_may_both_send_without_waiting() {
    const ITEMS: u64 = 1_000;
    let server = Running::new().await;
    let channel = server.channel().await;
    let one = async |name: &'static str| {
        let texts = (0..ITEMS).map(move |at| format!("text {name} {at} of a boat"));
        let mut service = IngestServiceClient::new(channel.clone());
        let mut answers = service.ingest(at_once(texts, Arc::default())).await.expect("opens").into_inner();
        let mut tally = Tally::default();
        while let Some(answer) = answers.message().await.expect("not cut off") {
            tally.add(answer);
        }
        (tally.results, tally.acknowledged)
    };
    assert_eq!(tokio::join!(one("first"), one("second")), ((ITEMS, ITEMS), (ITEMS, ITEMS)));
    server.end().await;
}

#[tokio::test]
async fn the_typed_client_brings_thousands_of_small_items_in() {
    const ITEMS: u64 = 3_000;
    let server = Running::new().await;
    let client = server.client().await;
    let items = (0..ITEMS).map(|at| file(&format!("text note {at} of a boat"))).collect();
    let outcomes = send(&client, items).await;
    assert!(outcomes.iter().all(|outcome| outcome.state == ItemState::Indexed));
    assert_eq!(client.stats().await.expect("stats").counts.assets, ITEMS);
    server.end().await;
}

#[tokio::test]
async fn a_client_that_reads_no_answer_is_slowed_and_then_told_why_it_is_ended() {
    const ITEMS: u64 = 20_000;
    let settings =
        Settings { max_ingest_streams: 1, unread_timeout: Duration::from_millis(50), ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    // A client with the window that HTTP/2 has by default.
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).expect("an address");
    let channel: Channel = endpoint.initial_stream_window_size(65_535).connect().await.expect("connects");
    let sent = Arc::new(AtomicU64::new(0));
    let texts = (0..ITEMS).map(|at| format!("text note {at}"));
    let mut service = IngestServiceClient::new(channel);
    let stream = service.ingest(at_once(texts, Arc::clone(&sent))).await.expect("opens");
    let mut unread = stream.into_inner();

    // Its place is free again without a word of it, and without an answer read.
    let other = IngestServiceClient::new(server.channel().await);
    until(async || other.clone().ingest(tokio_stream::empty()).await.is_ok()).await;
    assert!(sent.load(Ordering::SeqCst) < ITEMS, "the client was slowed");

    let mut tally = Tally::default();
    let status = loop {
        match unread.message().await {
            Ok(Some(answer)) => tally.add(answer),
            Ok(None) => panic!("ended well"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert!(status.message().contains("were not read"), "{status:?}");
    assert!(tally.results < ITEMS, "{tally:?}");
    let stored = server.fixture.store.stats().await.expect("stats").assets;
    assert!(stored >= tally.acknowledged, "{stored} of {tally:?}");
    server.end().await;
}
