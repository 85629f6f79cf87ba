//! Stored assets.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

use prost::Message;
use sensorium_types::{AssetId, AssetRecord, MediaPolicy, StoredAsset};

use super::payload_fields;
use crate::{ConvertError, v1};

/// An asset id that a field of a request holds.
///
/// # Errors
/// [`ConvertError::Id`] if it breaks the rules.
pub fn asset_id(field: &'static str, id: &str) -> Result<AssetId, ConvertError> {
    AssetId::new(id).map_err(|source| ConvertError::Id { field, source })
}

impl From<StoredAsset> for v1::Asset {
    fn from(stored: StoredAsset) -> Self {
        let StoredAsset { record, points, vectors, paths } = stored;
        let AssetRecord { id, hash, modality, space_revision, mut facts, metadata, media, from_source: _ } =
            record;
        facts.merge(metadata);
        let mut points: Vec<v1::Point> = points.iter().map(v1::Point::from).collect();
        for (point, vector) in points.iter_mut().zip(vectors) {
            point.vector = Some(v1::Vector { values: vector });
        }
        Self {
            asset_id: id.to_string(),
            modality: v1::Modality::from(modality).into(),
            content_hash: hash.map(|hash| hash.to_hex()).unwrap_or_default(),
            payload: payload_fields(facts),
            points,
            paths: paths.iter().map(|path| shown(path)).collect(),
            media: v1::MediaPolicy::from(media).into(),
            space_revision,
        }
    }
}

/// A path as text, with U+FFFD for bytes that are not UTF-8.
fn shown(path: &[u8]) -> String {
    OsString::from_vec(path.to_vec()).to_string_lossy().into_owned()
}

impl v1::MediaInput {
    /// Media by their bytes, which are shared, not copied.
    pub fn of(bytes: Arc<[u8]>) -> Self {
        Self { source: Some(v1::media_input::Source::Data(prost::bytes::Bytes::from_owner(bytes))) }
    }
}

impl v1::IngestItem {
    /// Its size as a message.
    pub fn message_bytes(&self) -> usize {
        self.encoded_len()
    }

    /// What becomes of the item's bytes; what is not said is a copy.
    ///
    /// # Errors
    /// [`ConvertError::UnknownEnum`]
    pub fn media_policy(&self) -> Result<MediaPolicy, ConvertError> {
        let unknown = ConvertError::UnknownEnum { field: "item.media", received: self.media };
        let named = v1::MediaPolicy::try_from(self.media).map_err(|_| unknown)?;
        if named == v1::MediaPolicy::Unspecified { Ok(MediaPolicy::Copy) } else { named.try_into() }
    }
}
