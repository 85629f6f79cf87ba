//! The service of Sensorium: an [`Engine`](sensorium_engine::Engine) on a socket, by gRPC and by HTTP, with a page.
//!
//! ```text
//! socket ─► connection (TLS, limits) ─► edge (host, origin, key) ─► gRPC: gate ─► service ─► convert ─► Engine
//!                                                              └─► HTTP: route ─► JSON as a message ─┘
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | `serve` | [`serve`]: start, `server.json`, the drain at the end |
//! | `settings`, `limits` | [`Settings`] with their defaults, and every limit by name: [`LIMITS`] |
//! | `connections`, `tls`, `body` | HTTP/1.1 and HTTP/2 on one port; certificates; bodies that hold a place |
//! | `edge` | what every request passes |
//! | `access`, `calls` | keys, sessions, quotas, the audit log; who may make which call |
//! | `http` | routes, JSON, forms, media, the page |
//! | `gate` | how many calls are let in at a time |
//! | `context` | what all services share: the open collections, limits, the sign to stop |
//! | `services` | one file a service of `proto/sensorium/v1` |
//! | `uploads` | files that clients sent in pieces |
//! | `fetching` | media that are named by address, where that is allowed |
//! | `convert` | messages to and from the words of the engine |
//! | `metrics`, `trace` | what is counted; what is told of a single request |
//! | `captioner` | captions that are made while nobody asks |
//! | `fault` | an engine's error as a status |
//!
//! On an address other than loopback it answers with TLS, or where it is told not to, and to keys alone.

mod access;
mod body;
mod calls;
mod captioner;
mod connections;
mod context;
mod convert;
mod edge;
mod error;
mod fault;
mod fetching;
mod gate;
mod http;
mod limits;
mod metrics;
mod serve;
mod services;
mod settings;
mod stopping;
mod tls;
mod trace;
mod uploads;

pub use access::{DEFAULT_GRACE_HOURS, KeyFacts, KeyInfo, Keys, KeysError, NewKey};
pub use calls::Scope;
pub use error::ServerError;
pub use limits::{LIMITS, Limit};
pub use serve::{bound_memory, serve};
pub use settings::{
    DEFAULT_CALL_TIMEOUT, DEFAULT_CALLS_OF_KEY_A_SECOND, DEFAULT_DRAIN_TIMEOUT, DEFAULT_FETCH_IDLE_TIMEOUT,
    DEFAULT_FETCH_TIMEOUT, DEFAULT_HEADER_TIMEOUT, DEFAULT_IDLE_CONNECTION_TIMEOUT, DEFAULT_IDLE_TIMEOUT,
    DEFAULT_KEEPALIVE_INTERVAL, DEFAULT_KEEPALIVE_TIMEOUT, DEFAULT_LISTEN, DEFAULT_MAX_BYTES_IN_FLIGHT,
    DEFAULT_MAX_CALLS, DEFAULT_MAX_CALLS_OF_KEY, DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_FETCH_BYTES,
    DEFAULT_MAX_FETCHES, DEFAULT_MAX_INGEST_STREAMS, DEFAULT_MAX_ITEMS_IN_FLIGHT,
    DEFAULT_MAX_ITEMS_OF_STREAM, DEFAULT_MAX_LIMIT, DEFAULT_MAX_QUERIES_OF_TWO_CORES,
    DEFAULT_MAX_SMALL_MESSAGE_BYTES, DEFAULT_MAX_STREAMS_OF_CONNECTION, DEFAULT_REQUEST_TIMEOUT,
    DEFAULT_SLOW_REQUEST, DEFAULT_UNREAD_TIMEOUT, Settings, TlsFiles,
};
pub use trace::{
    DEFAULT_MAX_SPANS_WAITING, DEFAULT_SERVICE_NAME, DEFAULT_SPANS_EVERY, Export, Sampler, Traces,
};

/// Places that may be fetched from, and what names of theirs stand for.
pub use sensorium_fetch::{AllowError, AllowedUri, Reach};

/// Most bytes in a message that carries media.
pub use sensorium_api::DEFAULT_MAX_MESSAGE_BYTES;
