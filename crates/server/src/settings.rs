//! Where a server listens, and its limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use sensorium_api::{DEFAULT_MAX_MESSAGE_BYTES, MAX_STREAMS_OF_CONNECTION};
use sensorium_fetch::{AllowedUri, Reach};

use crate::trace::{DEFAULT_MAX_SPANS_WAITING, DEFAULT_SPANS_EVERY, Export, Traces};

/// Where a server listens unless it is told.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7700);
/// Most bytes in a message that carries no media: an id list, a filter, a scroll.
pub const DEFAULT_MAX_SMALL_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Calls other than ingest that run at a time; more are answered RESOURCE_EXHAUSTED at once.
pub const DEFAULT_MAX_CALLS: usize = 64;
/// Queries that are worked on at a time, for each two cores; more are answered RESOURCE_EXHAUSTED at once. They share the cores, so that with
/// more of them each takes longer and all of them no less.
pub const DEFAULT_MAX_QUERIES_OF_TWO_CORES: usize = 5;
/// Ingest streams that are open at a time; more are answered RESOURCE_EXHAUSTED at once.
pub const DEFAULT_MAX_INGEST_STREAMS: usize = 8;
/// Items of one stream that are worked on at a time; more are not read meanwhile.
pub const DEFAULT_MAX_ITEMS_OF_STREAM: usize = 16;
/// Items of all streams that are worked on at a time.
pub const DEFAULT_MAX_ITEMS_IN_FLIGHT: usize = 32;
/// Bytes of all items that are worked on at a time.
pub const DEFAULT_MAX_BYTES_IN_FLIGHT: usize = 512 * 1024 * 1024;
/// Streams of HTTP/2 on one connection; more wait at the client. With more than these a client that sends very many
/// tiny frames may be cut off, see `sensorium_api::connection_window_bytes`.
pub const DEFAULT_MAX_STREAMS_OF_CONNECTION: u32 = MAX_STREAMS_OF_CONNECTION;
/// Most hits of a query and most assets named in a call.
pub const DEFAULT_MAX_LIMIT: usize = 100_000;
/// Time that a call other than a stream may take: reads. What writes is done to its end, and `Verify` takes as long as it does.
pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Time that the request of a call other than a stream may take to arrive.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// Time without a message after which an ingest stream is ended.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// Time that an answer on a stream may stay unread.
pub const DEFAULT_UNREAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Silence after which a connection is asked whether it lives.
pub const DEFAULT_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// Time to answer that; then the connection is closed.
pub const DEFAULT_KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Calls of one key that run at a time, streams included; more are answered RESOURCE_EXHAUSTED at once.
pub const DEFAULT_MAX_CALLS_OF_KEY: usize = 48;
/// Calls that one key may begin in a second.
pub const DEFAULT_CALLS_OF_KEY_A_SECOND: u32 = 2000;
/// Connections at a time; more wait until one ends.
pub const DEFAULT_MAX_CONNECTIONS: usize = 4096;
/// Time that the head of a request by HTTP/1.1 may take to arrive.
pub const DEFAULT_HEADER_TIMEOUT: Duration = Duration::from_secs(20);
/// Time without a byte and without a request after which a connection is closed.
pub const DEFAULT_IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(120);
/// Media that are fetched by their address at a time; more wait.
pub const DEFAULT_MAX_FETCHES: usize = 8;
/// Most bytes of one of them.
pub const DEFAULT_MAX_FETCH_BYTES: usize = 4 << 30;
/// Time that one of them may take in all.
pub const DEFAULT_FETCH_TIMEOUT: Duration = Duration::from_secs(600);
/// Time without a byte of one of them.
pub const DEFAULT_FETCH_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time that calls in progress have when the server stops.
pub const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Time from a request to the head of its answer from which on it is logged with the times of its stages.
pub const DEFAULT_SLOW_REQUEST: Duration = Duration::from_secs(1);

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those between it and a root, as PEM.
    pub cert: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
    /// Roots of clients' certificates, as PEM: whoever has none of them is refused. None: clients need no certificate.
    pub client_ca: Option<PathBuf>,
}

