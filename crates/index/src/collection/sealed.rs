//! A sealed segment: points under a graph, with their vectors in the graph's order.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use sensorium_kernels::{
    BeamBuffers, CodeQuery, Compared, Narrow, NibbleMatrix, NibbleQuery, Numbers, Scored, VectorMatrix,
    prefetch,
};
use sensorium_types::{Cancel, HubValues};

use super::tail::{RowRef, Stretch};
use crate::cache_file::Body;
use crate::graph::{FlatGraph, Walk, Walked};
use crate::storage::{AssetOffset, PointOffset, SegmentRow};

/// Buffers kept for later searches; more searches at once make their own.
const KEPT_BUFFERS: usize = 16;
/// The asset of a row that was dead when the segment was loaded.
pub(crate) const NO_ASSET: AssetOffset = AssetOffset(u32::MAX);

/// What a segment is made of: columns in the graph's order.
#[derive(Debug)]
pub(crate) struct Columns {
    /// Points.
    pub(crate) points: Numbers<u32>,
    /// Their assets.
    pub(crate) assets: Numbers<u32>,
    /// The numbers of their tracks.
    pub(crate) tracks: Numbers<u8>,
    /// Their vectors.
    pub(crate) vectors: VectorMatrix,
}

/// A sealed segment.
#[derive(Debug)]
pub(crate) struct Sealed {
    row: SegmentRow,
    columns: Columns,
    graph: FlatGraph,
    /// Whether rows of the same vector share a node.
    has_twins: bool,
    /// What the graph is walked by, if not by the codes of its vectors.
    nibbles: Option<NibbleMatrix>,
    /// The points in order, and the place of each.
    sorted: Numbers<u32>,
    order: Numbers<u32>,
    /// The hub values of its rows ([`Sealed::hubs`]).
    hubs: OnceLock<Vec<HubValues>>,
    /// The file whose vectors were not compared with their checksums when it was mapped.
    unchecked: Option<Body>,
    /// Whether they were since.
    is_checked: AtomicBool,
    buffers: Mutex<Vec<BeamBuffers>>,
}

/// The parts of a segment, as a file holds them.
#[derive(Debug)]
pub(crate) struct SealedParts {
    /// What names it on disk.
    pub(crate) row: SegmentRow,
    /// Its columns.
    pub(crate) columns: Columns,
    /// Its graph.
    pub(crate) graph: FlatGraph,
    /// What the graph is walked by, if not by the codes of its vectors.
    pub(crate) nibbles: Option<NibbleMatrix>,
    /// The points in order.
    pub(crate) sorted: Numbers<u32>,
    /// The place of each of them.
    pub(crate) order: Numbers<u32>,
    /// The file, if not all of it was compared with its checksums.
    pub(crate) unchecked: Option<Body>,
}

/// Looks for points of a segment, each from where it should lie beside the one before: offsets are given one after the other, so that
/// those of a segment lie about evenly. From there in steps that double.
#[derive(Debug)]
pub(crate) struct Finder<'a> {
    sorted: &'a [u32],
    order: &'a [u32],
    /// Rows for each offset, about.
    density: f64,
    at: usize,
}

impl<'a> Finder<'a> {
    fn new(sorted: &'a [u32], order: &'a [u32]) -> Self {
        let range = sorted.first().zip(sorted.last()).map_or(0, |(first, last)| last - first);
        Self { sorted, order, density: sorted.len() as f64 / (f64::from(range) + 1.0), at: 0 }
    }

    /// The place of a point in the graph, if it is a row of the segment.
    pub(crate) fn find(&mut self, point: PointOffset) -> Option<u32> {
        let is_before = |at: usize| self.sorted.get(at).is_some_and(|there| *there < point.0);
        let (mut from, mut to) = (self.guess(point), self.sorted.len());
        let mut step = 1;
        if is_before(from) {
            while is_before(from + step) {
                from += step;
                step *= 2;
            }
            to = to.min(from + step + 1);
        } else {
            to = to.min(from + 1);
            while from > 0 && !is_before(from) {
                to = from + 1;
                from = from.saturating_sub(step);
                step *= 2;
            }
        }
        self.at = from + self.sorted.get(from..to)?.partition_point(|known| *known < point.0);
        (self.sorted.get(self.at) == Some(&point.0)).then(|| self.order.get(self.at).copied())?
    }

    /// Where it should lie.
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below that of the rows")]
    fn guess(&self, point: PointOffset) -> usize {
        let last = self.sorted.len().saturating_sub(1);
        let at = self.at.min(last);
        let Some(here) = self.sorted.get(at) else { return 0 };
        let ahead = (f64::from(point.0) - f64::from(*here)) * self.density;
        (at as f64 + ahead).clamp(0.0, last as f64) as usize
    }
}

