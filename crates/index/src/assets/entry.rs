//! One asset: [`Entry`] in memory, [`EntryRef`] wherever it lies.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use sensorium_types::{AssetId, AssetRecord, Modality, SourceKey, StoredAsset, Track};

use super::file::AssetFile;
use super::point::Point;
use super::sets::Class;
use crate::error::IndexError;
use crate::storage::{AssetRow, AssetRowRef, AssetTies, PointOffset, PointRow, Row as _, SourceTie};

/// A source of an asset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    /// The change that first pointed it here.
    pub(crate) order: u64,
    /// Its name.
    pub(crate) key: Arc<SourceKey>,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its modification time.
    pub(crate) mtime_ns: i128,
}

impl Source {
    fn tie(&self) -> SourceTie<'_> {
        SourceTie {
            order: self.order,
            root: Cow::Borrowed(&self.key.root),
            path: Cow::Borrowed(&self.key.path),
            bytes: self.bytes,
            mtime_ns: self.mtime_ns,
        }
    }

    fn of_tie(tie: SourceTie<'_>) -> Self {
        let SourceTie { order, root, path, bytes, mtime_ns } = tie;
        let key = SourceKey { root: root.into_owned(), path: path.into_owned() };
        Self { order, key: Arc::new(key), bytes, mtime_ns }
    }
}

/// An asset in memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The asset itself.
    pub(crate) row: Arc<AssetRow>,
    /// Its points in order of track and ordinal.
    pub(crate) points: Arc<[Point]>,
    /// Its sources in order of writing.
    pub(crate) sources: Vec<Source>,
}

impl Entry {
    /// The asset's record.
    pub(crate) fn record(&self) -> Result<AssetRecord, IndexError> {
        EntryRef::Memory(self).record()
    }

    /// What hangs on the asset, as a change notes it.
    pub(crate) fn ties(&self) -> AssetTies<'_> {
        let point =
            |point: &Point| (point.track.code(), point.ordinal, PointRow::new(point.offset.0, point.span));
        AssetTies {
            points: self.points.iter().map(point).collect(),
            sources: self.sources.iter().map(Source::tie).collect(),
        }
    }

    /// The asset of its row and what a change noted of it; `Err` says what is wrong.
    pub(crate) fn of_ties(row: AssetRow, ties: AssetTies<'_>) -> Result<Self, String> {
        let point = |(track, ordinal, row): (u8, u32, PointRow)| {
            let track = Track::from_code(track).ok_or("a point is of no known track")?;
            Ok(Point { offset: PointOffset(row.offset), track, ordinal, span: row.span() })
        };
        let points: Result<Vec<_>, String> = ties.points.into_iter().map(point).collect();
        Ok(Self {
            row: Arc::new(row),
            points: points?.into(),
            sources: ties.sources.into_iter().map(Source::of_tie).collect(),
        })
    }

    /// Bytes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let sources = self.sources.iter().map(|source| {
            size_of::<Source>() + size_of::<SourceKey>() + source.key.root.len() + source.key.path.len()
        });
        size_of::<Self>()
            + size_of::<AssetRow>()
            + self.row.heap_bytes()
            + self.points.len() * size_of::<Point>()
            + sources.sum::<usize>()
    }
}

