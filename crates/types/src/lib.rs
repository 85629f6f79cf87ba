//! Words that every part of Sensorium shares: ids, modalities, payloads, filters, scores, spans and limits.
//!
//! No I/O, no threads, no async. An engine and a client are asked, and answer, in these same types; messages of the network
//! are made of them in `server` and `client`. Each file holds one idea:
//!
//! | file | holds |
//! | --- | --- |
//! | `modality.rs` | [`Modality`], [`Track`], [`Content`] |
//! | `language.rs` | [`Language`] |
//! | `id.rs` | [`AssetId`], [`ContentHash`], [`PointKey`], [`PointUuid`] |
//! | `span.rs` | [`Span`], [`Moment`] |
//! | `payload.rs` | [`Payload`] and its limits |
//! | `number.rs` | numbers that are exact to 64 bits: [`read_number`], [`compare_numbers`] |
//! | `text.rs` | when texts are the same or blank, and how they are shown: [`nfc`], [`is_blank`], [`printable`] |
//! | `geo.rs` | [`GeoPoint`]s and [`Area`]s of the Earth |
//! | `filter/` | [`Filter`], its grammar and its meaning; [`Period`] |
//! | `score.rs` | [`Calibration`], [`CalibrationTable`] |
//! | `hubs.rs` | the hub correction: [`HubValues`] of points, [`HubWeights`] of queries, [`HubBank`] |
//! | `reason.rs` | [`FailureReason`]: why a file was not indexed |
//! | `record.rs` | what a store keeps: [`AssetRecord`], [`PointRecord`], [`SourceRow`], [`Change`] |
//! | `search.rs` | what is asked of a store: [`SearchRequest`] of [`SubQuery`]s, [`SearchReply`]; [`Page`], [`Cursor`] |
//! | `query.rs`, `hit.rs`, `explain.rs` | [`QueryRequest`] to [`QueryReply`] of [`Hit`]s, and how it came about: [`Explain`] |
//! | `ingest.rs`, `outcome.rs` | [`IngestItem`] to [`ItemOutcome`] |
//! | `curve.rs` | the score of a query all along one asset: [`CurveRequest`] to [`Curve`]; media as vectors: [`Embedding`] |
//! | `indexing.rs` | a run of `index`: [`IndexRequest`], [`IndexEvent`], [`IndexSummary`]; [`FailedFile`] |
//! | `reembed.rs` | a collection to another bundle: [`ReembedPlan`], [`ReembedEvent`], [`ReembedSummary`] |
//! | `caption.rs` | media in words: [`CaptionRequest`], [`CaptionEvent`]; [`SummaryLength`] |
//! | `asset.rs`, `stats.rs` | what is read: [`Asset`], [`StatsReply`]; [`DeleteSelector`] |
//! | `figures.rs` | what those who work count for those who watch: [`Spread`]s, and readings of them |
//! | `stage.rs` | [`StageTime`]: how long a step of a request took |
//! | `cancel.rs` | [`Cancel`]: what stops work, a flag and a deadline |
//! | `kind.rs` | [`ErrorKind`]: what a caller can do about an error |

mod asset;
mod cancel;
mod caption;
mod curve;
mod explain;
mod figures;
mod filter;
mod geo;
mod hit;
mod hubs;
mod id;
mod indexing;
mod ingest;
mod kind;
mod language;
mod modality;
mod number;
mod outcome;
mod payload;
mod query;
mod reason;
mod record;
mod reembed;
mod score;
mod search;
mod space;
mod span;
mod stage;
mod stats;
mod text;

pub use asset::{Asset, DeleteOutcome, DeleteSelector, FieldsOutcome, path_of};
pub use cancel::{Cancel, CancelOnDrop, Stopped};
pub use caption::{
    Caption, CaptionEvent, CaptionInput, CaptionOptions, CaptionParts, CaptionRequest, CaptionStrategy,
    CaptionToken, PartCaption, SummaryLength,
};
pub use curve::{Curve, CurvePoint, CurveRequest, Embedding};
pub use explain::{Explain, ExplainedHit, ExplainedSearch, Fusion};
pub use figures::{
    CacheFigures, EncoderFigures, EngineFigures, SharedFigures, Spread, SpreadReading, StorageFigures,
    WorkerFigures,
};
pub use filter::{
    Comparison, Filter, FilterError, LOCATION_FIELD, Literal, MAX_FILTER_BYTES, MAX_FILTER_TERMS, Period,
};
pub use geo::{Area, Circle, EARTH_RADIUS_M, GeoBox, GeoError, GeoPoint};
pub use hit::{Hit, QueryReply, WEAK_SCORE};
pub use hubs::{HubBank, HubValues, HubWeights};
pub use id::{AssetId, ContentHash, ContentHasher, IdError, PointKey, PointUuid};
pub use indexing::{FailedFile, FileOutcome, IndexEvent, IndexRequest, IndexSummary};
pub use ingest::{HashedFile, IngestContent, IngestItem, IngestPart, ReadyAsset, ReadyOutcome};
pub use kind::ErrorKind;
pub use language::{Language, UnknownLanguage};
pub use modality::{Content, Modality, Track, UnknownName};
pub use number::{compare_numbers, read_number};
pub use outcome::{ItemFailure, ItemOutcome, ItemState};
pub use payload::{CAPTIONS_FIELD, MAX_USER_METADATA_BYTES, Payload, PayloadError, value_inside};
pub use query::{DEFAULT_LIMIT, QueryRequest, Term, TermInput};
pub use reason::{FailureReason, ReasonKind};
pub use record::{
    Applied, AssetRecord, Change, MediaPolicy, PointInfo, PointRecord, SourceKey, SourceRow, SourceState,
};
pub use reembed::{
    Losses, ReembedEvent, ReembedPlan, ReembedState, ReembedSummary, Substitute, WithoutMedia,
};
pub use score::{Calibration, CalibrationTable};
pub use search::{
    Added, Alias, AliasChange, AssetHit, CollectionStats, CollectionSummary, Cursor, FieldIndex,
    FieldIndexState, FilterFacts, MeasuredRecall, Page, Plan, Problem, ScoredPoint, SearchReply,
    SearchRequest, StoredAsset, SubQuery,
};
pub use space::{SpaceInfo, SpacePart};
pub use span::{Moment, Span};
pub use stage::{StageClock, StageTime, StageTimes};
pub use stats::{CaptionCounts, StatsReply};
pub use text::{compare_text, is_blank, nfc, printable, same_text};
