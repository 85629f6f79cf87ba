//! A server on a free port of this process, over fake decoders and encoders and a store in memory.

#![allow(dead_code, unused_imports, reason = "not every test binary uses every helper")]

#[path = "../../../engine/tests/common/mod.rs"]
mod fakes;

use std::net::SocketAddr;

use sensorium_client::{Client, Options, Retry};
use sensorium_server::{DEFAULT_DRAIN_TIMEOUT, ServerError, Settings, serve};
use sensorium_types::{IngestItem, ItemOutcome, MediaPolicy, QueryRequest, Term, TermInput};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tonic::transport::{Channel, Endpoint};

pub(crate) use fakes::{FakeDecoder, Fixture, Gate, HANG, until, vector};

/// A server that runs.
pub(crate) struct Running {
    pub(crate) fixture: Fixture,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServerError>>,
}

impl Running {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default(), FakeDecoder::default()).await
    }

    pub(crate) async fn with(settings: Settings, decoder: FakeDecoder) -> Self {
        Self::over(Fixture::with(decoder), settings).await
    }

    pub(crate) async fn over(fixture: Fixture, settings: Settings) -> Self {
        let listen = "127.0.0.1:0".parse().expect("an address");
        // What ends by itself is not to be mistaken for what is cut off.
        let untold = settings.drain_timeout == DEFAULT_DRAIN_TIMEOUT;
        let drain_timeout = if untold { 4 * HANG } else { settings.drain_timeout };
        let settings = Settings { listen, drain_timeout, ..settings };
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = oneshot::channel();
        let engine = fixture.engine.clone();
        let task = tokio::spawn(serve(
            engine,
            settings,
            |address| ready.send(address).expect("awaited"),
            async move { stopped.await.expect("told") },
        ));
        let address = address.await.expect("serves");
        Self { fixture, address, stop, task }
    }

    /// A client that does not try again.
    pub(crate) async fn client(&self) -> Client {
        let options = Options { retry: Retry { attempts: 1, ..Retry::default() }, ..Options::default() };
        Client::connect_with(&self.address.to_string(), options).await.expect("connects")
    }

    /// A bare connection.
    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).expect("an address");
        endpoint.connect().await.expect("connects")
    }

    /// Tells the server to stop.
    pub(crate) fn stop(self) -> (JoinHandle<Result<(), ServerError>>, Fixture) {
        self.stop.send(()).expect("serves");
        (self.task, self.fixture)
    }

    /// Stops the server and waits for its end.
    pub(crate) async fn end(self) -> Fixture {
        let (task, fixture) = self.stop();
        ended(task).await;
        fixture
    }
}

/// Waits for the end of a server that was told to stop.
pub(crate) async fn ended(task: JoinHandle<Result<(), ServerError>>) {
    let ended = tokio::time::timeout(HANG, task).await;
    ended.expect("it ends").expect("no panic").expect("ends well");
}

/// A port that stays while servers behind it come and go.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    target: watch::Sender<SocketAddr>,
}

impl Relay {
    /// New connections go to this server from now on.
    pub(crate) fn turn_to(&self, server: SocketAddr) {
        self.target.send(server).expect("relays");
    }
}

/// A relay to this server. A connection that it cannot make is closed.
pub(crate) async fn relay(server: SocketAddr) -> Relay {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (target, to) = watch::channel(server);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let server = *to.borrow();
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect(server).await {
                    // Either side may leave at any time.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    Relay { address, target }
}

/// An item of one fake file, not kept.
pub(crate) fn file(text: &str) -> IngestItem {
    IngestItem { media: MediaPolicy::None, ..IngestItem::of_bytes(text.as_bytes().to_vec()) }
}

/// Sends items and gives their outcomes, in order of the items.
pub(crate) async fn send(client: &Client, items: Vec<IngestItem>) -> Vec<ItemOutcome> {
    let count = items.len() as u64;
    let mut outcomes = Vec::new();
    let mut stream = client.ingest(tokio_stream::iter(items));
    while let Some(outcome) = stream.next().await {
        outcomes.push(outcome.expect("an outcome"));
    }
    outcomes.sort_by_key(|(place, _)| *place);
    assert!(outcomes.iter().map(|(place, _)| *place).eq(0..count), "one outcome an item");
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// A query of one text.
pub(crate) fn ask(text: &str) -> QueryRequest {
    let term = Term { weight: 1.0, input: TermInput::Text(text.to_owned()) };
    QueryRequest { terms: vec![term], ..QueryRequest::default() }
}
