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

mod captioner;
mod context;
mod convert;
mod error;
mod fault;
mod gate;
mod serve;
mod services;
mod settings;
mod uploads;

pub use error::ServerError;
pub use serve::serve;
pub use settings::{
    DEFAULT_CALL_TIMEOUT, DEFAULT_DRAIN_TIMEOUT, DEFAULT_IDLE_TIMEOUT, DEFAULT_KEEPALIVE_INTERVAL,
    DEFAULT_KEEPALIVE_TIMEOUT, DEFAULT_LISTEN, DEFAULT_MAX_BYTES_IN_FLIGHT, DEFAULT_MAX_CALLS,
    DEFAULT_MAX_INGEST_STREAMS, DEFAULT_MAX_ITEMS_IN_FLIGHT, DEFAULT_MAX_ITEMS_OF_STREAM, DEFAULT_MAX_LIMIT,
    DEFAULT_MAX_SMALL_MESSAGE_BYTES, DEFAULT_MAX_STREAMS_OF_CONNECTION, DEFAULT_REQUEST_TIMEOUT,
    DEFAULT_UNREAD_TIMEOUT, Settings,
};

/// Most bytes in a message that carries media.
pub use sensorium_api::DEFAULT_MAX_MESSAGE_BYTES;
