//! [`AssetRow`]: a row of `assets`, on disk, in memory and in the file of assets. Facts and metadata stay JSON until somebody asks for
//! them, which takes a fraction of the room.

use std::borrow::Cow;
use std::collections::HashMap;

use sensorium_types::{AssetId, AssetRecord, ContentHash, MediaPolicy, Modality, Payload, same_text};
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::codec::{self, of_json, to_json};
use super::rows::Row;
use crate::error::IndexError;

/// A row of `assets`. Version history: 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AssetRow {
    id: AssetId,
    hash: Option<[u8; 32]>,
    modality: u8,
    space_revision: Box<str>,
    facts_json: Box<str>,
    metadata_json: Box<str>,
    media: u8,
    from_source: bool,
}

impl Row for AssetRow {
    const VERSION: u8 = 1;
}

impl AssetRow {
    /// The row of a record.
    pub(crate) fn new(record: &AssetRecord) -> Result<Self, IndexError> {
        Ok(Self {
            id: record.id.clone(),
            hash: record.hash.map(|hash| *hash.as_bytes()),
            modality: modality_code(record.modality),
            space_revision: record.space_revision.as_str().into(),
            facts_json: to_json(&record.facts)?.into(),
            metadata_json: to_json(&record.metadata)?.into(),
            media: match record.media {
                MediaPolicy::Reference => 0,
                MediaPolicy::Copy => 1,
                MediaPolicy::None => 2,
            },
            from_source: record.from_source,
        })
    }

    /// The asset's id.
    pub(crate) const fn id(&self) -> &AssetId {
        &self.id
    }

    /// What can be asked of it.
    pub(crate) fn borrowed(&self) -> AssetRowRef<'_> {
        AssetRowRef {
            id: self.id.as_str(),
            hash: self.hash,
            modality: self.modality,
            space_revision: &self.space_revision,
            facts_json: &self.facts_json,
            metadata_json: &self.metadata_json,
            media: self.media,
            from_source: self.from_source,
        }
    }

    /// Whether everything in the row can be read; `Err` says what cannot. A row in memory was checked.
    pub(crate) fn check(&self) -> Result<(), String> {
        modality_of(self.modality)?;
        media_of(self.media)?;
        for json in [&self.facts_json, &self.metadata_json] {
            let fields: Result<HashMap<Cow<'_, str>, IgnoredAny>, _> = serde_json::from_str(json);
            fields.map_err(|error| format!("the payload is not JSON: {error}"))?;
        }
        Ok(())
    }

    /// Bytes in memory beside the row itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.id.as_str().len() + self.space_revision.len() + self.facts_json.len() + self.metadata_json.len()
    }
}

/// A row of `assets` where it lies. Its bytes are those of an [`AssetRow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct AssetRowRef<'a> {
    id: &'a str,
    hash: Option<[u8; 32]>,
    modality: u8,
    space_revision: &'a str,
    facts_json: &'a str,
    metadata_json: &'a str,
    media: u8,
    from_source: bool,
}

impl<'a> AssetRowRef<'a> {
    /// What is asked of a row that cannot be read.
    pub(crate) const EMPTY: Self = Self {
        id: "",
        hash: None,
        modality: 0,
        space_revision: "",
        facts_json: "{}",
        metadata_json: "{}",
        media: 0,
        from_source: false,
    };

