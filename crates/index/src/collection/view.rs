//! [`View`]: everything in memory, as it was after some change. Readers hold one and never wait; the writer makes the
//! next from a copy, of which only what it touches is copied.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::hubs::HubTable;
use super::sealed::Sealed;
use super::table::AssetTable;
use super::tail::{RowRef, Tail};
use crate::storage::{KeepRow, PointOffset, StateRow};

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
    /// The newest generation of a graph that was ever made.
    pub(crate) generation: u64,
    /// Points under a graph.
    pub(crate) sealed: Option<Arc<Sealed>>,
    /// Points that no graph holds.
    pub(crate) tail: Tail,
    /// Points of both that are dead.
    pub(crate) dead: Arc<RoaringBitmap>,
    /// Hub values of points, and which lack them; empty where there is no bank.
    pub(crate) hubs: HubTable,
    /// Source rows.
    pub(crate) sources: SourceCounts,
    /// What is kept beside the vectors.
    pub(crate) keep: KeepRow,
}

impl View {
    /// The view of an empty collection.
    pub(crate) fn empty(dim: usize) -> Self {
        Self {
            state: StateRow::default(),
            assets: AssetTable::default(),
            generation: 0,
            sealed: None,
            tail: Tail::new(dim),
            dead: Arc::default(),
            hubs: HubTable::default(),
            sources: SourceCounts::default(),
            keep: KeepRow::default(),
        }
    }

    /// Whether a point is dead.
    pub(crate) fn is_dead(&self, point: PointOffset) -> bool {
        self.dead.contains(point.0)
    }

    /// The point with this offset, in the graph or in the tail.
    pub(crate) fn find(&self, point: PointOffset) -> Option<RowRef<'_>> {
        self.sealed.as_ref().and_then(|sealed| sealed.find(point)).or_else(|| self.tail.find(point))
    }

    /// Every live point.
    pub(crate) fn live_rows(&self) -> impl Iterator<Item = RowRef<'_>> {
        let sealed = self.sealed.iter().flat_map(|sealed| sealed.rows());
        sealed.chain(self.tail.rows()).filter(|row| !self.is_dead(row.point))
    }

    /// Dead points of the sealed segment.
    pub(crate) fn dead_in_sealed(&self) -> usize {
        let Some(sealed) = &self.sealed else { return 0 };
        self.dead.iter().filter(|point| sealed.has(PointOffset(*point))).count()
    }

    /// The vector of a point.
    pub(crate) fn vector(&self, point: PointOffset) -> Option<&[f32]> {
        self.find(point).map(|row| row.vector)
    }
}
