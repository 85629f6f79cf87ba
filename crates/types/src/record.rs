//! What a store keeps: assets with their points, and the sources that point at assets.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AssetId, ContentHash, FailureReason, Modality, Payload, Span, Track};

/// One vector of an asset, with where it lies in the asset.
#[derive(Debug, Clone, PartialEq)]
pub struct PointRecord {
    /// The track of the asset.
    pub track: Track,
    /// The place in the track, from 0.
    pub ordinal: u32,
    /// The part of the asset that the point covers; `None` for a whole image.
    pub span: Option<Span>,
    /// The vector, of L2 norm 1 and of the collection's dimension.
    pub vector: Vec<f32>,
    /// A JPEG that shows the point.
    pub thumb: Option<Vec<u8>>,
}

/// A point without its vector and thumbnail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointInfo {
    /// The track of the asset.
    pub track: Track,
    /// The place in the track, from 0.
    pub ordinal: u32,
    /// The part of the asset that the point covers.
    pub span: Option<Span>,
}

/// What becomes of an asset's bytes (CONTRACTS.md section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaPolicy {
    /// The bytes stay where they are; the path is kept.
    Reference,
    /// The bytes are copied below the data folder.
    Copy,
    /// The bytes are not kept.
    None,
}

/// An asset without its points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetRecord {
    /// Its name.
    pub id: AssetId,
    /// The hash of its bytes, where it came from bytes.
    pub hash: Option<ContentHash>,
    /// What it is.
    pub modality: Modality,
    /// The revision of the bundle that made its vectors.
    pub space_revision: String,
    /// Fields found in the file (CONTRACTS.md section 4).
    pub facts: Payload,
    /// Fields that the user gave; they win over facts of the same name.
    pub metadata: Payload,
    /// What became of its bytes.
    pub media: MediaPolicy,
    /// Whether the asset lives only while a source does (it came from a folder).
    pub from_source: bool,
}

impl AssetRecord {
    /// The payload as filters and readers see it: facts under the user's own fields.
    pub fn payload(&self) -> Payload {
        let mut payload = self.facts.clone();
        payload.merge(self.metadata.clone());
        payload
    }
}

/// The name of a source: the root that was indexed and the path found below it, as raw bytes of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceKey {
    /// The absolute path given to `index`.
    pub root: Vec<u8>,
    /// The absolute path of the file, as walked.
    pub path: Vec<u8>,
}

/// Where a source stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceState {
    /// Its asset is in the collection.
    Indexed {
        /// The asset.
        asset: AssetId,
    },
    /// It was not indexed.
    Failed {
        /// Why.
        reason: FailureReason,
        /// How many runs have tried it.
        tries: u32,
        /// The user's own fields, which wait for the file to be indexed.
        metadata: Payload,
    },
}

impl SourceState {
    /// A failure without fields of the user.
    pub fn failed(reason: FailureReason, tries: u32) -> Self {
        Self::Failed { reason, tries, metadata: Payload::new() }
    }

    /// The asset that the source points at.
    pub const fn asset(&self) -> Option<&AssetId> {
        match self {
            Self::Indexed { asset } => Some(asset),
            Self::Failed { .. } => None,
        }
    }
}

/// A file that was met under a root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRow {
    /// Size in bytes when it was read.
    pub bytes: u64,
    /// Modification time in nanoseconds since 1970. 64 bits would end in 2262.
    pub mtime_ns: i128,
    /// Where it stands.
    pub state: SourceState,
}

/// One change of a collection. Each is atomic: all of it is there after a crash, or nothing.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "upserts, the large variant, are nearly all changes")]
pub enum Change {
    /// Writes an asset and all its points, replacing an asset of that id, together with the source it came from.
    Upsert {
        /// The asset.
        asset: AssetRecord,
        /// Its points, at least one; none only where its space revision is not the collection's.
        points: Vec<PointRecord>,
        /// The source, if it came from a file.
        source: Option<(SourceKey, SourceRow)>,
    },
    /// Writes a source row (a known asset under a new path, a touched file, a failure). If the row pointed at another
    /// asset before and was its last source, that asset goes.
    PutSource {
        /// The source.
        key: SourceKey,
        /// Its row.
        row: SourceRow,
    },
    /// Takes source rows away; assets from files go with their last source.
    RemoveSources {
        /// The sources.
        keys: Vec<SourceKey>,
    },
    /// Merges user metadata into an asset; the new values win.
    MergeMetadata {
        /// The asset.
        asset: AssetId,
        /// The fields.
        metadata: Payload,
    },
    /// Takes fields out of an asset's user metadata. Facts of the same names, which they hid, show again.
    DropMetadata {
        /// The asset.
        asset: AssetId,
        /// Names of the fields.
        fields: Vec<String>,
    },
    /// Writes captions of an asset over those it has: the fact [`CAPTIONS_FIELD`](crate::CAPTIONS_FIELD), and the points
    /// of [`Track::Caption`]. Nothing is found if there is no such asset, or its bytes are others by now.
    PutCaptions {
        /// The asset.
        asset: AssetId,
        /// The hash of the bytes that were put into words.
        hash: Option<ContentHash>,
        /// The fact.
        captions: Value,
        /// The points, all of [`Track::Caption`]; perhaps none.
        points: Vec<PointRecord>,
    },
    /// Says whether the collection keeps captions.
    KeepCaptions {
        /// Whether it does.
        wanted: bool,
    },
    /// Deletes an asset with its points and source rows.
    Delete {
        /// The asset.
        asset: AssetId,
    },
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// Points written.
    pub points_written: usize,
    /// Assets that went.
    pub assets_removed: Vec<AssetId>,
    /// Whether the change found what it names (`false`: delete or merge of an unknown asset).
    pub found: bool,
}