    /// The row in these bytes; `Err` says what is wrong.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, String> {
        codec::decode(AssetRow::VERSION, bytes)
    }

    /// The id in these bytes of a row, without a look at the rest.
    pub(crate) fn id_of(bytes: &'a [u8]) -> Option<&'a str> {
        let (_, rest) = bytes.split_first()?;
        postcard::take_from_bytes(rest).ok().map(|(id, _)| id)
    }

    /// The record of a row; `Err` says what is wrong.
    pub(crate) fn record(&self) -> Result<AssetRecord, String> {
        Ok(AssetRecord {
            id: self.asset_id()?,
            hash: self.hash(),
            modality: modality_of(self.modality)?,
            space_revision: self.space_revision.to_owned(),
            facts: of_json(self.facts_json)?,
            metadata: of_json(self.metadata_json)?,
            media: media_of(self.media)?,
            from_source: self.from_source,
        })
    }

    /// The row in memory; `Err` says what is wrong.
    pub(crate) fn to_row(self) -> Result<AssetRow, String> {
        Ok(AssetRow {
            id: self.asset_id()?,
            hash: self.hash,
            modality: self.modality,
            space_revision: self.space_revision.into(),
            facts_json: self.facts_json.into(),
            metadata_json: self.metadata_json.into(),
            media: self.media,
            from_source: self.from_source,
        })
    }

    /// The asset's id as a value of its own; `Err` says what is wrong.
    pub(crate) fn asset_id(&self) -> Result<AssetId, String> {
        AssetId::new(self.id).map_err(|error| error.to_string())
    }

    /// The hash of its bytes.
    pub(crate) fn hash(&self) -> Option<ContentHash> {
        self.hash.map(ContentHash::from_bytes)
    }

    /// What it is.
    pub(crate) fn modality(&self) -> Modality {
        // A row in memory was checked, and one in a file was one in memory.
        modality_of(self.modality).unwrap_or(Modality::Text)
    }

    /// The revision of the space of its vectors.
    pub(crate) const fn space_revision(&self) -> &'a str {
        self.space_revision
    }

    /// Whether it goes with its last source.
    pub(crate) const fn is_from_source(&self) -> bool {
        self.from_source
    }

    /// Whether the user gave it no metadata.
    pub(crate) fn has_no_metadata(&self) -> bool {
        self.metadata_json == "{}"
    }

    /// Those of its facts that have one of these names; the others are passed over, not read.
    pub(crate) fn facts_of(&self, names: &[&str]) -> Payload {
        some_of_json(self.facts_json, names)
    }

    /// Those fields of its metadata that have one of these names.
    pub(crate) fn metadata_of(&self, names: &[&str]) -> Payload {
        some_of_json(self.metadata_json, names)
    }
}

fn media_of(code: u8) -> Result<MediaPolicy, String> {
    match code {
        0 => Ok(MediaPolicy::Reference),
        1 => Ok(MediaPolicy::Copy),
        2 => Ok(MediaPolicy::None),
        other => Err(format!("unknown media policy {other}")),
    }
}

/// The fields of an object that have one of these names, by the rule of [`Payload::field`].
fn some_of_json(text: &str, names: &[&str]) -> Payload {
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Chosen(names)).unwrap_or_else(|error| {
        tracing::error!(%error, "read the fields of an asset");
        Payload::new()
    })
}

/// Reads the fields of an object that have one of these names.
struct Chosen<'a>(&'a [&'a str]);

impl<'de> Visitor<'de> for Chosen<'_> {
    type Value = Payload;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload, A::Error> {
        let mut chosen = Payload::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if self.0.iter().any(|name| same_text(name, &key)) {
                chosen.set(&key, map.next_value::<Value>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(chosen)
    }
}

pub(crate) const fn modality_code(modality: Modality) -> u8 {
    match modality {
        Modality::Text => 0,
        Modality::Image => 1,
        Modality::Video => 2,
        Modality::Audio => 3,
    }
}

pub(crate) fn modality_of(code: u8) -> Result<Modality, String> {
    Modality::ALL
        .into_iter()
        .find(|modality| modality_code(*modality) == code)
        .ok_or_else(|| format!("unknown modality {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_round_trip() {
        let mut facts = Payload::new();
        facts.set("width", 640);
        facts.set("lat", 48.25);
        let mut metadata = Payload::new();
        metadata.set("tags", serde_json::json!(["a", {"b": null}]));
        for (modality, media) in Modality::ALL.into_iter().zip([
            MediaPolicy::Reference,
            MediaPolicy::Copy,
            MediaPolicy::None,
            MediaPolicy::None,
        ]) {
            let record = AssetRecord {
                id: AssetId::new("a b").expect("valid"),
                hash: Some(ContentHash::of(b"x")),
                modality,
                space_revision: "mini@1".to_owned(),
                facts: facts.clone(),
                metadata: metadata.clone(),
                media,
                from_source: true,
            };
            let bytes = AssetRow::new(&record).and_then(|row| row.encode()).expect("encodes");
            let row = AssetRow::decode(&bytes).expect("a row");
            assert_eq!((row.check(), row.borrowed().record()), (Ok(()), Ok(record)));
            let lying = AssetRowRef::decode(&bytes).expect("a row where it lies");
            assert_eq!((lying, AssetRowRef::id_of(&bytes)), (row.borrowed(), Some("a b")));
            assert_eq!(lying.to_row(), Ok(row));
        }
    }
}
