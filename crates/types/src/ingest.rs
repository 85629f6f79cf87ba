//! Items that come in as bytes.

use std::path::PathBuf;
use std::sync::Arc;

use crate::{AssetId, ContentHash, MediaPolicy, Modality, Payload, PointInfo, Track};

/// What a part is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum IngestContent {
    /// A text.
    Text(String),
    /// The bytes of a file of any modality.
    Media(Arc<[u8]>),
    /// Such a file on the machine of the engine.
    File(HashedFile),
    /// A vector of the space, as a point of this track.
    Vector(Vec<f32>, Track),
}

/// A file whose content is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedFile {
    /// Where it is.
    pub path: PathBuf,
    /// The hash of its bytes.
    pub hash: ContentHash,
    /// How many there are.
    pub bytes: u64,
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
    /// What becomes of the bytes: [`MediaPolicy::Copy`] or [`MediaPolicy::None`].
    pub media: MediaPolicy,
}

impl IngestItem {
    /// An item of one part, the bytes of a file, kept as a copy and named by its content.
    pub fn of_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let part = IngestPart { name: String::new(), content: IngestContent::Media(bytes.into()) };
        Self {
            id: None,
            parts: vec![part],
            fuse: Vec::new(),
            metadata: Payload::new(),
            media: MediaPolicy::Copy,
        }
    }
}

/// An asset of vectors that were made elsewhere, without bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadyAsset {
    /// Its name. An asset of this name is replaced.
    pub id: AssetId,
    /// What it is; `None`: what the track of its first point is of.
    pub modality: Option<Modality>,
    /// Its points with their vectors, at least one. Vectors are brought to length 1.
    pub points: Vec<(PointInfo, Vec<f32>)>,
    /// The user's own fields.
    pub metadata: Payload,
}

/// What writing such assets did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadyOutcome {
    /// Assets written.
    pub assets: u64,
    /// Points written.
    pub points: u64,
}