/// What a walk is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// The query.
    pub(crate) query: &'a CodeQuery,
    /// How many rows that count are kept.
    pub(crate) ef: usize,
    /// Comparisons after which the walk gives up.
    pub(crate) budget: usize,
    /// The least that a row's cosine is lowered by.
    pub(crate) least: f32,
    /// What is asked where many rows do not count; else `ef` that count are kept.
    pub(crate) narrow: Option<Narrow>,
    /// What stops it.
    pub(crate) cancel: &'a Cancel,
}

impl Sealed {
    /// A segment of a graph and its columns, in memory.
    pub(crate) fn new(row: SegmentRow, columns: Columns, graph: FlatGraph) -> Self {
        let mut order: Vec<u32> = (0..).take(columns.points.len()).collect();
        order.sort_unstable_by_key(|place| columns.points.get(*place as usize));
        let sorted = order.iter().filter_map(|place| columns.points.get(*place as usize).copied());
        let sorted = sorted.collect::<Vec<_>>().into();
        Self::of_parts(SealedParts {
            row,
            columns,
            graph,
            nibbles: None,
            sorted,
            order: order.into(),
            unchecked: None,
        })
    }

    /// A segment of its parts, wherever they lie.
    pub(crate) fn of_parts(parts: SealedParts) -> Self {
        let SealedParts { row, columns, graph, nibbles, sorted, order, unchecked } = parts;
        let has_twins = graph.has_twins();
        let (is_checked, buffers) = (AtomicBool::new(unchecked.is_none()), Mutex::new(Vec::new()));
        let hubs = OnceLock::new();
        Self { row, columns, graph, has_twins, nibbles, sorted, order, hubs, unchecked, is_checked, buffers }
    }

    /// Whether every byte of its file was compared with its checksums, or there is no file.
    pub(super) fn is_checked(&self) -> bool {
        self.is_checked.load(Ordering::Acquire)
    }

    /// Compares what is left of its file with its checksums, until `stop` says so; `Err` says what is wrong.
    pub(super) fn check(&self, stop: impl Fn() -> bool) -> Result<(), String> {
        if let Some(file) = self.unchecked.as_ref().filter(|_| !self.is_checked()) {
            file.check(&stop)?;
            self.is_checked.store(!stop(), Ordering::Release);
        }
        Ok(())
    }

    /// What a file is written from: columns, graph, the points in order, and their places.
    pub(super) const fn borrowed(&self) -> (&Columns, &FlatGraph, [&Numbers<u32>; 2]) {
        (&self.columns, &self.graph, [&self.sorted, &self.order])
    }

    /// Its vectors in the graph's order.
    pub(crate) const fn vectors(&self) -> &VectorMatrix {
        &self.columns.vectors
    }

    /// The generation of its graph.
    pub(crate) const fn generation(&self) -> u64 {
        self.row.generation
    }

    /// What names it on disk.
    pub(crate) const fn stored(&self) -> SegmentRow {
        self.row
    }

    /// How many points it holds, dead ones included.
    pub(crate) fn len(&self) -> usize {
        self.columns.points.len()
    }

    /// Bytes of memory that no file stands behind.
    pub(crate) fn owned_bytes(&self) -> usize {
        let Columns { points, assets, tracks, vectors } = &self.columns;
        let columns =
            points.owned_bytes() + assets.owned_bytes() + tracks.owned_bytes() + vectors.owned_bytes();
        let order = self.sorted.owned_bytes() + self.order.owned_bytes();
        let nibbles = self.nibbles.as_ref().map_or(0, NibbleMatrix::owned_bytes);
        let hubs = self.hubs.get().map_or(0, |hubs| hubs.len() * size_of::<HubValues>());
        columns + self.graph.owned_bytes() + nibbles + order + hubs
    }

    /// Its points in order.
    pub(crate) fn sorted_points(&self) -> &[u32] {
        &self.sorted
    }

    /// Whether the point is one of its rows.
    pub(crate) fn has(&self, point: PointOffset) -> bool {
        self.place(point).is_some()
    }

    fn place(&self, point: PointOffset) -> Option<u32> {
        self.order.get(self.sorted.binary_search(&point.0).ok()?).copied()
    }

