//! Items and what became of them, to and from messages.

use sensorium_api::convert::{asset_id, item_state, modality, payload_fields};
use sensorium_api::{ConvertError, v1};
use sensorium_types::{
    AssetId, FileOutcome, IngestContent, IngestItem, IngestPart, ItemFailure, ItemOutcome, Modality,
};

/// The message of an item; its sequence is set when it is sent.
pub(crate) fn ingest_item(item: IngestItem) -> v1::IngestItem {
    let IngestItem { id, parts, fuse, metadata, media } = item;
    v1::IngestItem {
        sequence: 0,
        asset_id: id.map(|id| id.to_string()).unwrap_or_default(),
        parts: parts.into_iter().map(part).collect(),
        fuse: fuse.into_iter().collect(),
        payload: payload_fields(metadata),
        media: v1::MediaPolicy::from(media).into(),
    }
}

fn part(part: IngestPart) -> v1::IngestPart {
    use v1::ingest_part::Content;
    let content = match part.content {
        IngestContent::Text(text) => Content::Text(text),
        IngestContent::Media(bytes) => Content::Media(v1::MediaInput::of(bytes)),
        // One that cannot be read any more is sent empty, which the server refuses.
        IngestContent::File(file) => {
            Content::Media(v1::MediaInput::of(fs_err::read(file.path).unwrap_or_default().into()))
        }
        IngestContent::Vector(values, track) => Content::Vector(v1::VectorPart {
            vector: Some(v1::Vector { values }),
            track: v1::Track::from(track).into(),
        }),
    };
    v1::IngestPart { name: part.name, content: Some(content) }
}

/// Reads what became of an item.
pub(crate) fn item_outcome(message: v1::IngestItemResult) -> Result<ItemOutcome, ConvertError> {
    let v1::IngestItemResult {
        sequence: _,
        asset_id: id,
        modality: number,
        points,
        state,
        failure,
        change: _,
    } = message;
    Ok(ItemOutcome {
        asset: optional_id(&id)?,
        modality: optional_modality(number)?,
        points,
        state: item_state(state)?,
        failure: failure.map(ItemFailure::from),
    })
}

/// Reads what became of a file that the server itself read.
pub(crate) fn file_outcome(message: v1::IndexedFile) -> Result<FileOutcome, ConvertError> {
    let v1::IndexedFile { path, asset_id, modality, points, state, failure } = message;
    let result = v1::IngestItemResult { sequence: 0, asset_id, modality, points, state, failure, change: 0 };
    Ok(FileOutcome { path: path.into(), outcome: item_outcome(result)? })
}

fn optional_id(id: &str) -> Result<Option<AssetId>, ConvertError> {
    if id.is_empty() { Ok(None) } else { asset_id("asset_id", id).map(Some) }
}

fn optional_modality(number: i32) -> Result<Option<Modality>, ConvertError> {
    if number == i32::from(v1::Modality::Unspecified) { Ok(None) } else { modality(number).map(Some) }
}
