//! The records, as they lie on disk. Enums of `types` are written as numbers of our own, so that a new variant there
//! never changes old bytes. JSON payloads are written as JSON: postcard cannot carry values of open shape.

use std::borrow::Cow;
use std::collections::HashMap;

use sensorium_types::{
    AssetId, AssetRecord, ContentHash, FailureReason, HubValues, MediaPolicy, Modality, Payload, ReasonKind,
    SourceRow, SourceState, SpaceInfo, Span, same_text,
};
use serde::de::{DeserializeOwned, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::codec;
use crate::error::IndexError;

/// Key of [`StateRow`] in `sys`.
pub(crate) const STATE_KEY: &[u8] = b"state";
/// Key of [`LossRow`] in `sys`.
pub(crate) const LOSS_KEY: &[u8] = b"loss";
/// Key of [`MetaRow`] in `meta`.
pub(crate) const META_KEY: &[u8] = b"collection";
/// Key of [`SegmentsRow`] in `meta`.
pub(crate) const SEGMENTS_KEY: &[u8] = b"segments";
/// Key in `meta` under which earlier programs named their one graph over all contents. It is dropped with its chunks.
pub(crate) const OLD_GRAPH_KEY: &[u8] = b"graph";

/// Key of [`KeepRow`] in `meta`.
pub(crate) const KEEP_KEY: &[u8] = b"keep";

/// A record that lies on disk after a version byte.
pub(crate) trait Row: Serialize + DeserializeOwned {
    /// The version that is written and read. A field table changes only with it.
    const VERSION: u8;

    /// The bytes of the record.
    fn encode(&self) -> Result<Vec<u8>, IndexError> {
        codec::encode(Self::VERSION, self)
    }

    /// The record in these bytes; `Err` says what is wrong.
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        codec::decode(Self::VERSION, bytes)
    }
}

/// `meta/collection`: what the collection is. Version history: 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MetaRow {
    /// Format of the whole collection.
    pub(crate) format: u32,
    /// The collection's name for people.
    pub(crate) name: String,
    /// The space of its vectors.
    pub(crate) space: SpaceInfo,
}

impl Row for MetaRow {
    const VERSION: u8 = 1;
}

/// A sealed segment: which chunks of family `graph` hold its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentRow {
    /// The number of its kind.
    pub(crate) kind: u8,
    /// The generation, also in its chunks' keys.
    pub(crate) generation: u64,
    /// How many chunks it has.
    pub(crate) chunks: u32,
    /// Bytes of all chunks together.
    pub(crate) bytes: u64,
    /// xxh3 of those bytes.
    pub(crate) checksum: u64,
}

/// `meta/segments`: the sealed segments in use. Points that none of them has are in tails. Version history: 1.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SegmentsRow {
    /// The segments.
    pub(crate) segments: Vec<SegmentRow>,
}

impl Row for SegmentsRow {
    const VERSION: u8 = 1;
}

/// `meta/keep`: what the collection keeps beside its vectors; absent where nobody asked. Version history: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct KeepRow {
    /// Captions of images, videos and audio.
    pub(crate) captions: bool,
}

impl Row for KeepRow {
    const VERSION: u8 = 1;
}

/// `meta/hubs/...`: hub values of a point. Version history: 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct HubRow {
    /// The bank that they were made from.
    pub(crate) bank: u64,
    values: [f32; 3],
}

impl Row for HubRow {
    const VERSION: u8 = 1;
}

impl HubRow {
    /// The stored form of values.
    pub(crate) const fn new(bank: u64, values: HubValues) -> Self {
        Self { bank, values: values.0 }
    }

    /// The values.
    pub(crate) const fn values(&self) -> HubValues {
        HubValues(self.values)
    }
}

/// `sys/state`: written with every change. Version history: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct StateRow {
    /// How many changes were ever made.
    pub(crate) operations: u64,
    /// The offset of the next new asset.
    pub(crate) next_asset: u32,
    /// The offset of the next new point.
    pub(crate) next_point: u32,
}

impl Row for StateRow {
    const VERSION: u8 = 1;
}

