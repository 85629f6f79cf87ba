//! [`AssetFile`]: the assets of a collection as they were after a change, in one mapped file. It holds what is needed to open the
//! collection, to answer filters and to make hits, so that neither reads rows of RocksDB, from which it is made.
//!
//! Its head is [`Head`]; its sections are those of [`Section`], which `making.rs` writes. Rows are assets in order of offset. Version history: 1, the first.

use std::ops::Range;
use std::path::{Path, PathBuf};

use sensorium_kernels::{Numbers, prefetch};
use sensorium_types::{AssetId, HubValues, Modality, Span, Track};
use serde::{Deserialize, Serialize};

use super::name_keys::NameKeys;
use super::point::Point;
use super::sets::Class;
use crate::cache_file::{CacheFile, Kind, sweep};
use crate::storage::{AssetFileRow, AssetOffset, AssetRowRef, PointOffset, SourceTie, modality_of};

/// The folder of the files, in that of the collection.
const FOLDER: &str = "assets";
/// Checking a gigabyte takes a tenth of a second where the system has it in memory.
pub(super) const KIND: Kind = Kind { magic: *b"SNSA", version: 1, checked_at_open_bytes: 1 << 30 };
/// The sections, in their order.
#[derive(Debug, Clone, Copy)]
enum Section {
    /// The rows of `assets`, one behind the other.
    Rows,
    /// The sources of each asset, one behind the other.
    Sources,
    RowStarts,
    SourceStarts,
    Assets,
    Modalities,
    /// The rows in order of the assets' ids.
    ByName,
    /// Where the points of each asset begin, in the sections that follow.
    PointStarts,
    Points,
    Tracks,
    Ordinals,
    SpanKinds,
    Spans,
    /// Three hub values a point, or none.
    Hubs,
    /// A key for each of `ByName`; files of programs before have none.
    NameKeys,
}

/// What the head says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The change after which it was made.
    pub(super) operation: u64,
    pub(super) assets: u64,
    pub(super) points: u64,
    /// The bank of the hub values; none where there are none.
    pub(super) bank: Option<u64>,
}

/// Assets in a mapped file.
#[derive(Debug)]
pub(crate) struct AssetFile {
    operation: u64,
    bank: Option<u64>,
    rows: Numbers<u8>,
    sources: Numbers<u8>,
    row_starts: Numbers<u64>,
    source_starts: Numbers<u64>,
    assets: Numbers<u32>,
    modalities: Numbers<u8>,
    by_name: Numbers<u32>,
    name_keys: Option<NameKeys>,
    point_starts: Numbers<u32>,
    points: Numbers<u32>,
    tracks: Numbers<u8>,
    ordinals: Numbers<u32>,
    span_kinds: Numbers<u8>,
    spans: Numbers<u64>,
    hubs: Numbers<f32>,
}

/// The file as it was made after a change.
pub(super) fn path(collection: &Path, operation: u64) -> PathBuf {
    collection.join(FOLDER).join(format!("{operation}.assets"))
}

