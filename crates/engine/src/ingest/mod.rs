//! Items that arrive as bytes: one item of one or more parts becomes one asset.
//!
//! ```text
//! check ─► hash ─► known? ─► decode each part ─► Encode ─► fused point ─► copies on disk ─► Store::apply
//! ```

mod item;
mod parts;

use std::sync::Arc;

use sensorium_types::{AssetId, FailureReason, MediaPolicy, Modality, Payload, Track};

use crate::AssetState;

pub(crate) use item::{Ingest, Product, product, stored_fuse};

/// Field of an asset's facts with the parts, by number, and weights of its fused point.
pub(crate) const FUSE_FIELD: &str = "_fuse";

/// What a part is made of.
#[derive(Debug, Clone)]
pub enum IngestContent {
    /// A text.
    Text(String),
    /// The bytes of a file of any modality.
    Media(Arc<[u8]>),
    /// A vector of the space, as a point of this track.
    Vector(Vec<f32>, Track),
}

/// One part of an item.
#[derive(Debug, Clone)]
pub struct IngestPart {
    /// Its name, by which `fuse` speaks of it.
    pub name: String,
    /// What it is made of.
    pub content: IngestContent,
}

/// One asset to be.
#[derive(Debug, Clone)]
pub struct IngestItem {
    /// Its name; `None`: the hash of its content.
    pub id: Option<AssetId>,
    /// Its parts, at least one.
    pub parts: Vec<IngestPart>,
    /// Parts and weights of one more point, the normalized sum; empty for no such point.
    pub fuse: Vec<(String, f32)>,
    /// The user's own fields.
    pub metadata: Payload,
    /// What becomes of the bytes.
    pub media: MediaPolicy,
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemOutcome {
    /// The asset; `None` where it failed before it had a name.
    pub asset: Option<AssetId>,
    /// What it is.
    pub modality: Option<Modality>,
    /// Points newly written: 0 for a known hash.
    pub points: u64,
    /// What became of it.
    pub state: AssetState,
    /// Why it failed; of one that was indexed, what is doubtful about it.
    pub reason: Option<FailureReason>,
}