/// `sys/loss`: changes that were acknowledged and are gone, until `repair` takes note. Version history: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LossRow {
    /// The newest change that is still there.
    pub(crate) kept: u64,
    /// The newest change that was known to be on disk.
    pub(crate) known: u64,
}

impl Row for LossRow {
    const VERSION: u8 = 1;
}

/// A row of `assets`, on disk and in memory: facts and metadata stay JSON until somebody asks for them, which takes a
/// fraction of the room. Version history: 1.
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

    /// The record of a row; `Err` says what is wrong.
    pub(crate) fn record(&self) -> Result<AssetRecord, String> {
        Ok(AssetRecord {
            id: self.id.clone(),
            hash: self.hash(),
            modality: modality_of(self.modality)?,
            space_revision: self.space_revision.to_string(),
            facts: of_json(&self.facts_json)?,
            metadata: of_json(&self.metadata_json)?,
            media: media_of(self.media)?,
            from_source: self.from_source,
        })
    }

    /// The asset's id.
    pub(crate) const fn id(&self) -> &AssetId {
        &self.id
    }

    /// The hash of its bytes.
    pub(crate) fn hash(&self) -> Option<ContentHash> {
        self.hash.map(ContentHash::from_bytes)
    }

    /// What it is.
    pub(crate) fn modality(&self) -> Modality {
        // A row in memory was checked.
        modality_of(self.modality).unwrap_or(Modality::Text)
    }

    /// The revision of the space of its vectors.
    pub(crate) const fn space_revision(&self) -> &str {
        &self.space_revision
    }

    /// Whether it goes with its last source.
    pub(crate) const fn is_from_source(&self) -> bool {
        self.from_source
    }

    /// Whether the user gave it no metadata.
    pub(crate) fn has_no_metadata(&self) -> bool {
        &*self.metadata_json == "{}"
    }

    /// Those of its facts that have one of these names; the others are passed over, not read.
    pub(crate) fn facts_of(&self, names: &[&str]) -> Payload {
        some_of_json(&self.facts_json, names)
    }

    /// Those fields of its metadata that have one of these names.
    pub(crate) fn metadata_of(&self, names: &[&str]) -> Payload {
        some_of_json(&self.metadata_json, names)
    }

    /// Bytes in memory beside the row itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.id.as_str().len() + self.space_revision.len() + self.facts_json.len() + self.metadata_json.len()
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

/// A row of `points`; the key has asset, track and ordinal. Version history: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PointRow {
    /// The point's offset.
    pub(crate) offset: u32,
    span: SpanRow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum SpanRow {
    Whole,
    Time { start_ms: u64, end_ms: u64 },
    Chars { from: u64, to: u64 },
}

impl Row for PointRow {
    const VERSION: u8 = 1;
}

impl PointRow {
    /// The row of a point.
    pub(crate) const fn new(offset: u32, span: Option<Span>) -> Self {
        let span = match span {
            None => SpanRow::Whole,
            Some(Span::Time { start_ms, end_ms }) => SpanRow::Time { start_ms, end_ms },
            Some(Span::Chars { from, to }) => SpanRow::Chars { from, to },
        };
        Self { offset, span }
    }

    /// The part of the asset that the point covers.
    pub(crate) const fn span(&self) -> Option<Span> {
        match self.span {
            SpanRow::Whole => None,
            SpanRow::Time { start_ms, end_ms } => Some(Span::Time { start_ms, end_ms }),
            SpanRow::Chars { from, to } => Some(Span::Chars { from, to }),
        }
    }
}

/// A row of `tomb`: a dead point whose vector is kept, because the graph is walked across it. Version history: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TombRow {
    /// The change that killed it.
    pub(crate) operation: u64,
}

impl Row for TombRow {
    const VERSION: u8 = 1;
}

