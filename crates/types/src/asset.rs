//! Stored assets as readers get them, and what is asked to delete some.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::{AssetId, ContentHash, Filter, MediaPolicy, Modality, Payload, PointInfo, StoredAsset};

/// A stored asset with its points.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// Its name.
    pub id: AssetId,
    /// The hash of its bytes, where it came from bytes.
    pub hash: Option<ContentHash>,
    /// What it is.
    pub modality: Modality,
    /// Its fields: facts under the user's own.
    pub payload: Payload,
    /// Its points in order of track and ordinal.
    pub points: Vec<PointInfo>,
    /// Their vectors in the same order, if they were asked for (else empty).
    pub vectors: Vec<Vec<f32>>,
    /// Paths of its sources, in order of writing.
    pub paths: Vec<PathBuf>,
    /// What became of its bytes.
    pub media: MediaPolicy,
    /// The bundle that made its vectors.
    pub space_revision: String,
}

impl From<StoredAsset> for Asset {
    fn from(stored: StoredAsset) -> Self {
        let StoredAsset { record, points, vectors, paths } = stored;
        Self {
            payload: record.payload(),
            id: record.id,
            hash: record.hash,
            modality: record.modality,
            points,
            vectors,
            paths: paths.iter().map(|path| path_of(path)).collect(),
            media: record.media,
            space_revision: record.space_revision,
        }
    }
}

/// A stored path: the raw bytes of the platform.
pub fn path_of(bytes: &[u8]) -> PathBuf {
    Path::new(OsStr::from_bytes(bytes)).to_path_buf()
}

/// Which assets are deleted, or given other fields.
#[derive(Debug, Clone, PartialEq)]
pub enum DeleteSelector {
    /// These.
    Ids(Vec<AssetId>),
    /// All that meet this.
    Filter(Filter),
}

/// What a change of fields did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldsOutcome {
    /// Assets that are other than before; those that had it so already are not counted.
    pub changed: u64,
    /// Assets named that are not there.
    pub missing: Vec<AssetId>,
}

/// What a delete did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeleteOutcome {
    /// Assets that went.
    pub deleted: Vec<AssetId>,
    /// Assets named that were not there.
    pub missing: Vec<AssetId>,
}
