//! Items that come in as bytes.

use std::sync::Arc;

use crate::{AssetId, MediaPolicy, Payload, Track};

/// What a part is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum IngestContent {
    /// A text.
    Text(String),
    /// The bytes of a file of any modality.
    Media(Arc<[u8]>),
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
