//! A typed client for a Sensorium server.
//!
//! [`Client::connect`] gives a [`Client`]; its calls speak the words of `types` and try again where that is safe and
//! the server says that the same call may succeed later. [`Client::ingest`] takes a stream of items and gives a stream of outcomes; items
//! without a result are sent again when a connection is lost, which is safe because the same bytes are the same asset.
//!
//! What is asked and answered are types of `sensorium_types`, the same as an engine's; they become messages here.
//!
//! | module | holds |
//! | --- | --- |
//! | `client` | [`Client`], [`Options`]: connecting, the small calls |
//! | `address` | where a server is, and how it is reached |
//! | `key` | [`ApiKey`] |
//! | `admin`, `collections` | what a server is and holds |
//! | `delete` | deleting assets |
//! | `embed` | media to vectors |
//! | `metrics` | what a server counts of itself |
//! | `query`, `explain` | queries and their answers |
//! | `asset` | stored assets |
//! | `caption` | media to words |
//! | `ingest`, `session`, `item` | a stream of items to a stream of their outcomes |
//! | `paths` | [`IndexReply`]: files that the server itself reads |
//! | `reembed` | collections that are brought to the server's bundle |
//! | `file` | files whose bytes it is sent |
//! | `retry` | when a call is tried again |
//! | `options` | [`Options`]: how a client behaves |
//! | `keys` | the keys of a server |
//! | `error` | [`ClientError`] |

mod address;
mod admin;
mod asset;
mod caption;
mod client;
mod collections;
mod delete;
mod embed;
mod error;
mod explain;
mod file;
mod ingest;
mod item;
mod key;
mod keys;
mod metrics;
mod options;
mod paths;
mod query;
mod reembed;
mod retry;
mod session;

pub use admin::Info;
pub use client::Client;
pub use embed::Embedded;
pub use error::ClientError;
pub use key::{ApiKey, BadKey};
pub use options::{DEFAULT_CALL_TIMEOUT, DEFAULT_CONNECT_TIMEOUT, DEFAULT_MAX_REPLY_BYTES, Options};
pub use paths::IndexReply;
pub use reembed::{ReembedOrder, ReembedReply};
pub use retry::{DEFAULT_ATTEMPTS, DEFAULT_FIRST_WAIT, Retry};

/// The messages, for what has no typed form of its own.
pub use sensorium_api::v1;
