//! The growing tail: points that no graph holds yet, in order of offset, compared one by one.
//!
//! The tail is a list of shared blocks. A writer copies the last block only, readers keep what they have.

use std::sync::Arc;

use sensorium_kernels::CodeMatrix;

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
    pub(crate) vector: &'a [f32],
}

/// Rows with their codes, as a scan goes over them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch<'a> {
    /// Points.
    pub(crate) points: &'a [u32],
    /// Their assets.
    pub(crate) assets: &'a [u32],
    /// The numbers of their tracks.
    pub(crate) tracks: &'a [u8],
    /// Their vectors.
    pub(crate) vectors: &'a [f32],
    /// Their codes.
    pub(crate) codes: &'a CodeMatrix,
}

impl<'a> Stretch<'a> {
    /// A row.
    pub(crate) fn row(&self, place: usize, dim: usize) -> Option<RowRef<'a>> {
        Some(RowRef {
            point: PointOffset(*self.points.get(place)?),
            asset: AssetOffset(*self.assets.get(place)?),
            track: *self.tracks.get(place)?,
            vector: self.vectors.get(place * dim..(place + 1) * dim)?,
        })
    }
}

#[derive(Debug, Clone)]
struct Block {
    points: Vec<u32>,
    assets: Vec<u32>,
    tracks: Vec<u8>,
    vectors: Vec<f32>,
    codes: CodeMatrix,
}

impl Block {
    const fn empty(dim: usize) -> Self {
        Self {
            points: Vec::new(),
            assets: Vec::new(),
            tracks: Vec::new(),
            vectors: Vec::new(),
            codes: CodeMatrix::new(dim),
        }
    }

    fn stretch(&self) -> Stretch<'_> {
        let Self { points, assets, tracks, vectors, codes } = self;
        Stretch { points, assets, tracks, vectors, codes }
    }
}

/// The tail of a collection.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    dim: usize,
    blocks: Vec<Arc<Block>>,
    rows: usize,
}

impl Tail {
    /// An empty tail of vectors of this dimension.
    pub(crate) const fn new(dim: usize) -> Self {
        Self { dim, blocks: Vec::new(), rows: 0 }
    }

    /// How many points it holds, dead ones included.
    pub(crate) const fn len(&self) -> usize {
        self.rows
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.codes.owned_bytes()).sum::<usize>()
            + self.rows * (self.dim * 4 + 9)
    }

    /// Adds a point, of a higher offset than all before.
    pub(crate) fn push(&mut self, row: RowRef<'_>) {
        if self.blocks.last().is_none_or(|block| block.points.len() >= BLOCK) {
            self.blocks.push(Arc::new(Block::empty(self.dim)));
        }
        let Some(block) = self.blocks.last_mut() else { return };
        let block = Arc::make_mut(block);
        block.points.push(row.point.0);
        block.assets.push(row.asset.0);
        block.tracks.push(row.track);
        block.vectors.extend_from_slice(row.vector);
        block.codes.push(row.vector);
        self.rows += 1;
    }

    /// Every point in order of offset, in stretches.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = Stretch<'_>> {
        self.blocks.iter().map(|block| block.stretch())
    }

    /// Every point in order of offset.
    pub(crate) fn rows(&self) -> impl Iterator<Item = RowRef<'_>> {
        let dim = self.dim;
        self.stretches()
            .flat_map(move |block| (0..block.points.len()).filter_map(move |place| block.row(place, dim)))
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
        block.row(block.points.binary_search(&point.0).ok()?, self.dim)
    }

    /// The points of the tail that are wanted.
    pub(crate) fn with(&self, wanted: impl Fn(PointOffset) -> bool) -> Self {
        let mut kept = Self::new(self.dim);
        self.rows().filter(|row| wanted(row.point)).for_each(|row| kept.push(row));
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
            tail.push(RowRef {
                point: PointOffset(u32::from(number) * 2),
                asset: AssetOffset(1),
                track: 0,
                vector: &[f32::from(number), 0.0],
            });
        }
        let copy = tail.clone();
        tail.push(RowRef { point: PointOffset(1000), asset: AssetOffset(1), track: 0, vector: &[1.0, 2.0] });
        assert_eq!((copy.len(), tail.len(), copy.rows().count()), (300, 301, 300));
        assert_eq!(tail.find(PointOffset(258)).map(|row| row.vector.to_vec()), Some(vec![129.0, 0.0]));
        assert!(tail.find(PointOffset(259)).is_none());
        assert!(copy.find(PointOffset(1000)).is_none());
        let rest = tail.with(|point| point.0 >= 590 && point.0 != 592);
        assert_eq!(rest.rows().map(|row| row.point.0).collect::<Vec<_>>(), [590, 594, 596, 598, 1000]);
    }
}