    /// The point with this offset.
    pub(crate) fn find(&self, point: PointOffset) -> Option<RowRef<'_>> {
        self.row(self.place(point)?)
    }

    /// Looks for many points.
    pub(crate) fn finder(&self) -> Finder<'_> {
        Finder::new(&self.sorted, &self.order)
    }

    /// A row by its place in the graph.
    pub(crate) fn row(&self, place: u32) -> Option<RowRef<'_>> {
        self.stretch().row(place)
    }

    /// Asks memory for a row that is compared soon.
    pub(crate) fn prefetch(&self, place: u32) {
        let Columns { points, assets, tracks, vectors } = &self.columns;
        if self.is_walked_by_less() {
            vectors.prefetch_code(place);
        }
        vectors.prefetch(place);
        prefetch(points, place as usize);
        prefetch(assets, place as usize);
        prefetch(tracks, place as usize);
    }

    /// Every row in the graph's order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = RowRef<'_>> {
        (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).filter_map(|place| self.row(place))
    }

    /// Every row in the graph's order, in one stretch.
    pub(crate) fn stretch(&self) -> Stretch<'_> {
        let Columns { points, assets, tracks, vectors } = &self.columns;
        Stretch { points, assets, tracks, vectors }
    }

    /// The hub values of its rows in the graph's order, gathered when they are first asked for: then all live points have them. They
    /// stay as they are, for each is made of its vector and of the bank that a collection was opened with.
    pub(super) fn hubs(&self, of: impl Fn(PointOffset) -> HubValues) -> &[HubValues] {
        self.hubs.get_or_init(|| {
            let mut hubs = vec![HubValues::default(); self.len()];
            // In order of point, as they lie elsewhere.
            for (point, place) in self.sorted.iter().zip(self.order.iter()) {
                if let Some(slot) = hubs.get_mut(*place as usize) {
                    *slot = of(PointOffset(*point));
                }
            }
            hubs
        })
    }

    /// How far what rows are ranked by in a walk may be from their dot product with the query.
    pub(crate) fn walk_bound(&self, query: &CodeQuery) -> f32 {
        match &self.nibbles {
            Some(rows) => rows.bound(query),
            None => query.bound(self.vectors().codes()),
        }
    }

    /// Whether rows of the same vector share a node.
    #[cfg(test)]
    pub(crate) const fn has_twins(&self) -> bool {
        self.has_twins
    }

    /// Whether the graph is walked by codes that tell less than those of its vectors.
    pub(crate) const fn is_walked_by_less(&self) -> bool {
        self.nibbles.is_some()
    }

    /// Walks the graph. `counts` says which rows are wanted, all where there is none; `lowered` what the cosine of a row is lowered by.
    pub(crate) fn walk(
        &self,
        ask: Ask<'_>,
        counts: Option<impl Fn(RowRef<'_>) -> bool>,
        lowered: impl Fn(u32) -> f32,
        found: &mut Vec<Scored>,
    ) -> Walked {
        let Ask { query, ef, budget, least, narrow, cancel } = ask;
        let mut buffers = self.buffers.lock().pop().unwrap_or_default();
        let nibbles = self.nibbles.as_ref().map(|rows| (NibbleQuery::new(query), rows));
        let rows = match &nibbles {
            Some((query, rows)) => Compared::Nibbles(query, rows),
            None => Compared::Codes(query, self.vectors().codes()),
        };
        let walk = Walk { rows, ef, budget, least, narrow };
        let (graph, stop) = (&self.graph, || cancel.is_cancelled());
        let counts = counts.as_ref();
        let one = |place| counts.is_none_or(|counts| self.row(place).is_some_and(counts));
        let answer = match counts {
            // A node counts if any of its rows does.
            Some(_) if self.has_twins => {
                walk.run(graph, &mut buffers, |place| graph.node(place).any(one), lowered, stop, found)
            }
            Some(_) => walk.run(graph, &mut buffers, one, lowered, stop, found),
            None => walk.run(graph, &mut buffers, |_| true, lowered, stop, found),
        };
        if self.has_twins {
            let nodes = std::mem::take(found);
            for Scored { score, row } in nodes {
                found.extend(graph.node(row).filter(|row| one(*row)).map(|row| Scored { score, row }));
            }
        }
        let mut kept = self.buffers.lock();
        if kept.len() < KEPT_BUFFERS {
            kept.push(buffers);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_found_in_any_order() {
        let even: Vec<u32> = (0..1000).filter(|point| point % 3 != 1).map(|point| point * 2).collect();
        // Crowded at one end, and far apart at the other.
        let uneven: Vec<u32> = (5..900).chain((900..2100).step_by(97)).collect();
        for sorted in [even, uneven, vec![8], vec![0, 2099]] {
            let order: Vec<u32> = (0..).take(sorted.len()).map(|place| place ^ 1).collect();
            let ascending: Vec<u32> = (0..2100).step_by(7).collect();
            let jumps: Vec<u32> = (0..2100_u32).map(|point| point * 937 % 2100).collect();
            for points in [ascending, (0..2100).collect(), (0..2100).rev().collect(), jumps, vec![8, 8, 8]] {
                let mut finder = Finder::new(&sorted, &order);
                for point in points {
                    let right = sorted.binary_search(&point).ok().map(|at| order[at]);
                    assert_eq!(finder.find(PointOffset(point)), right, "{point}");
                }
            }
        }
        let mut nowhere = Finder::new(&[], &[]);
        assert_eq!(nowhere.find(PointOffset(0)), None);
    }
}
