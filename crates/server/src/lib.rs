//! The gRPC service of Sensorium: an [`Engine`](sensorium_engine::Engine) on a socket.
//!
//! ```text
//! socket ─► limits of HTTP/2 ─► gate (how many calls at a time) ─► service ─► convert ─► Engine
//!                                                                     └─ health v1, reflection v1 and v1alpha
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | `serve` | [`serve`]: start, `server.json`, the drain at the end |
//! | `settings` | [`Settings`] and every limit with its named default |
//! | `gate` | how many calls are let in at a time |
//! | `context` | what all services share: the open collections, limits, the sign to stop |
//! | `services` | one file a service of `proto/sensorium/v1` |
//! | `convert` | messages to and from the words of the engine |
//! | `fault` | an engine's error as a status |
//!
//! It listens on loopback addresses only, for calls are not authenticated yet.

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
mod gate;
mod http;
mod limits;
mod metrics;
mod serve;
mod services;
mod settings;
mod tls;
mod uploads;

pub use access::{KeyFacts, KeyInfo, Keys, KeysError, NewKey};
pub use calls::Scope;
pub use error::ServerError;
pub use limits::{LIMITS, Limit};
pub use serve::serve;
pub use settings::{
    DEFAULT_CALL_TIMEOUT, DEFAULT_CALLS_OF_KEY_A_SECOND, DEFAULT_DRAIN_TIMEOUT, DEFAULT_HEADER_TIMEOUT,
    DEFAULT_IDLE_CONNECTION_TIMEOUT, DEFAULT_IDLE_TIMEOUT, DEFAULT_KEEPALIVE_INTERVAL,
    DEFAULT_KEEPALIVE_TIMEOUT, DEFAULT_LISTEN, DEFAULT_MAX_BYTES_IN_FLIGHT, DEFAULT_MAX_CALLS,
    DEFAULT_MAX_CALLS_OF_KEY, DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_INGEST_STREAMS,
    DEFAULT_MAX_ITEMS_IN_FLIGHT, DEFAULT_MAX_ITEMS_OF_STREAM, DEFAULT_MAX_LIMIT, DEFAULT_MAX_QUERIES_OF_CORE,
    DEFAULT_MAX_SMALL_MESSAGE_BYTES, DEFAULT_MAX_STREAMS_OF_CONNECTION, DEFAULT_REQUEST_TIMEOUT,
    DEFAULT_UNREAD_TIMEOUT, Settings, TlsFiles,
};

/// Most bytes in a message that carries media.
pub use sensorium_api::DEFAULT_MAX_MESSAGE_BYTES;
