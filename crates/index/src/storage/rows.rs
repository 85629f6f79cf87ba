//! The records, as they lie on disk. Enums of `types` are written as numbers of our own, so that a new variant there
//! never changes old bytes. JSON payloads are written as JSON: postcard cannot carry values of open shape.

use std::borrow::Cow;

use sensorium_types::{AssetId, Content, FailureReason, HubValues, ReasonKind, SourceRow, SourceState, Span};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::codec::{self, of_json, to_json};
use crate::error::IndexError;

/// Key of [`StateRow`] in `sys`.
pub(crate) const STATE_KEY: &[u8] = b"state";
/// Key of [`LossRow`] in `sys`.
pub(crate) const LOSS_KEY: &[u8] = b"loss";
/// Key of [`super::MetaRow`] in `meta`.
pub(crate) const META_KEY: &[u8] = b"collection";
/// Key of [`SegmentsRow`] in `meta`.
pub(crate) const SEGMENTS_KEY: &[u8] = b"segments";
/// Key in `meta` under which earlier programs named their one graph over all contents. It is dropped with its chunks.
pub(crate) const OLD_GRAPH_KEY: &[u8] = b"graph";

/// Key of [`AssetFileRow`] in `meta`.
pub(crate) const ASSET_FILE_KEY: &[u8] = b"assets";
/// Key of [`ColumnFileRow`] in `meta`.
pub(crate) const COLUMN_FILE_KEY: &[u8] = b"columns";
/// Key of [`NotedRow`] in `meta`.
pub(crate) const NOTED_KEY: &[u8] = b"noted";
/// Key of [`KeepRow`] in `meta`.
pub(crate) const KEEP_KEY: &[u8] = b"keep";
/// Key of [`IndexedRow`] in `meta`.
pub(crate) const INDEXED_KEY: &[u8] = b"indexed";
/// Key of [`RecallRow`] in `meta`.
pub(crate) const RECALL_KEY: &[u8] = b"recall";

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

/// `meta/indexed`: fields that somebody asked to be indexed, in order of name. Version history: 1.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct IndexedRow {
    /// Their names, in NFC.
    pub(crate) fields: Vec<String>,
}

impl IndexedRow {
    /// Whether a field is one of them.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|known| known == field)
    }
}

impl Row for IndexedRow {
    const VERSION: u8 = 1;
}

/// `meta/recall`: what the auditor measured, so that beams stay as wide as they have to be over a restart. It is no truth: without it
/// beams are those of the settings, and are measured again. Version history: 1.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct RecallRow {
    /// One for each pair of contents.
    pub(crate) pairs: Vec<RecallPair>,
}

/// What was measured of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecallPair {
    /// The number of the content that asks, by [`content_code`]; `None` where that is not one.
    pub(crate) from: Option<u8>,
    /// The number of the kind of segments that is asked.
    pub(crate) of: u8,
    /// The beam, where it is another than that of the settings.
    pub(crate) ef: Option<u32>,
    /// Of each sub-query, how many of the nearest there were and how many were found.
    pub(crate) found: Vec<(u8, u8)>,
}

impl Row for RecallRow {
    const VERSION: u8 = 1;
}

/// The stable number of a content on disk.
pub(crate) const fn content_code(content: Content) -> u8 {
    match content {
        Content::Image => 0,
        Content::Audio => 1,
        Content::Text => 2,
    }
}

/// `meta/assets`: the file of assets in use. Version history: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AssetFileRow {
    /// The change after which it was made; also its name.
    pub(crate) operation: u64,
    /// The checksum of its checksums.
    pub(crate) checksum: u64,
}

impl Row for AssetFileRow {
    const VERSION: u8 = 1;
}

/// `meta/columns`: the file of columns in use. It is of use only if it is no older than the file of assets. Version history: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ColumnFileRow {
    /// The change after which the columns were so; also its name.
    pub(crate) operation: u64,
    /// The checksum of its checksums.
    pub(crate) checksum: u64,
}

impl Row for ColumnFileRow {
    const VERSION: u8 = 1;
}

/// `meta/noted`: written with every change, beside a [`ChangedRow`] for each asset that it touched. Where it is behind the
/// state, somebody wrote who did not note what he changed, and the file of assets is not to be used. Version history: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotedRow {
    /// The newest change.
    pub(crate) operation: u64,
    /// Source rows that point at an asset.
    pub(crate) sources_indexed: u64,
    /// Source rows of files that failed.
    pub(crate) sources_failed: u64,
}

impl Row for NotedRow {
    const VERSION: u8 = 1;
}

/// `meta/changed/...`: what an asset became by a change, beside its row in `assets`. Version history: 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChangedRow<'a> {
    /// Nothing where it was taken away.
    #[serde(borrow)]
    pub(crate) asset: Option<AssetTies<'a>>,
}

impl<'a> ChangedRow<'a> {
    const VERSION: u8 = 1;

    /// The bytes of the row.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, IndexError> {
        codec::encode(Self::VERSION, self)
    }

    /// The row in these bytes; `Err` says what is wrong.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, String> {
        codec::decode(Self::VERSION, bytes)
    }
}

/// `meta/added/...`: which asset a change wrote with its points, for those who ask what is new. Version history: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AddedRow {
    /// Its offset.
    pub(crate) asset: u32,
}

impl Row for AddedRow {
    const VERSION: u8 = 1;
}

/// What hangs on an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AssetTies<'a> {
    /// Its points in order: track number, ordinal, the rest.
    pub(crate) points: Vec<(u8, u32, PointRow)>,
    /// Its sources in order.
    #[serde(borrow)]
    pub(crate) sources: Vec<SourceTie<'a>>,
}

/// A source as an asset knows it; also in the file of assets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceTie<'a> {
    /// The change that first pointed it at the asset.
    pub(crate) order: u64,
    /// The path that was indexed.
    #[serde(borrow)]
    pub(crate) root: Cow<'a, [u8]>,
    /// Its own path.
    #[serde(borrow)]
    pub(crate) path: Cow<'a, [u8]>,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its modification time.
    pub(crate) mtime_ns: i128,
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
    use sensorium_types::Payload;

    use super::*;

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
