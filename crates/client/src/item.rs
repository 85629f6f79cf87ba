//! Items and what became of them.

use sensorium_api::convert::{asset_id, modality, payload_fields};
use sensorium_api::{ConvertError, v1};
use sensorium_types::{AssetId, ErrorKind, FailureReason, MediaPolicy, Modality, Payload, Track};

use crate::query::media;

/// What a part is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum IngestContent {
    /// A text.
    Text(String),
    /// The bytes of a file of any modality.
    Media(Vec<u8>),
    /// A vector of the space, as a point of this track.
    Vector(Vec<f32>, Track),
}

/// One part of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestPart {
    /// Its name, by which `fuse` speaks of it.
    pub name: String,
    /// What it is made of.
    pub content: IngestContent,
}

/// One asset to be.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestItem {
    /// Its name; `None`: the hash of its content.
    pub id: Option<AssetId>,
    /// Its parts, at least one.
    pub parts: Vec<IngestPart>,
    /// Parts and weights of one more point, the normalized sum; empty for no such point.
    pub fuse: Vec<(String, f32)>,
    /// The user's own fields.
    pub metadata: Payload,
    /// What becomes of the bytes: `Copy` or `None`.
    pub media: MediaPolicy,
}

impl IngestItem {
    /// An item of one part, the bytes of a file, kept as a copy and named by its content.
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        let part = IngestPart { name: String::new(), content: IngestContent::Media(bytes) };
        Self {
            id: None,
            parts: vec![part],
            fuse: Vec::new(),
            metadata: Payload::new(),
            media: MediaPolicy::Copy,
        }
    }

    /// The message; its sequence is set when it is sent.
    pub(crate) fn into_message(self) -> v1::IngestItem {
        let Self { id, parts, fuse, metadata, media } = self;
        v1::IngestItem {
            sequence: 0,
            asset_id: id.map(|id| id.to_string()).unwrap_or_default(),
            parts: parts.into_iter().map(v1::IngestPart::from).collect(),
            fuse: fuse.into_iter().collect(),
            payload: payload_fields(&metadata),
            media: v1::MediaPolicy::from(media).into(),
        }
    }
}

impl From<IngestPart> for v1::IngestPart {
    fn from(part: IngestPart) -> Self {
        use v1::ingest_part::Content;
        let content = match part.content {
            IngestContent::Text(text) => Content::Text(text),
            IngestContent::Media(bytes) => Content::Media(media(bytes)),
            IngestContent::Vector(values, track) => Content::Vector(v1::VectorPart {
                vector: Some(v1::Vector { values }),
                track: v1::Track::from(track).into(),
            }),
        };
        Self { name: part.name, content: Some(content) }
    }
}

/// What became of an item or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemState {
    /// It, or its metadata, was written.
    Indexed,
    /// It was there already.
    Unchanged,
    /// It was not written.
    Failed,
    /// Its source was taken away.
    Pruned,
}

impl ItemState {
    /// The lower-case name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Indexed => "indexed",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::Pruned => "pruned",
        }
    }

    pub(crate) fn read(received: i32) -> Result<Self, ConvertError> {
        match v1::ItemState::try_from(received) {
            Ok(v1::ItemState::Indexed) => Ok(Self::Indexed),
            Ok(v1::ItemState::Unchanged) => Ok(Self::Unchanged),
            Ok(v1::ItemState::Failed) => Ok(Self::Failed),
            Ok(v1::ItemState::Pruned) => Ok(Self::Pruned),
            Ok(v1::ItemState::Unspecified) | Err(_) => {
                Err(ConvertError::UnknownEnum { field: "state", received })
            }
        }
    }
}

/// Why an item or a file failed, or what is doubtful about one that was indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFailure {
    /// Why its bytes cannot be used; `None` if they are not the cause.
    pub reason: Option<FailureReason>,
    /// What kind of error it is, where the bytes are not the cause.
    pub error: Option<ErrorKind>,
    /// A sentence for people.
    pub message: String,
    /// Whether the same bytes may succeed later.
    pub retryable: bool,
}

impl From<v1::Failure> for ItemFailure {
    fn from(message: v1::Failure) -> Self {
        Self {
            reason: message.media_reason(),
            error: message.error_kind(),
            retryable: message.retryable,
            message: message.message,
        }
    }
}

/// What became of an item; told after the commit that makes it true.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestOutcome {
    /// Which item of the stream it was, from 0.
    pub index: u64,
    /// The asset; `None` where it failed before it had a name.
    pub asset: Option<AssetId>,
    /// What it is.
    pub modality: Option<Modality>,
    /// Points newly written: 0 for a known hash.
    pub points: u64,
    /// What became of it.
    pub state: ItemState,
    /// Why it failed; of one that was indexed, what is doubtful about it.
    pub failure: Option<ItemFailure>,
}

impl IngestOutcome {
    pub(crate) fn read(index: u64, message: v1::IngestItemResult) -> Result<Self, ConvertError> {
        let v1::IngestItemResult { sequence: _, asset_id: id, modality: number, points, state, failure } =
            message;
        Ok(Self {
            index,
            asset: optional_id(&id)?,
            modality: optional_modality(number)?,
            points,
            state: ItemState::read(state)?,
            failure: failure.map(ItemFailure::from),
        })
    }
}

pub(crate) fn optional_id(id: &str) -> Result<Option<AssetId>, ConvertError> {
    if id.is_empty() { Ok(None) } else { asset_id("asset_id", id).map(Some) }
}

pub(crate) fn optional_modality(number: i32) -> Result<Option<Modality>, ConvertError> {
    if number == i32::from(v1::Modality::Unspecified) { Ok(None) } else { modality(number).map(Some) }
}