/// A row of `sources`. Version history: 1, in which times beyond 64 bits of nanoseconds are longer numbers of the same
/// encoding, and states were added at the end: both leave the bytes of older rows as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceValue {
    /// The change that first pointed it at its asset: paths are given in this order.
    pub(crate) order: u64,
    bytes: u64,
    mtime_ns: i128,
    state: StateValue,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum StateValue {
    Indexed {
        asset: AssetId,
    },
    Failed {
        reason: u8,
        detail: String,
        tries: u32,
    },
    /// A failure with fields of the user.
    FailedWithFields {
        reason: u8,
        detail: String,
        tries: u32,
        metadata_json: String,
    },
}

impl Row for SourceValue {
    const VERSION: u8 = 1;
}

impl SourceValue {
    /// The stored form of a row.
    pub(crate) fn new(order: u64, row: &SourceRow) -> Result<Self, IndexError> {
        let state = match &row.state {
            SourceState::Indexed { asset } => StateValue::Indexed { asset: asset.clone() },
            SourceState::Failed { reason, tries, metadata } => {
                let (kind, detail, tries) = (reason_code(reason.kind), reason.detail.clone(), *tries);
                if metadata.is_empty() {
                    StateValue::Failed { reason: kind, detail, tries }
                } else {
                    let metadata_json = to_json(metadata)?;
                    StateValue::FailedWithFields { reason: kind, detail, tries, metadata_json }
                }
            }
        };
        Ok(Self { order, bytes: row.bytes, mtime_ns: row.mtime_ns, state })
    }

    /// The asset that the source points at.
    pub(crate) fn asset(&self) -> Option<&AssetId> {
        match &self.state {
            StateValue::Indexed { asset } => Some(asset),
            StateValue::Failed { .. } | StateValue::FailedWithFields { .. } => None,
        }
    }

    /// Its size in bytes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its modification time.
    pub(crate) const fn mtime_ns(&self) -> i128 {
        self.mtime_ns
    }

    /// The row; `Err` says what is wrong.
    pub(crate) fn into_row(self) -> Result<SourceRow, String> {
        let state = match self.state {
            StateValue::Indexed { asset } => SourceState::Indexed { asset },
            StateValue::Failed { reason, detail, tries } => {
                SourceState::failed(FailureReason::new(reason_of(reason)?, detail), tries)
            }
            StateValue::FailedWithFields { reason, detail, tries, metadata_json } => {
                let reason = FailureReason::new(reason_of(reason)?, detail);
                SourceState::Failed { reason, tries, metadata: of_json(&metadata_json)? }
            }
        };
        Ok(SourceRow { bytes: self.bytes, mtime_ns: self.mtime_ns, state })
    }
}

fn to_json(payload: &Payload) -> Result<String, IndexError> {
    serde_json::to_string(payload)
        .map_err(|error| IndexError::Bug { what: format!("a payload cannot be encoded: {error}") })
}

