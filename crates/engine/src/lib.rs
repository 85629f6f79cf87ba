//! Sensorium without a network: ingest, query and moments.
//!
//! [`Engine`] joins `media` (bytes to pixels, audio and passages), `embed` (those to vectors) and a
//! [`Store`](sensorium_store::Store) (vectors to disk and back). Each is met through a trait, [`Decode`], [`Encode`]
//! and `Store`, so that tests run without models and other stores can stand in. What the engine is asked and what it answers are
//! types of `sensorium_types`, as they are a client's.
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
//! | `calls`, `term`, `upkeep` | the calls of [`Engine`] |
//! | `data_folder` | the files of a data folder by which others know it |
//! | `seams` | [`Decode`] and [`Encode`], and their real implementations |
//! | `index` | a folder to assets: [`Engine::index`] |
//! | `query` | terms to hits: [`Engine::query`] |
//! | `moments` | which neighbouring points make a moment (CONTRACTS.md section 6) |
//! | `reembed` | a collection to another bundle: [`Reembedding`] |
//! | `ingest` | items from a network: [`Engine::ingest`] |
//! | `captions` | images, videos and audio to words, videos to storyboards, captions as data: [`Captions`] |
//! | `encode`, `vectors` | parts to points; sums and means |
//! | [`export`] | moments as files for editors, players and tables |
//! | `fields`, `upsert` | fields given to stored assets and taken from them; assets of ready vectors |
//! | `embedding`, `peaks` | media as vectors, sounds as waveforms, nothing stored |
//! | `media` | the bytes of stored assets |
//! | `watch` | standing queries: [`Engine::watch`] |
//! | `models` | the models of a data folder: [`Models`] |
//! | `figures`, `stages` | what is counted, and how long ingest takes |
//! | `copies` | media bytes kept below the data folder |
//! | `replace` | files that are never there in part |
//! | `server_file` | `server.json`: which process serves a data folder |

mod blocking;
mod calls;
mod captions;
mod config;
mod copies;
mod data_folder;
mod embedding;
mod encode;
mod engine;
mod error;
pub mod export;
mod fields;
mod figures;
mod index;
mod ingest;
mod media;
mod models;
mod moments;
mod peaks;
mod query;
mod reembed;
mod replace;
mod retry;
mod seams;
mod server_file;
mod stages;
mod term;
mod upkeep;
mod upsert;
mod vectors;
mod warning;
mod watch;
mod writing;

pub use captions::{CaptionOutcome, CaptionPace, Captions, CaptionsMade, CaptionsSummary};
pub use config::{DEFAULT_COLLECTION, EngineConfig, FindBundle};
pub use encode::input_of;
pub use engine::{Engine, EngineParts, SpaceMismatch, stored_space};
pub use error::{EngineError, MetadataProblem};
pub use index::{Found, MetaTable, find};
pub use media::{MediaFile, OpenMedia};
pub use models::{
    AddModel, AddedModel, BUILT_IN, BuiltIn, FetchedModel, JoinModel, JoinedModel, ListedModel, Models,
    ModelsError, READY, Ranks, ReadyModel, accepted_licence, ready,
};
pub use peaks::Peaks;
pub use query::LOG_PROB_AS_COSINE;
pub use reembed::Reembedding;
pub use replace::{FOR_ALL, OWNER_ONLY, replace_file};
pub use retry::{RetryPlan, RetryRun};
pub use seams::{Captioned, Decode, Encode, OnPart, Pending, decoding_workers, encoder_spec};
pub use sensorium_types::{
    Losses, ReembedEvent, ReembedPlan, ReembedState, ReembedSummary, Substitute, WithoutMedia,
};
pub use server_file::{Served, ServerInfo, remove_server_info, running_server, served, write_server_info};
pub use vectors::{asking_vector, mean as mean_vector};

pub use watch::Watch;

/// Stops a run when told to.
pub use sensorium_media::Cancel;
/// What the holder of a data folder may do, and what opens one.
pub use sensorium_store::{Access, Storage};
