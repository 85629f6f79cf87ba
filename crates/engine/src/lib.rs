//! Sensorium without a network: ingest, query and moments.
//!
//! [`Engine`] joins `media` (bytes to pixels, audio and passages), `embed` (those to vectors) and a
//! [`Store`](sensorium_store::Store) (vectors to disk and back). Each is met through a trait, [`Decode`], [`Encode`]
//! and `Store`, so that tests run without models and other stores can stand in.
//!
//! ```text
//! index:   walk ─► decide ─► hash ─► Decode ─► Encode ─► Store::apply ─► one event a file
//! query:   terms ─► vectors ─► one search for each content ─► calibrated scores ─► moments ─► hits
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | `config` | [`EngineConfig`] |
//! | `engine` | [`Engine`]: opening, collections |
//! | `calls`, `upkeep` | the calls of [`Engine`] |
//! | `data_folder` | the files of a data folder by which others know it |
//! | `seams` | [`Decode`] and [`Encode`], and their real implementations |
//! | `index` | a folder to assets: [`IndexRequest`], [`IndexEvent`] |
//! | `query` | terms to hits: [`QueryRequest`], [`QueryReply`] |
//! | `moments` | which neighbouring points make a moment (CONTRACTS.md section 6) |
//! | `reembed` | a collection to another bundle: [`ReembedPlan`], [`ReembedEvent`] |
//! | `ingest` | items from a network: [`IngestItem`], [`ItemOutcome`] |
//! | `captions` | images, videos and audio to words, videos to storyboards, captions as data: [`CaptionRequest`], [`CaptionEvent`] |
//! | `encode`, `vectors` | parts to points; sums and means |
//! | `copies` | media bytes kept below the data folder |
//! | `server_file` | `server.json`: which process serves a data folder |

mod calls;
mod captions;
mod config;
mod copies;
mod data_folder;
mod encode;
mod engine;
mod error;
mod index;
mod ingest;
mod moments;
mod query;
mod reembed;
mod retry;
mod seams;
mod server_file;
mod upkeep;
mod vectors;
mod warning;

pub use calls::{DeleteOutcome, DeleteSelector, EngineStats, Failure, MediaFile};
pub use captions::{
    CaptionCounts, CaptionEvent, CaptionInput, CaptionOutcome, CaptionPace, CaptionParts, CaptionRequest,
    Captions, CaptionsMade, CaptionsSummary, PartCaption, SummaryLength,
};
pub use config::{DEFAULT_COLLECTION, EngineConfig};
pub use encode::input_of;
pub use engine::{Engine, EngineParts, SpaceMismatch};
pub use error::{EngineError, MetadataProblem};
pub use index::{AssetState, Found, IndexEvent, IndexRequest, IndexSummary, MetaTable, find};
pub use ingest::{IngestContent, IngestItem, IngestPart, ItemOutcome};
pub use query::{
    DEFAULT_LIMIT, Explain, ExplainedHit, ExplainedSearch, ExplainedStep, Fusion, Hit, LOG_PROB_AS_COSINE,
    QueryReply, QueryRequest, Term, TermInput, WEAK_SCORE,
};
pub use reembed::{
    Losses, ReembedEvent, ReembedPlan, ReembedState, ReembedSummary, Substitute, WithoutMedia,
};
pub use retry::RetryPlan;
pub use seams::{Captioned, Decode, Encode, OnPart, Pending, decoding_workers, encoder_spec};
pub use server_file::{Served, ServerInfo, remove_server_info, running_server, served, write_server_info};

/// How captions are made, and what they are.
pub use sensorium_embed::{
    Caption, CaptionEnd, CaptionOptions, CaptionToken, DEFAULT_LENGTH_PENALTY, Strategy,
};
/// Stops a run when told to.
pub use sensorium_media::Cancel;
/// What the holder of a data folder may do, and what opens one.
pub use sensorium_store::{Access, Storage};
