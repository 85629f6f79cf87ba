//! Assets of ready vectors, and vectors made for a caller.

use sensorium_api::convert::{asset_id, modality, payload, vector};
use sensorium_api::{ConvertError, v1};
use sensorium_types::{Curve, CurvePoint, Embedding, PointInfo, ReadyAsset, TermInput};

use super::query::media_term;
use crate::uploads::Uploads;

/// Most assets of an upsert.
const MAX_ASSETS: usize = 1000;
/// Most points of one of them.
const MAX_POINTS: usize = 10_000;
/// Most inputs of a call that encodes.
const MAX_INPUTS: usize = 64;

/// Reads the assets of an upsert.
pub(crate) fn ready_assets(assets: Vec<v1::UpsertAsset>) -> Result<Vec<ReadyAsset>, ConvertError> {
    if assets.is_empty() {
        return Err(ConvertError::Missing { field: "assets" });
    }
    if assets.len() > MAX_ASSETS {
        let (limit, received) = (MAX_ASSETS, assets.len());
        return Err(ConvertError::TooMany { field: "assets", limit, received });
    }
    assets.into_iter().map(ready_asset).collect()
}

fn ready_asset(message: v1::UpsertAsset) -> Result<ReadyAsset, ConvertError> {
    let v1::UpsertAsset { asset_id: id, modality: number, points, payload: fields } = message;
    if points.len() > MAX_POINTS {
        let (limit, received) = (MAX_POINTS, points.len());
        return Err(ConvertError::TooMany { field: "assets.points", limit, received });
    }
    let metadata = payload(fields)?;
    metadata.check_user()?;
    let is_named = number != i32::from(v1::Modality::Unspecified);
    Ok(ReadyAsset {
        id: asset_id("assets.asset_id", &id)?,
        modality: is_named.then(|| modality(number)).transpose()?,
        points: points.into_iter().map(ready_point).collect::<Result<_, _>>()?,
        metadata,
    })
}

fn ready_point(mut message: v1::Point) -> Result<(PointInfo, Vec<f32>), ConvertError> {
    let values = message.vector.take().ok_or(ConvertError::Missing { field: "assets.points.vector" })?;
    Ok((PointInfo::try_from(&message)?, vector(values)?))
}

/// Reads what is to be encoded.
pub(crate) fn embed_inputs(
    inputs: Vec<v1::EmbedInput>,
    uploads: &Uploads,
) -> Result<Vec<TermInput>, ConvertError> {
    use v1::embed_input::Input;
    if inputs.is_empty() {
        return Err(ConvertError::Missing { field: "inputs" });
    }
    if inputs.len() > MAX_INPUTS {
        let (limit, received) = (MAX_INPUTS, inputs.len());
        return Err(ConvertError::TooMany { field: "inputs", limit, received });
    }
    let read = |message: v1::EmbedInput| match message.input {
        Some(Input::Text(text)) => Ok(TermInput::Text(text)),
        Some(Input::Image(media) | Input::Audio(media) | Input::Video(media) | Input::Media(media)) => {
            media_term(media, uploads)
        }
        None => Err(ConvertError::Missing { field: "inputs.input" }),
    };
    inputs.into_iter().map(read).collect()
}

/// One input as vectors.
pub(crate) fn embedding(embedding: Embedding) -> v1::Embedding {
    let Embedding { modality, points } = embedding;
    let point = |(point, values): (PointInfo, Vec<f32>)| v1::Point {
        vector: Some(v1::Vector { values }),
        ..v1::Point::from(&point)
    };
    v1::Embedding {
        modality: v1::Modality::from(modality).into(),
        points: points.into_iter().map(point).collect(),
    }
}

/// The score of a query all along an asset.
pub(crate) fn score_asset_response(curve: &Curve) -> v1::ScoreAssetResponse {
    let point = |scored: &CurvePoint| v1::ScoredPoint {
        point: Some((&scored.point).into()),
        cosine: scored.cosine,
        score: scored.score,
    };
    v1::ScoreAssetResponse {
        points: curve.points.iter().map(point).collect(),
        moments: curve.moments.iter().map(v1::Moment::from).collect(),
    }
}
