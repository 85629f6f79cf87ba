//! By which codes a graph is walked. Codes of half a byte a number are read in half the time, and order rows less well: a beam that is as
//! wide finds as much by them, or it does not, as the rows lie. So it is tried, on rows of the graph itself.

use sensorium_kernels::{BeamBuffers, CodeQuery, Compared, NibbleMatrix, NibbleQuery, Scored, VectorMatrix};

use super::FlatGraph;
use super::walk::Walk;

/// Rows from which on it is tried: what is smaller lies in a cache anyhow.
const LEAST_ROWS: usize = 8_000;
/// Rows that ask.
const QUERIES: usize = 200;
/// What each asks for.
const NEAREST: usize = 10;
/// A beam that is narrow, for there the order of rows matters most.
const EF: usize = 16;
/// Of a thousand that are found by codes of a byte, so many may be missed by half a byte.
const MAY_BE_MISSED: usize = 15;

/// By which codes of its vectors the graph of a segment is walked, chosen when the file of the segment is written. Benches and tests force one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Those of half a byte a number if walks of the segment's own points find as much by them, else those of a byte.
    #[default]
    ByRecall,
    /// Those of a byte.
    Bytes,
    /// Those of half a byte.
    HalfBytes,
}

/// The codes of half a byte of a graph's rows, where it is to be walked by them.
///
/// # Cost
/// [`QUERIES`] scans of the rows, and two walks each: less than a hundredth of building the graph.
pub(crate) fn half_bytes(layout: Layout, graph: &FlatGraph, vectors: &VectorMatrix) -> Option<NibbleMatrix> {
    match layout {
        Layout::Bytes => None,
        Layout::HalfBytes => Some(NibbleMatrix::of(vectors)),
        Layout::ByRecall if vectors.len() < LEAST_ROWS => None,
        Layout::ByRecall => {
            Some(NibbleMatrix::of(vectors)).filter(|nibbles| finds_as_much(graph, vectors, nibbles))
        }
    }
}

/// Whether walks by half a byte find about as much as those by a byte.
fn finds_as_much(graph: &FlatGraph, vectors: &VectorMatrix, nibbles: &NibbleMatrix) -> bool {
    let rows = vectors.len();
    let codes = vectors.codes();
    let (mut buffers, mut found) = (BeamBuffers::default(), Vec::new());
    let mut scores = vec![0.0; rows];
    let (mut by_bytes, mut by_nibbles) = (0, 0);
    let asking = (0..rows).step_by(rows.div_ceil(QUERIES)).filter_map(|row| u32::try_from(row).ok());
    for vector in asking.filter_map(|row| vectors.decoded(row)) {
        let query = CodeQuery::new(&vector);
        let nibble_query = NibbleQuery::new(&query);
        query.dot_range(codes, 0, &mut scores);
        let bar = nth_best(&mut scores);
        // What a beam holds is ranked by vectors in the end, whatever it was walked by.
        let mut met = |rows: Compared<'_>, found: &mut Vec<Scored>| {
            let walk = Walk { rows, ef: EF, budget: usize::MAX, least: 0.0, narrow: None };
            walk.run(graph, &mut buffers, |_| true, |_| 0.0, || false, found);
            found.iter().filter(|scored| query.dot(codes, scored.row) >= bar).count().min(NEAREST)
        };
        by_bytes += met(Compared::Codes(&query, codes), &mut found);
        by_nibbles += met(Compared::Nibbles(&nibble_query, nibbles), &mut found);
    }
    let is_as_good = by_nibbles * 1000 >= by_bytes * (1000 - MAY_BE_MISSED);
    tracing::debug!(rows, by_bytes, by_nibbles, is_as_good, "tried codes of half a byte");
    is_as_good
}

/// The score that the nearest reach; the scores are left in no order.
fn nth_best(scores: &mut [f32]) -> f32 {
    let at = scores.len().saturating_sub(1).min(NEAREST - 1);
    scores.select_nth_unstable_by(at, |a, b| b.total_cmp(a)).1.to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::super::{GraphParams, build};
    use super::*;

    const DIM: usize = 32;

    /// Rows around so many centres, which they lie as far from as told; of each number the later half differs less.
    fn rows(count: usize, centres: usize, spread: f32) -> VectorMatrix {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f32::from(u16::try_from(state >> 48).unwrap_or(0)) / 32768.0 - 1.0
        };
        let centres: Vec<Vec<f32>> = (0..centres).map(|_| (0..DIM).map(|_| next()).collect()).collect();
        let mut rows = VectorMatrix::new(DIM);
        for row in 0..count {
            let centre = &centres[row % centres.len()];
            let mut vector: Vec<f32> = centre.iter().map(|number| number + next() * spread).collect();
            let norm = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
            vector.iter_mut().for_each(|number| *number /= norm);
            rows.push(&vector);
        }
        rows
    }

    #[test]
    fn half_a_byte_is_enough_where_rows_are_spread_and_not_where_they_lie_close_together() {
        let params = GraphParams { m: 12, ef_construct: 60, ef: 64 };
        let tried = |centres, spread| {
            let rows = rows(LEAST_ROWS, centres, spread);
            let built = build(&rows, params, 2, &AtomicBool::new(false)).expect("builds");
            half_bytes(Layout::ByRecall, &built.graph, &built.vectors).map(|nibbles| nibbles.len())
        };
        assert_eq!(tried(LEAST_ROWS, 0.0), Some(LEAST_ROWS), "each by itself");
        assert_eq!(tried(40, 0.02), None, "many about the same");
    }

    #[test]
    fn few_rows_are_walked_by_bytes_unless_it_is_forced() {
        let rows = rows(200, 200, 0.0);
        let params = GraphParams { m: 6, ef_construct: 48, ef: 32 };
        let built = build(&rows, params, 1, &AtomicBool::new(false)).expect("builds");
        let by = |layout| half_bytes(layout, &built.graph, &built.vectors).is_some();
        assert_eq!([Layout::ByRecall, Layout::Bytes, Layout::HalfBytes].map(by), [false, false, true]);
        let empty = build(&VectorMatrix::new(DIM), params, 1, &AtomicBool::new(false)).expect("builds");
        assert!(
            half_bytes(Layout::HalfBytes, &empty.graph, &empty.vectors).is_some_and(|rows| rows.is_empty())
        );
    }
}
