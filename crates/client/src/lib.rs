//! A typed client for a Sensorium server.
//!
//! [`Client::connect`] gives a [`Client`]; its calls speak the words of `types` and try again where the server says that
//! the same call may succeed later. [`Client::ingest`] takes a stream of items and gives a stream of outcomes; items
//! without a result are sent again when a connection is lost, which is safe because the same bytes are the same asset.
//!
//! | module | holds |
//! | --- | --- |
//! | `client` | [`Client`], [`Options`]: connecting, the small calls |
//! | `query` | [`QueryRequest`] to [`QueryReply`] |
//! | `asset` | [`Asset`]: get and scroll |
//! | `caption` | media to [`PartCaption`] |
//! | `ingest`, `session` | a stream of [`IngestItem`] to a stream of [`IngestOutcome`] |
//! | `item` | those two |
//! | `paths` | [`IndexEvent`]: files that the server itself reads |
//! | `retry` | when a call is tried again |
//! | `error` | [`ClientError`] |

mod asset;
mod caption;
mod client;
mod error;
mod ingest;
mod item;
mod paths;
mod query;
mod retry;
mod session;

pub use asset::Asset;
pub use caption::{CaptionEvent, CaptionInput, CaptionOptions, CaptionStrategy, PartCaption, SummaryLength};
pub use client::{
    Client, DEFAULT_CALL_TIMEOUT, DEFAULT_CONNECT_TIMEOUT, DEFAULT_MAX_REPLY_BYTES, DeleteOutcome,
    DeleteSelector, Info, Options, Stats,
};
pub use error::ClientError;
pub use item::{IngestContent, IngestItem, IngestOutcome, IngestPart, ItemFailure, ItemState};
pub use paths::{IndexEvent, IndexPaths, IndexSummary};
pub use query::{Hit, QueryReply, QueryRequest, Term, TermInput};
pub use retry::{DEFAULT_ATTEMPTS, DEFAULT_FIRST_WAIT, Retry};

/// The messages, for what has no typed form of its own.
pub use sensorium_api::v1;
