//! Words that every part of Sensorium shares: ids, modalities, payloads, filters, scores, spans and limits.
//!
//! No I/O, no threads, no async. Each file holds one idea:
//!
//! | file | holds |
//! | --- | --- |
//! | `modality.rs` | [`Modality`], [`Track`], [`Content`] |
//! | `language.rs` | [`Language`] |
//! | `id.rs` | [`AssetId`], [`ContentHash`], [`PointKey`], [`PointUuid`] |
//! | `span.rs` | [`Span`], [`Moment`] |
//! | `payload.rs` | [`Payload`] and its limits |
//! | `filter/` | [`Filter`], its grammar and its meaning |
//! | `score.rs` | [`Calibration`], [`CalibrationTable`] |
//! | `reason.rs` | [`FailureReason`]: why a file was not indexed |
//! | `record.rs` | what a store keeps: [`AssetRecord`], [`PointRecord`], [`SourceRow`], [`Change`] |
//! | `search.rs` | what is asked of a store: [`SearchRequest`], [`SearchReply`], [`Page`] |
//! | `kind.rs` | [`ErrorKind`]: what a caller can do about an error |

mod filter;
mod id;
mod kind;
mod language;
mod modality;
mod payload;
mod reason;
mod record;
mod score;
mod search;
mod span;

pub use filter::{Comparison, Filter, FilterError, Literal};
pub use id::{AssetId, ContentHash, IdError, PointKey, PointUuid};
pub use kind::ErrorKind;
pub use language::{Language, UnknownLanguage};
pub use modality::{Content, Modality, Track, UnknownName};
pub use payload::{CAPTIONS_FIELD, MAX_USER_METADATA_BYTES, Payload, PayloadError};
pub use reason::{FailureReason, ReasonKind};
pub use record::{
    Applied, AssetRecord, Change, MediaPolicy, PointInfo, PointRecord, SourceKey, SourceRow, SourceState,
};
pub use score::{Calibration, CalibrationTable};
pub use search::{
    AssetHit, CollectionStats, Page, Plan, Problem, ScoredPoint, SearchReply, SearchRequest, SpaceInfo,
    StoredAsset,
};
pub use span::{Moment, Span};