fn of_json(text: &str) -> Result<Payload, String> {
    serde_json::from_str(text).map_err(|error| format!("the payload is not JSON: {error}"))
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

const fn modality_code(modality: Modality) -> u8 {
    match modality {
        Modality::Text => 0,
        Modality::Image => 1,
        Modality::Video => 2,
        Modality::Audio => 3,
    }
}

fn modality_of(code: u8) -> Result<Modality, String> {
    Modality::ALL
        .into_iter()
        .find(|modality| modality_code(*modality) == code)
        .ok_or_else(|| format!("unknown modality {code}"))
}

const REASONS: [ReasonKind; 8] = [
    ReasonKind::Unsupported,
    ReasonKind::Corrupt,
    ReasonKind::TooLarge,
    ReasonKind::TimedOut,
    ReasonKind::DecoderMissing,
    ReasonKind::Crashed,
    ReasonKind::Moved,
    ReasonKind::Unreadable,
];

const fn reason_code(kind: ReasonKind) -> u8 {
    match kind {
        ReasonKind::Unsupported => 0,
        ReasonKind::Corrupt => 1,
        ReasonKind::TooLarge => 2,
        ReasonKind::TimedOut => 3,
        ReasonKind::DecoderMissing => 4,
        ReasonKind::Crashed => 5,
        ReasonKind::Moved => 6,
        ReasonKind::Unreadable => 7,
    }
}

fn reason_of(code: u8) -> Result<ReasonKind, String> {
    REASONS
        .into_iter()
        .find(|kind| reason_code(*kind) == code)
        .ok_or_else(|| format!("unknown reason {code}"))
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
            assert_eq!((row.check(), row.record()), (Ok(()), Ok(record)));
        }
    }

    #[test]
    fn sources_round_trip() {
        let mut fields = Payload::new();
        fields.set("tags", serde_json::json!(["a", 1]));
        for reason in REASONS {
            for metadata in [Payload::new(), fields.clone()] {
                let state =
                    SourceState::Failed { reason: FailureReason::new(reason, "x"), tries: 2, metadata };
                let row = SourceRow { bytes: 3, mtime_ns: -5, state };
                let bytes = SourceValue::new(9, &row).and_then(|value| value.encode()).expect("encodes");
                let value = SourceValue::decode(&bytes).expect("decodes");
                assert_eq!((value.order, value.asset()), (9, None));
                assert_eq!(value.into_row(), Ok(row));
            }
        }
    }

    #[test]
    fn times_are_written_as_they_were_with_64_bits() {
        let state = || SourceState::failed(FailureReason::new(ReasonKind::Corrupt, "x"), 2);
        let encoded = |mtime_ns| {
            SourceValue::new(9, &SourceRow { bytes: 3, mtime_ns, state: state() })
                .and_then(|value| value.encode())
        };
        for mtime_ns in [0, 1, -1, 1_700_000_000_123_456_789, i64::MIN, i64::MAX] {
            let detail = "x".to_owned();
            let old = (9_u64, 3_u64, mtime_ns, StateValue::Failed { reason: 1, detail, tries: 2 });
            let bytes = encoded(i128::from(mtime_ns)).expect("encodes");
            assert_eq!(bytes, codec::encode(1, &old).expect("encodes"), "{mtime_ns}");
        }
        for year_2300 in [10_413_792_000_000_000_000_i128, -12_000_000_000_000_000_000] {
            let bytes = encoded(year_2300).expect("encodes");
            assert_eq!(SourceValue::decode(&bytes).map(|row| row.mtime_ns()), Ok(year_2300));
        }
    }

    #[test]
    fn rows_from_before_failures_had_fields_are_read() {
        // Version, order, size, time; then the kind of state with its parts.
        let indexed = [1, 9, 3, 10, 0, 3, b'a', b'b', b'c'];
        let failed = [1, 9, 3, 9, 1, 3, 1, b'x', 2];
        let read = |bytes: &[u8]| SourceValue::decode(bytes).and_then(SourceValue::into_row).expect("reads");
        let state = SourceState::Indexed { asset: AssetId::new("abc").expect("valid") };
        assert_eq!(read(&indexed), SourceRow { bytes: 3, mtime_ns: 5, state });
        let state = SourceState::failed(FailureReason::new(ReasonKind::TimedOut, "x"), 2);
        let row = SourceRow { bytes: 3, mtime_ns: -5, state };
        assert_eq!(read(&failed), row);
        let written = SourceValue::new(9, &row).and_then(|value| value.encode()).expect("encodes");
        assert_eq!(written, failed, "what needs no more is written as ever");
    }

    #[test]
    fn spans_round_trip() {
        for span in
            [None, Some(Span::Time { start_ms: 1, end_ms: 2 }), Some(Span::Chars { from: 3, to: u64::MAX })]
        {
            let bytes = PointRow::new(7, span).encode().expect("encodes");
            let row = PointRow::decode(&bytes).expect("decodes");
            assert_eq!((row.offset, row.span()), (7, span));
        }
    }

    #[test]
    fn damaged_rows_are_refused_without_a_panic() {
        let row = SourceRow {
            bytes: 3,
            mtime_ns: 4,
            state: SourceState::Indexed { asset: AssetId::new("abc").expect("valid") },
        };
        let bytes = SourceValue::new(1, &row).and_then(|value| value.encode()).expect("encodes");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let _ = SourceValue::decode(&damaged).and_then(SourceValue::into_row);
            }
            assert!(SourceValue::decode(&bytes[..at]).is_err());
        }
    }
}