/// How a server runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens; port 0 takes a free one. An address other than loopback needs keys, and TLS or `insecure`.
    pub listen: SocketAddr,
    /// The files of TLS; none: nothing is encrypted.
    pub tls: Option<TlsFiles>,
    /// Listen on an address that others can reach without TLS.
    pub insecure: bool,
    /// Ask for keys on a loopback address too.
    pub require_key: bool,
    /// [`DEFAULT_MAX_CALLS_OF_KEY`]
    pub max_calls_of_key: usize,
    /// [`DEFAULT_CALLS_OF_KEY_A_SECOND`]
    pub calls_of_key_a_second: u32,
    /// Further names by which a server on a loopback address is asked, of a proxy for instance.
    pub allowed_hosts: Vec<String>,
    /// Below which path the page and everything of HTTP lies, as in `/media`; empty: below the root.
    pub base_path: String,
    /// Folders that `IndexPaths` may index, and everything below them. Empty: that call is refused.
    pub allowed_paths: Vec<PathBuf>,
    /// Places whose addresses items may name as their media. Empty: nothing is fetched.
    pub allowed_uris: Vec<AllowedUri>,
    /// What names of these addresses stand for. No setting leads here: another than the default is for tests.
    #[doc(hidden)]
    pub reach: Reach,
    /// [`DEFAULT_MAX_FETCHES`]
    pub max_fetches: usize,
    /// [`DEFAULT_MAX_FETCH_BYTES`]
    pub max_fetch_bytes: usize,
    /// [`DEFAULT_FETCH_TIMEOUT`]
    pub fetch_timeout: Duration,
    /// [`DEFAULT_FETCH_IDLE_TIMEOUT`]
    pub fetch_idle_timeout: Duration,
    /// [`DEFAULT_MAX_MESSAGE_BYTES`]
    pub max_message_bytes: usize,
    /// [`DEFAULT_MAX_SMALL_MESSAGE_BYTES`]
    pub max_small_message_bytes: usize,
    /// [`DEFAULT_MAX_CALLS`]
    pub max_calls: usize,
    /// [`DEFAULT_MAX_QUERIES_OF_TWO_CORES`] for each two cores.
    pub max_queries: usize,
    /// [`DEFAULT_MAX_INGEST_STREAMS`]
    pub max_ingest_streams: usize,
    /// [`DEFAULT_MAX_ITEMS_OF_STREAM`]
    pub max_items_of_stream: usize,
    /// [`DEFAULT_MAX_ITEMS_IN_FLIGHT`]
    pub max_items_in_flight: usize,
    /// [`DEFAULT_MAX_BYTES_IN_FLIGHT`]
    pub max_bytes_in_flight: usize,
    /// [`DEFAULT_MAX_STREAMS_OF_CONNECTION`]
    pub max_streams_of_connection: u32,
    /// [`DEFAULT_MAX_LIMIT`]
    pub max_limit: usize,
    /// [`DEFAULT_CALL_TIMEOUT`]
    pub call_timeout: Duration,
    /// [`DEFAULT_REQUEST_TIMEOUT`]
    pub request_timeout: Duration,
    /// [`DEFAULT_IDLE_TIMEOUT`]
    pub idle_timeout: Duration,
    /// [`DEFAULT_UNREAD_TIMEOUT`]
    pub unread_timeout: Duration,
    /// [`DEFAULT_KEEPALIVE_INTERVAL`]
    pub keepalive_interval: Duration,
    /// [`DEFAULT_KEEPALIVE_TIMEOUT`]
    pub keepalive_timeout: Duration,
    /// [`DEFAULT_MAX_CONNECTIONS`]
    pub max_connections: usize,
    /// [`DEFAULT_HEADER_TIMEOUT`]
    pub header_timeout: Duration,
    /// [`DEFAULT_IDLE_CONNECTION_TIMEOUT`]
    pub idle_connection_timeout: Duration,
    /// [`DEFAULT_DRAIN_TIMEOUT`]
    pub drain_timeout: Duration,
    /// [`DEFAULT_SLOW_REQUEST`]
    pub slow_request: Duration,
    /// [`DEFAULT_MAX_SPANS_WAITING`]
    pub max_spans_waiting: usize,
    /// [`DEFAULT_SPANS_EVERY`]
    pub spans_every: Duration,
    /// Where the spans of requests are sent; none: nowhere.
    pub export: Option<Export>,
    /// The spans, if their layer is a part of the process's subscriber.
    pub traces: Traces,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            tls: None,
            insecure: false,
            require_key: false,
            max_calls_of_key: DEFAULT_MAX_CALLS_OF_KEY,
            calls_of_key_a_second: DEFAULT_CALLS_OF_KEY_A_SECOND,
            allowed_hosts: Vec::new(),
            base_path: String::new(),
            allowed_paths: Vec::new(),
            allowed_uris: Vec::new(),
            reach: Reach::default(),
            max_fetches: DEFAULT_MAX_FETCHES,
            max_fetch_bytes: DEFAULT_MAX_FETCH_BYTES,
            fetch_timeout: DEFAULT_FETCH_TIMEOUT,
            fetch_idle_timeout: DEFAULT_FETCH_IDLE_TIMEOUT,
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
            max_small_message_bytes: DEFAULT_MAX_SMALL_MESSAGE_BYTES,
            max_calls: DEFAULT_MAX_CALLS,
            max_queries: (cores() * DEFAULT_MAX_QUERIES_OF_TWO_CORES).div_ceil(2),
            max_ingest_streams: DEFAULT_MAX_INGEST_STREAMS,
            max_items_of_stream: DEFAULT_MAX_ITEMS_OF_STREAM,
            max_items_in_flight: DEFAULT_MAX_ITEMS_IN_FLIGHT,
            max_bytes_in_flight: DEFAULT_MAX_BYTES_IN_FLIGHT,
            max_streams_of_connection: DEFAULT_MAX_STREAMS_OF_CONNECTION,
            max_limit: DEFAULT_MAX_LIMIT,
            call_timeout: DEFAULT_CALL_TIMEOUT,
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            unread_timeout: DEFAULT_UNREAD_TIMEOUT,
            keepalive_interval: DEFAULT_KEEPALIVE_INTERVAL,
            keepalive_timeout: DEFAULT_KEEPALIVE_TIMEOUT,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            header_timeout: DEFAULT_HEADER_TIMEOUT,
            idle_connection_timeout: DEFAULT_IDLE_CONNECTION_TIMEOUT,
            drain_timeout: DEFAULT_DRAIN_TIMEOUT,
            slow_request: DEFAULT_SLOW_REQUEST,
            max_spans_waiting: DEFAULT_MAX_SPANS_WAITING,
            spans_every: DEFAULT_SPANS_EVERY,
            export: None,
            traces: Traces::default(),
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
