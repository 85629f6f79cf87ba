//! [`View`]: everything in memory, as it was after some change. Readers hold one and never wait; the writer makes the
//! next from a copy, of which only what it touches is copied.

use std::sync::Arc;

use roaring::RoaringBitmap;
use sensorium_types::{AssetId, SpaceInfo, Track};

use super::hub_table::HubTable;
use super::policy::is_stale;
use super::segments::{SegmentKind, Segments};
use super::tail::RowRef;
use crate::assets::{AssetTable, EntryRef, Names};
use crate::columns::ColumnSet;
use crate::storage::{IndexedRow, KeepRow, NotedRow, PointOffset, SegmentsRow, StateRow};

/// How many source rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SourceCounts {
    /// Rows that point at an asset.
    pub(crate) indexed: u64,
    /// Rows of files that failed.
    pub(crate) failed: u64,
}

/// The collection in memory.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// Where the collection stands.
    pub(crate) state: StateRow,
    /// Live assets.
    pub(crate) assets: AssetTable,
    /// Their names.
    pub(crate) names: Arc<Names>,
    /// The newest generation of a graph that was ever made.
    pub(crate) generation: u64,
    /// Points, by what they show; ask [`View::segments`].
    sets: [Segments; SegmentKind::ALL.len()],
    /// Points of them that are dead.
    pub(crate) dead: Arc<RoaringBitmap>,
    /// Hub values of points, and which lack them; empty where there is no bank.
    pub(crate) hubs: HubTable,
    /// Fields of assets by value.
    pub(crate) columns: ColumnSet,
    /// Source rows.
    pub(crate) sources: SourceCounts,
    /// What is kept beside the vectors.
    pub(crate) keep: KeepRow,
    /// Fields that are indexed because somebody asked for it.
    pub(crate) indexed: Arc<IndexedRow>,
}

impl View {
    /// The view of an empty collection.
    pub(crate) fn empty(space: &SpaceInfo) -> Self {
        Self {
            state: StateRow::default(),
            assets: AssetTable::default(),
            names: Arc::default(),
            generation: 0,
            sets: SegmentKind::ALL.map(|kind| Segments::new(space.dim_of(kind.content()))),
            dead: Arc::default(),
            hubs: HubTable::default(),
            columns: ColumnSet::default(),
            sources: SourceCounts::default(),
            keep: KeepRow::default(),
            indexed: Arc::default(),
        }
    }

    /// What says that every change up to here was noted.
    pub(crate) const fn noted(&self) -> NotedRow {
        let SourceCounts { indexed, failed } = self.sources;
        NotedRow { operation: self.state.operations, sources_indexed: indexed, sources_failed: failed }
    }

    /// The asset of this name.
    pub(crate) fn asset(&self, id: &AssetId) -> Option<EntryRef<'_>> {
        self.assets.get_named(self.names.get(id)?, id)
    }

    /// Whether a point is dead.
    pub(crate) fn is_dead(&self, point: PointOffset) -> bool {
        self.dead.contains(point.0)
    }

    /// The points of a kind.
    pub(crate) const fn segments(&self, kind: SegmentKind) -> &Segments {
        let [image, audio, text, caption] = &self.sets;
        match kind {
            SegmentKind::Image => image,
            SegmentKind::Audio => audio,
            SegmentKind::Text => text,
            SegmentKind::Caption => caption,
        }
    }

    /// The points of a kind, to be changed.
    pub(crate) const fn segments_mut(&mut self, kind: SegmentKind) -> &mut Segments {
        let [image, audio, text, caption] = &mut self.sets;
        match kind {
            SegmentKind::Image => image,
            SegmentKind::Audio => audio,
            SegmentKind::Text => text,
            SegmentKind::Caption => caption,
        }
    }

    /// The points of every kind.
    pub(crate) fn all_segments(&self) -> impl Iterator<Item = &Segments> {
        self.sets.iter()
    }

    /// The point of a track with this offset.
    pub(crate) fn find(&self, track: Track, point: PointOffset) -> Option<RowRef<'_>> {
        self.segments(SegmentKind::of(track)).find(point)
    }

    /// The point with this offset, of whatever kind.
    pub(crate) fn find_any(&self, point: PointOffset) -> Option<RowRef<'_>> {
        self.all_segments().find_map(|segments| segments.find(point))
    }

    /// Lets dead points of tails go where they are many. Not while a graph is built of them: it may hold them.
    pub(crate) fn sweep_tails(&mut self) {
        for kind in SegmentKind::ALL {
            let tail = &self.segments(kind).tail;
            if !is_stale(tail.len(), tail.dead()) {
                continue;
            }
            let mut dead = (*self.dead).clone();
            tail.rows().filter(|row| self.is_dead(row.point)).for_each(|row| {
                dead.remove(row.point.0);
            });
            let kept = tail.with(|point| !self.is_dead(point));
            self.segments_mut(kind).tail = kept;
            self.dead = Arc::new(dead);
        }
    }

    /// What names its sealed segments on disk.
    pub(crate) fn segment_rows(&self) -> SegmentsRow {
        let parts = self.all_segments().flat_map(|segments| &segments.parts);
        SegmentsRow { segments: parts.map(|part| part.sealed.stored()).collect() }
    }

    /// Live points of sealed segments.
    pub(crate) fn sealed_points(&self) -> usize {
        let parts = self.all_segments().flat_map(|segments| &segments.parts);
        parts.map(|part| part.sealed.len() - part.dead.min(part.sealed.len())).sum()
    }
}
