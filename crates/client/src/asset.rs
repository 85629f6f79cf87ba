//! Stored assets.

use std::path::PathBuf;

use sensorium_api::convert::{asset_id, modality, payload};
use sensorium_api::{ConvertError, v1};
use sensorium_types::{AssetId, ContentHash, MediaPolicy, Modality, Payload, PointInfo};

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

impl TryFrom<v1::Asset> for Asset {
    type Error = ConvertError;

    fn try_from(message: v1::Asset) -> Result<Self, ConvertError> {
        let v1::Asset {
            asset_id: id,
            modality: modality_number,
            content_hash,
            payload: fields,
            points,
            paths,
            media,
            space_revision,
        } = message;
        let unknown = ConvertError::UnknownEnum { field: "media", received: media };
        let bad_hash = |source| ConvertError::Id { field: "content_hash", source };
        let infos = points.iter().map(PointInfo::try_from).collect::<Result<_, _>>()?;
        Ok(Self {
            id: asset_id("asset_id", &id)?,
            hash: match content_hash.as_str() {
                "" => None,
                hex => Some(hex.parse().map_err(bad_hash)?),
            },
            modality: modality(modality_number)?,
            payload: payload(fields)?,
            points: infos,
            vectors: points
                .into_iter()
                .filter_map(|point| point.vector)
                .map(|vector| vector.values)
                .collect(),
            paths: paths.into_iter().map(PathBuf::from).collect(),
            media: v1::MediaPolicy::try_from(media).map_err(|_| unknown)?.try_into()?,
            space_revision,
        })
    }
}
