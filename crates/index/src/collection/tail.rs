//! The growing tail: points that no graph holds yet, in order of offset, compared one by one.
//!
//! The tail is a list of shared blocks. A writer copies the last block only, readers keep what they have.

use std::sync::Arc;

use sensorium_kernels::{VectorMatrix, VectorQuery};

use crate::storage::{AssetOffset, PointOffset};

/// Points of a block: small enough to copy at each commit, large enough to scan without pause.
const BLOCK: usize = 128;

/// A point with its vector, as the tail and the graph hold it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowRef<'a> {
    /// The point.
    pub(crate) point: PointOffset,
    /// Its asset.
    pub(crate) asset: AssetOffset,
    /// The number of its track.
    pub(crate) track: u8,
    /// Its vector.
    pub(crate) vector: VectorRef<'a>,
}

/// A vector where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VectorRef<'a> {
    rows: &'a VectorMatrix,
    row: u32,
}

impl VectorRef<'_> {
    /// The cosine with a query. Every comparison of the crate that ranks an answer goes through here, so that a point has one
    /// cosine with a query whichever way it is found.
    pub(crate) fn cosine(self, query: &VectorQuery) -> f32 {
        query.dot(self.rows, self.row)
    }

    /// Its numbers, within what two bytes leave of each.
    pub(crate) fn decoded(self) -> Vec<f32> {
        self.rows.decoded(self.row).unwrap_or_default()
    }

    /// Adds it to others as it is.
    pub(crate) fn copy_to(self, rows: &mut VectorMatrix) {
        rows.push_row(self.rows, self.row);
    }
}

/// Rows with their vectors, as a scan goes over them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch<'a> {
    /// Points.
    pub(crate) points: &'a [u32],
    /// Their assets.
    pub(crate) assets: &'a [u32],
    /// The numbers of their tracks.
    pub(crate) tracks: &'a [u8],
    /// Their vectors.
    pub(crate) vectors: &'a VectorMatrix,
}

impl<'a> Stretch<'a> {
    /// A row.
    pub(crate) fn row(&self, row: u32) -> Option<RowRef<'a>> {
        let place = row as usize;
        Some(RowRef {
            point: PointOffset(*self.points.get(place)?),
            asset: AssetOffset(*self.assets.get(place)?),
            track: *self.tracks.get(place)?,
            vector: VectorRef { rows: self.vectors, row },
        })
    }
}

#[derive(Debug, Clone)]
struct Block {
    points: Vec<u32>,
    assets: Vec<u32>,
    tracks: Vec<u8>,
    vectors: VectorMatrix,
}

impl Block {
    const fn empty(dim: usize) -> Self {
        Self { points: Vec::new(), assets: Vec::new(), tracks: Vec::new(), vectors: VectorMatrix::new(dim) }
    }

    fn stretch(&self) -> Stretch<'_> {
        let Self { points, assets, tracks, vectors } = self;
        Stretch { points, assets, tracks, vectors }
    }
}

/// The tail of a collection.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    dim: usize,
    blocks: Vec<Arc<Block>>,
    rows: usize,
    /// Of them, those that died.
    dead: usize,
}

impl Tail {
    /// An empty tail of vectors of this dimension.
    pub(crate) const fn new(dim: usize) -> Self {
        Self { dim, blocks: Vec::new(), rows: 0, dead: 0 }
    }

    /// How many points it holds, dead ones included.
    pub(crate) const fn len(&self) -> usize {
        self.rows
    }

    /// How many of its points died.
    pub(crate) const fn dead(&self) -> usize {
        self.dead
    }

    /// Takes note that a point died.
    pub(crate) fn kill(&mut self, point: PointOffset) {
        self.dead += usize::from(self.has(point));
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.vectors.owned_bytes()).sum::<usize>() + self.rows * 9
    }

    /// Adds a point of a track, of a higher offset than all before.
    pub(crate) fn push(&mut self, point: PointOffset, asset: AssetOffset, track: u8, vector: &[f32]) {
        self.add(point, asset, track, |vectors| vectors.push(vector));
    }

    fn add(
        &mut self,
        point: PointOffset,
        asset: AssetOffset,
        track: u8,
        vector: impl FnOnce(&mut VectorMatrix),
    ) {
        if self.blocks.last().is_none_or(|block| block.points.len() >= BLOCK) {
            self.blocks.push(Arc::new(Block::empty(self.dim)));
        }
        let Some(block) = self.blocks.last_mut() else { return };
        let block = Arc::make_mut(block);
        block.points.push(point.0);
        block.assets.push(asset.0);
        block.tracks.push(track);
        vector(&mut block.vectors);
        self.rows += 1;
    }

    /// Every point in order of offset, in stretches.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = Stretch<'_>> {
        self.blocks.iter().map(|block| block.stretch())
    }

    /// Every point in order of offset.
    pub(crate) fn rows(&self) -> impl Iterator<Item = RowRef<'_>> {
        self.stretches().flat_map(|block| (0..).map_while(move |place| block.row(place)))
    }

    /// Whether the point is one of its rows.
    pub(crate) fn has(&self, point: PointOffset) -> bool {
        self.find(point).is_some()
    }

    /// The point with this offset.
    pub(crate) fn find(&self, point: PointOffset) -> Option<RowRef<'_>> {
        let after =
            self.blocks.partition_point(|block| block.points.first().is_some_and(|first| *first <= point.0));
        let block = self.blocks.get(after.checked_sub(1)?)?.stretch();
        block.row(u32::try_from(block.points.binary_search(&point.0).ok()?).ok()?)
    }

    /// The points of the tail that are wanted; none of them counts as dead.
    pub(crate) fn with(&self, wanted: impl Fn(PointOffset) -> bool) -> Self {
        let mut kept = Self::new(self.dim);
        for row in self.rows().filter(|row| wanted(row.point)) {
            kept.add(row.point, row.asset, row.track, |vectors| row.vector.copy_to(vectors));
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_found_by_offset_and_a_copy_is_left_alone() {
        let mut tail = Tail::new(2);
        for number in 0..300_u16 {
            tail.push(PointOffset(u32::from(number) * 2), AssetOffset(1), 0, &[f32::from(number), 0.0]);
        }
        let copy = tail.clone();
        tail.push(PointOffset(1000), AssetOffset(1), 0, &[1.0, 2.0]);
        assert_eq!((copy.len(), tail.len(), copy.rows().count()), (300, 301, 300));
        assert_eq!(tail.find(PointOffset(258)).map(|row| row.vector.decoded()), Some(vec![129.0, 0.0]));
        assert!(tail.find(PointOffset(259)).is_none());
        assert!(copy.find(PointOffset(1000)).is_none());
        let rest = tail.with(|point| point.0 >= 590 && point.0 != 592);
        assert_eq!(rest.rows().map(|row| row.point.0).collect::<Vec<_>>(), [590, 594, 596, 598, 1000]);
    }
}