impl AssetFile {
    /// Maps a file; `Err` says why it cannot be used. Its bytes are compared with its checksums unless it is very large, and
    /// every place in it is checked again when it is used.
    pub(crate) fn open(collection: &Path, row: AssetFileRow) -> Result<Self, String> {
        let file = CacheFile::<Head>::open(&path(collection, row.operation), &KIND)?;
        if file.head.operation != row.operation || file.checksum()? != row.checksum {
            return Err("the file is another".to_owned());
        }
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (assets, points) = (size(file.head.assets), size(file.head.points));
        let hubs = if file.head.bank.is_some() { points.saturating_mul(3) } else { 0 };
        let mut opened = Self {
            operation: file.head.operation,
            bank: file.head.bank,
            rows: file.all_numbers(Section::Rows as usize)?,
            sources: file.all_numbers(Section::Sources as usize)?,
            row_starts: file.numbers(Section::RowStarts as usize, assets.saturating_add(1))?,
            source_starts: file.numbers(Section::SourceStarts as usize, assets.saturating_add(1))?,
            assets: file.numbers(Section::Assets as usize, assets)?,
            modalities: file.numbers(Section::Modalities as usize, assets)?,
            by_name: file.numbers(Section::ByName as usize, assets)?,
            point_starts: file.numbers(Section::PointStarts as usize, assets.saturating_add(1))?,
            points: file.numbers(Section::Points as usize, points)?,
            tracks: file.numbers(Section::Tracks as usize, points)?,
            ordinals: file.numbers(Section::Ordinals as usize, points)?,
            span_kinds: file.numbers(Section::SpanKinds as usize, points)?,
            spans: file.numbers(Section::Spans as usize, points.saturating_mul(2))?,
            hubs: file.numbers(Section::Hubs as usize, hubs)?,
            name_keys: None,
        };
        if !opened.assets.is_sorted_by(|left, right| left < right) {
            return Err("its assets are out of order".to_owned());
        }
        let name = |row: Option<&u32>| row.map_or("", |row| opened.id(*row));
        let ends = (name(opened.by_name.first()), name(opened.by_name.last()));
        opened.name_keys = NameKeys::new(file.all_numbers(Section::NameKeys as usize)?, assets, ends);
        Ok(opened)
    }

    /// Takes away files of a collection, all but these.
    pub(crate) fn sweep(collection: &Path, kept: impl IntoIterator<Item = AssetFileRow>) {
        let kept: Vec<_> = kept.into_iter().map(|row| path(collection, row.operation)).collect();
        sweep(&collection.join(FOLDER), &kept);
    }

    /// Reads every byte of a file and compares it with its checksums; `Err` says what is wrong. `None` if there is none.
    pub(crate) fn check(collection: &Path, row: AssetFileRow) -> Option<(PathBuf, Result<(), String>)> {
        let path = path(collection, row.operation);
        let checked = CacheFile::<Head>::check(&path, &KIND, || false);
        // Looked for afterwards: the one before may be swept meanwhile.
        path.exists().then_some((path, checked))
    }

    /// The folder of the files of a collection.
    pub(crate) fn folder(collection: &Path) -> PathBuf {
        collection.join(FOLDER)
    }

    /// The change after which it was made.
    pub(crate) const fn operation(&self) -> u64 {
        self.operation
    }

    /// How many assets it has.
    pub(crate) fn len(&self) -> usize {
        self.assets.len()
    }

    /// The offsets of its assets, in order.
    pub(super) fn assets(&self) -> &[u32] {
        &self.assets
    }

    pub(super) fn row_bytes(&self, row: u32) -> &[u8] {
        stretch(&self.rows, &self.row_starts, row)
    }

    pub(super) fn id(&self, row: u32) -> &str {
        AssetRowRef::id_of(self.row_bytes(row)).unwrap_or_default()
    }

    pub(super) fn modality(&self, row: u32) -> Modality {
        let code = self.modalities.get(row as usize).copied().unwrap_or_default();
        modality_of(code).unwrap_or(Modality::Text)
    }

    /// Asks memory for what is known of an asset: first where its parts begin.
    pub(super) fn prefetch(&self, row: u32) {
        let row = row as usize;
        prefetch(&self.modalities, row);
        prefetch(&self.point_starts, row);
        prefetch(&self.row_starts, row);
    }

    /// The second step: the parts.
    pub(super) fn prefetch_parts(&self, row: u32) {
        let at = self.points_of(row).start;
        prefetch(&self.points, at);
        prefetch(&self.tracks, at);
        prefetch(&self.ordinals, at);
        prefetch(&self.span_kinds, at);
        prefetch(&self.spans, 2 * at);
        if let Some(from) = self.row_starts.get(row as usize).and_then(|from| usize::try_from(*from).ok()) {
            prefetch(&self.rows, from);
        }
    }

    pub(super) fn points_of(&self, row: u32) -> Range<usize> {
        let start = |row: usize| self.point_starts.get(row).map_or(0, |start| *start as usize);
        let (from, to) = (start(row as usize), start(row as usize + 1));
        from..to.min(self.points.len()).max(from)
    }

