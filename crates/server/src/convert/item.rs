//! Items that come in.

use sensorium_api::convert::{asset_id, failure_of_error, payload, track, vector};
use sensorium_api::{ConvertError, Fault, v1};
use sensorium_types::{IngestContent, IngestItem, IngestPart, ItemOutcome};

use super::query::{self, Media};
use crate::uploads::Uploads;

/// Most parts of an item.
const MAX_PARTS: usize = 256;

/// Reads an item.
pub(crate) fn item(message: v1::IngestItem, uploads: &Uploads) -> Result<IngestItem, ConvertError> {
    let media = message.media_policy()?;
    let v1::IngestItem { sequence: _, asset_id: id, parts, fuse, payload: fields, media: _ } = message;
    if parts.len() > MAX_PARTS {
        return Err(ConvertError::TooMany { field: "item.parts", limit: MAX_PARTS, received: parts.len() });
    }
    let metadata = payload(fields)?;
    metadata.check_user()?;
    Ok(IngestItem {
        id: if id.is_empty() { None } else { Some(asset_id("item.asset_id", &id)?) },
        parts: parts.into_iter().map(|message| part(message, uploads)).collect::<Result<_, _>>()?,
        fuse: fuse.into_iter().collect(),
        metadata,
        media,
    })
}

fn part(message: v1::IngestPart, uploads: &Uploads) -> Result<IngestPart, ConvertError> {
    use v1::ingest_part::Content;
    let v1::IngestPart { name, content } = message;
    let content = match content.ok_or(ConvertError::Missing { field: "item.parts.content" })? {
        Content::Text(text) => IngestContent::Text(text),
        Content::Image(media) | Content::Audio(media) | Content::Video(media) | Content::Media(media) => {
            match query::media(media, uploads)? {
                Media::Bytes(bytes) => IngestContent::Media(bytes),
                Media::File(file) => IngestContent::File(file),
            }
        }
        Content::Vector(v1::VectorPart { vector: values, track: number }) => {
            let values = values.ok_or(ConvertError::Missing { field: "item.parts.vector.vector" })?;
            let track = track(number)?.ok_or(ConvertError::Missing { field: "item.parts.vector.track" })?;
            IngestContent::Vector(vector(values)?, track)
        }
    };
    Ok(IngestPart { name, content })
}

/// The result of an item that the engine took, at this change of the collection.
pub(crate) fn item_result(sequence: u64, outcome: &ItemOutcome, change: u64) -> v1::IngestItemResult {
    let ItemOutcome { asset, modality, points, state, failure } = outcome;
    v1::IngestItemResult {
        sequence,
        asset_id: asset.as_ref().map(ToString::to_string).unwrap_or_default(),
        modality: modality.map_or(v1::Modality::Unspecified, v1::Modality::from).into(),
        points: *points,
        state: v1::ItemState::from(*state).into(),
        failure: failure.as_ref().map(v1::Failure::from),
        change,
    }
}

/// The result of an item that was refused.
pub(crate) fn failed_item(sequence: u64, asset_id: String, fault: Fault) -> v1::IngestItemResult {
    v1::IngestItemResult {
        sequence,
        asset_id,
        modality: v1::Modality::Unspecified.into(),
        points: 0,
        state: v1::ItemState::Failed.into(),
        failure: Some(failure_of_error(fault.kind, fault.message)),
        change: 0,
    }
}
