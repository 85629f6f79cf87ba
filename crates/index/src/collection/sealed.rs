//! The sealed segment: points under a graph, with their vectors in the graph's order.

use parking_lot::Mutex;

use super::tail::RowRef;
use crate::graph::{Beam, FlatGraph, Marks, Scored};
use crate::storage::{AssetOffset, PointOffset};

/// Marks kept for later searches; more searches at once make their own.
const KEPT_MARKS: usize = 16;
/// The asset of a row that was dead when the segment was loaded.
pub(crate) const NO_ASSET: AssetOffset = AssetOffset(u32::MAX);

/// What a segment is made of: columns in the graph's order.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// Points.
    pub(crate) points: Vec<PointOffset>,
    /// Their assets.
    pub(crate) assets: Vec<AssetOffset>,
    /// The numbers of their tracks.
    pub(crate) tracks: Vec<u8>,
    /// Their vectors.
    pub(crate) vectors: Vec<f32>,
}

/// A sealed segment.
#[derive(Debug)]
pub(crate) struct Sealed {
    generation: u64,
    watermark: PointOffset,
    dim: usize,
    columns: Columns,
    graph: FlatGraph,
    /// Places of the points, in order of offset.
    places: Vec<(PointOffset, u32)>,
    marks: Mutex<Vec<Marks>>,
}

impl Sealed {
    /// A segment of a graph and its columns.
    pub(crate) fn new(
        generation: u64,
        watermark: PointOffset,
        dim: usize,
        columns: Columns,
        graph: FlatGraph,
    ) -> Self {
        let mut places: Vec<_> = columns.points.iter().copied().zip(0..).collect();
        places.sort_unstable();
        Self { generation, watermark, dim, columns, graph, places, marks: Mutex::new(Vec::new()) }
    }

    /// The generation of its graph.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Every point below this offset is in the segment or dead.
    pub(crate) const fn watermark(&self) -> PointOffset {
        self.watermark
    }

    /// How many points it holds, dead ones included.
    pub(crate) fn len(&self) -> usize {
        self.columns.points.len()
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.columns.vectors.len() * 4 + self.len() * 17 + self.graph.bytes()
    }

    /// Whether the point is one of its rows.
    pub(crate) fn has(&self, point: PointOffset) -> bool {
        self.place(point).is_some()
    }

    fn place(&self, point: PointOffset) -> Option<u32> {
        let at = self.places.binary_search_by_key(&point, |(offset, _)| *offset).ok()?;
        self.places.get(at).map(|(_, place)| *place)
    }

    /// The point with this offset.
    pub(crate) fn find(&self, point: PointOffset) -> Option<RowRef<'_>> {
        self.row(self.place(point)?)
    }

    /// A row by its place in the graph.
    pub(crate) fn row(&self, place: u32) -> Option<RowRef<'_>> {
        let place = place as usize;
        Some(RowRef {
            point: *self.columns.points.get(place)?,
            asset: *self.columns.assets.get(place)?,
            track: *self.columns.tracks.get(place)?,
            vector: self.columns.vectors.get(place * self.dim..(place + 1) * self.dim)?,
        })
    }

    /// Every row in the graph's order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = RowRef<'_>> {
        (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).filter_map(|place| self.row(place))
    }

    /// Walks the graph: places of rows that count, best first (`None` when the budget ran out), and comparisons made.
    /// `lowered` says what the cosine of the row at a place is lowered by.
    pub(crate) fn walk(
        &self,
        query: &[f32],
        ef: usize,
        budget: usize,
        counts: impl Fn(PointOffset, AssetOffset, u8) -> bool,
        lowered: impl Fn(u32) -> f32,
    ) -> (Option<Vec<Scored>>, usize) {
        let mut marks = self.marks.lock().pop().unwrap_or_default();
        let beam = Beam { query, vectors: &self.columns.vectors, ef, budget };
        let counts = |place| self.row(place).is_some_and(|row| counts(row.point, row.asset, row.track));
        let answer = beam.walk(&self.graph, &mut marks, counts, lowered);
        let mut kept = self.marks.lock();
        if kept.len() < KEPT_MARKS {
            kept.push(marks);
        }
        answer
    }
}
