//! Stored assets, from messages.

use std::path::PathBuf;

use sensorium_api::convert::{asset_id, modality, payload};
use sensorium_api::{ConvertError, v1};
use sensorium_types::{Asset, PointInfo};

/// Reads a stored asset.
pub(crate) fn asset(message: v1::Asset) -> Result<Asset, ConvertError> {
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
    Ok(Asset {
        id: asset_id("asset_id", &id)?,
        hash: match content_hash.as_str() {
            "" => None,
            hex => Some(hex.parse().map_err(bad_hash)?),
        },
        modality: modality(modality_number)?,
        payload: payload(fields)?,
        points: infos,
        vectors: points.into_iter().filter_map(|point| point.vector).map(|vector| vector.values).collect(),
        paths: paths.into_iter().map(PathBuf::from).collect(),
        media: v1::MediaPolicy::try_from(media).map_err(|_| unknown)?.try_into()?,
        space_revision,
    })
}