/// One asset, in memory or in the file of assets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EntryRef<'a> {
    /// In memory.
    Memory(&'a Entry),
    /// A row of the file.
    File(&'a AssetFile, u32),
}

impl<'a> EntryRef<'a> {
    /// The asset itself.
    pub(crate) fn row(self) -> AssetRowRef<'a> {
        match self {
            Self::Memory(entry) => entry.row.borrowed(),
            Self::File(file, row) => AssetRowRef::decode(file.row_bytes(row)).unwrap_or_else(|what| {
                tracing::error!(row, what, "read a row of the file of assets");
                AssetRowRef::EMPTY
            }),
        }
    }

    /// The bytes of its row in `assets`.
    pub(super) fn row_bytes(self) -> Result<Cow<'a, [u8]>, IndexError> {
        match self {
            Self::Memory(entry) => entry.row.encode().map(Cow::Owned),
            Self::File(file, row) => Ok(Cow::Borrowed(file.row_bytes(row))),
        }
    }

    /// The asset's id.
    pub(crate) fn id(self) -> &'a str {
        match self {
            Self::Memory(entry) => entry.row.id().as_str(),
            Self::File(file, row) => file.id(row),
        }
    }

    /// The asset's id as a value of its own.
    pub(crate) fn asset_id(self) -> Result<AssetId, IndexError> {
        match self {
            Self::Memory(entry) => Ok(entry.row.id().clone()),
            Self::File(..) => AssetId::new(self.id()).map_err(|error| self.damaged(error.to_string())),
        }
    }

    /// What it is.
    pub(crate) fn modality(self) -> Modality {
        match self {
            Self::Memory(entry) => entry.row.borrowed().modality(),
            Self::File(file, row) => file.modality(row),
        }
    }

    /// The asset's record.
    pub(crate) fn record(self) -> Result<AssetRecord, IndexError> {
        self.row().record().map_err(|what| self.damaged(what))
    }

    fn damaged(self, what: String) -> IndexError {
        IndexError::damaged(format!("the asset {:?}", self.id()), what)
    }

    /// What counts of it.
    pub(crate) fn class(self) -> Class {
        Class::of_tracks(self.modality(), self.tracked_points().map(|(_, track)| track))
    }

    /// How many points it has.
    pub(crate) fn points_len(self) -> usize {
        match self {
            Self::Memory(entry) => entry.points.len(),
            Self::File(file, row) => file.points_of(row).len(),
        }
    }

    fn point_at(self, at: usize) -> Option<Point> {
        match self {
            Self::Memory(entry) => entry.points.get(at).copied(),
            Self::File(file, row) => file.point(file.points_of(row).nth(at)?),
        }
    }

    /// Its points in order of track and ordinal.
    pub(crate) fn points(self) -> impl Iterator<Item = Point> + use<'a> {
        (0..self.points_len()).filter_map(move |at| self.point_at(at))
    }

    /// Its points, each with the number of its track.
    pub(crate) fn tracked_points(self) -> impl Iterator<Item = (PointOffset, u8)> + use<'a> {
        let (memory, file) = match self {
            Self::Memory(entry) => (Some(entry.points.iter()), None),
            Self::File(file, row) => (None, Some(file.tracked_points(row))),
        };
        let memory = memory.into_iter().flatten().map(|point| (point.offset, point.track.code()));
        memory.chain(file.into_iter().flatten())
    }

    /// The first point that is not less, by a measure of the points' order, if it is equal.
    fn search(self, order: impl Fn(&Point) -> Ordering) -> Option<Point> {
        let (mut from, mut to) = (0, self.points_len());
        while from < to {
            let middle = from.midpoint(to);
            let point = self.point_at(middle)?;
            match order(&point) {
                Ordering::Equal => return Some(point),
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// The point with this offset.
    pub(crate) fn point(self, offset: PointOffset) -> Option<Point> {
        self.search(|point| point.offset.cmp(&offset))
    }

    /// The point of this name.
    pub(crate) fn find(self, track: Track, ordinal: u32) -> Option<Point> {
        self.search(|point| (point.track.code(), point.ordinal).cmp(&(track.code(), ordinal)))
    }

    /// Its sources in order of writing.
    pub(crate) fn sources(self) -> Vec<SourceTie<'a>> {
        match self {
            Self::Memory(entry) => entry.sources.iter().map(Source::tie).collect(),
            Self::File(file, row) => file.sources(row),
        }
    }

    /// The asset as a reader gets it, without vectors.
    pub(crate) fn stored(self) -> Result<StoredAsset, IndexError> {
        Ok(StoredAsset {
            record: self.record()?,
            points: self.points().map(|point| point.info()).collect(),
            vectors: Vec::new(),
            paths: self.sources().into_iter().map(|source| source.path.into_owned()).collect(),
        })
    }

    /// The asset in memory.
    pub(crate) fn to_entry(self) -> Result<Entry, IndexError> {
        if let Self::Memory(entry) = self {
            return Ok(entry.clone());
        }
        let row = AssetRowRef::to_row(self.row()).map_err(|what| self.damaged(what))?;
        Ok(Entry {
            row: Arc::new(row),
            points: self.points().collect(),
            sources: self.sources().into_iter().map(Source::of_tie).collect(),
        })
    }
}