    /// What counts of each asset, in order. Most are like the one before.
    pub(super) fn classes(&self) -> impl Iterator<Item = Class> + use<'_> {
        let mut last: Option<((Modality, &[u8]), Class)> = None;
        (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).map(move |row| {
            let tracks = self.tracks.get(self.points_of(row)).unwrap_or_default();
            let own = (self.modality(row), tracks);
            if let Some((before, class)) = &last
                && *before == own
            {
                return *class;
            }
            let class = Class::of_tracks(own.0, tracks.iter().copied());
            last = Some((own, class));
            class
        })
    }

    /// The points of all assets, those of each in order.
    pub(super) fn points(&self) -> &[u32] {
        &self.points
    }

    pub(super) fn tracked_points(&self, row: u32) -> impl Iterator<Item = (PointOffset, u8)> + use<'_> {
        let range = self.points_of(row);
        let points = self.points.get(range.clone()).unwrap_or_default().iter();
        let tracks = self.tracks.get(range).unwrap_or_default();
        points.zip(tracks).map(|(point, track)| (PointOffset(*point), *track))
    }

    pub(super) fn point(&self, at: usize) -> Option<Point> {
        let span = match (self.span_kinds.get(at)?, self.spans.get(2 * at..2 * at + 2)?) {
            (1, [start_ms, end_ms]) => Some(Span::Time { start_ms: *start_ms, end_ms: *end_ms }),
            (2, [from, to]) => Some(Span::Chars { from: *from, to: *to }),
            _ => None,
        };
        Some(Point {
            offset: PointOffset(*self.points.get(at)?),
            track: Track::from_code(*self.tracks.get(at)?)?,
            ordinal: *self.ordinals.get(at)?,
            span,
        })
    }

    pub(super) fn sources(&self, row: u32) -> Vec<SourceTie<'_>> {
        let bytes = stretch(&self.sources, &self.source_starts, row);
        if bytes.is_empty() {
            return Vec::new();
        }
        postcard::from_bytes(bytes).unwrap_or_else(|error| {
            tracing::error!(row, %error, "read the sources of an asset in its file");
            Vec::new()
        })
    }

    /// Every point with its track and its hub values of this bank; `None` where the file has none of it.
    pub(crate) fn hub_values(
        &self,
        bank: u64,
    ) -> Option<impl Iterator<Item = (PointOffset, u8, HubValues)> + '_> {
        let (values, _) = self.hubs.as_chunks::<3>();
        let points = self.points.iter().zip(self.tracks.iter()).zip(values);
        let values = points.map(|((point, track), values)| (PointOffset(*point), *track, HubValues(*values)));
        (self.bank == Some(bank)).then_some(values)
    }

    /// The asset of this id.
    pub(super) fn find(&self, id: &str) -> Option<AssetOffset> {
        let rows = match &self.name_keys {
            Some(keys) => self.by_name.get(keys.places(id))?,
            None => &self.by_name,
        };
        let row = rows.get(rows.binary_search_by(|row| self.id(*row).cmp(id)).ok()?)?;
        self.assets.get(*row as usize).copied().map(AssetOffset)
    }

    /// Assets in order of id, those after one.
    pub(super) fn after<'a>(
        &'a self,
        after: Option<&AssetId>,
    ) -> impl Iterator<Item = (&'a str, AssetOffset)> + use<'a> {
        let from =
            after.map_or(0, |after| self.by_name.partition_point(|row| self.id(*row) <= after.as_str()));
        let rows = self.by_name.get(from..).unwrap_or_default().iter();
        rows.filter_map(|row| Some((self.id(*row), AssetOffset(*self.assets.get(*row as usize)?))))
    }
}

/// The bytes of a row among those of all.
fn stretch<'a>(bytes: &'a [u8], starts: &[u64], row: u32) -> &'a [u8] {
    let start = |row: usize| starts.get(row).and_then(|start| usize::try_from(*start).ok());
    let range = start(row as usize).zip(start(row as usize + 1));
    range.and_then(|(from, to)| bytes.get(from..to)).unwrap_or_default()
}
