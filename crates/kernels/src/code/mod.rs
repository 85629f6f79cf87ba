//! Vectors as int8 codes: a quarter of the memory of `f32`, and several times as many comparisons a second.
//!
//! A vector is written as bytes of one scale, `x_i ~ scale * code_i` with `scale = max |x| / 127`, rows and query alike.
//! The dot product of two codes is exact in `i32`; what it is off from that of the vectors has a bound that is known
//! beforehand ([`CodeQuery::bound`]), so that a scan may pass over rows without losing one that it must give.
//!
//! | file | holds |
//! | --- | --- |
//! | `dot.rs` | the product of two codes for AVX-512 with and without VNNI, AVX2 and plain Rust |
//! | `nibbles.rs` | [`NibbleMatrix`], [`NibbleQuery`]: codes of half a byte a number, for walks |
//! | `compared.rs` | [`Compared`]: by which of the two a graph's rows are compared |
//! | `beam.rs` | the beam search of a graph over codes |
//! | `pairs.rs` | products of rows with rows, and the choice of neighbours of a graph that is built |
//! | `vectors.rs` | [`VectorMatrix`]: codes and what they leave, from which answers are ranked |

#![expect(unsafe_code, reason = "code that is compiled for each level, and rows that were looked up")]

mod beam;
mod compared;
mod dot;
mod nibbles;
mod pairs;
mod vectors;

pub use beam::{Beam, BeamBuffers, BeamEnd, Links, Narrow, Neighbours};
pub use compared::{Compared, Scored};
pub use nibbles::{NibbleMatrix, NibbleQuery, StoredNibbles};
pub use pairs::RowPairs;
pub use vectors::{StoredVectors, VectorMatrix, VectorPlaces, VectorQuery};

use crate::mapped::sealed::Plain;
use crate::mapped::{Number, Numbers};
use crate::prefetch::prefetch;
use dot::{CodeLevel, Product, at_level};

/// Bytes that are loaded at once; rows are padded to a multiple with zeros.
const LANE: usize = 64;
/// Largest size of a code.
const LARGEST: f32 = 127.0;
/// Rows that are fetched from memory before they are compared.
const AHEAD: usize = 8;
/// What roundings of `f32` may add to the bound, for vectors of norm 1.
const ROUNDING: f32 = 1e-5;

/// Bytes of a row that lie on one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Lane([i8; LANE]);

#[expect(unsafe_code, reason = "bytes without gaps, of which every pattern is a lane")]
// SAFETY: an array of bytes, as long as it is aligned.
unsafe impl Plain for Lane {}
impl Number for Lane {}

/// Rows of codes.
#[derive(Debug, Clone)]
pub struct CodeMatrix {
    dim: usize,
    lanes_a_row: usize,
    lanes: Numbers<Lane>,
    scales: Numbers<f32>,
    /// The largest L2 norm of a row, and of what its code is off by.
    norm: f32,
    error: f32,
}

impl CodeMatrix {
    /// No rows, of vectors of this dimension.
    pub const fn new(dim: usize) -> Self {
        let lanes_a_row = dim.div_ceil(LANE);
        Self { dim, lanes_a_row, lanes: Numbers::new(), scales: Numbers::new(), norm: 0.0, error: 0.0 }
    }

    /// The codes of vectors, one after the other; others come with what they leave ([`VectorMatrix`]).
    ///
    /// # Shapes
    /// vectors (n, dim)
    #[cfg(test)]
    fn of(vectors: &[f32], dim: usize) -> Self {
        let mut rows = Self::new(dim);
        let count = vectors.len() / dim.max(1);
        rows.lanes.to_mut().reserve_exact(count * rows.lanes_a_row);
        rows.scales.to_mut().reserve_exact(count);
        vectors.chunks_exact(dim.max(1)).for_each(|vector| rows.push(vector));
        rows
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If the vector is of another dimension.
    #[cfg(test)]
    fn push(&mut self, vector: &[f32]) {
        assert_eq!(vector.len(), self.dim, "a row has the dimension of the others");
        let lanes = self.lanes.to_mut();
        let from = lanes.len();
        lanes.resize(from + self.lanes_a_row, Lane([0; LANE]));
        let Coded { scale, norm, error } = as_codes(vector, lanes.get_mut(from..).unwrap_or_default());
        self.scales.to_mut().push(scale);
        self.norm = self.norm.max(norm);
        self.error = self.error.max(error);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// Bytes of memory that no file stands behind.
    pub const fn owned_bytes(&self) -> usize {
        self.lanes.owned_bytes() + self.scales.owned_bytes()
    }

    /// The rows as slices, looked up once for many of them.
    fn view(&self) -> RowsView<'_> {
        RowsView { lanes_a_row: self.lanes_a_row, lanes: &self.lanes, scales: &self.scales }
    }

    fn row(&self, row: usize) -> Option<(&[Lane], f32)> {
        let from = row * self.lanes_a_row;
        Some((self.lanes.get(from..from + self.lanes_a_row)?, *self.scales.get(row)?))
    }
}

/// Rows of codes as slices: for each row its lanes and its scale.
#[derive(Debug, Clone, Copy)]
struct RowsView<'a> {
    lanes_a_row: usize,
    lanes: &'a [Lane],
    scales: &'a [f32],
}

impl RowsView<'_> {
    /// Where the lanes of a row lie, and its scale.
    ///
    /// # Safety
    /// There is such a row.
    #[inline(always)]
    unsafe fn at(&self, row: u32) -> (*const Lane, f32) {
        let row = row as usize;
        // SAFETY: there are `lanes_a_row` lanes and a scale for each row.
        unsafe { (self.lanes.as_ptr().add(row * self.lanes_a_row), *self.scales.get_unchecked(row)) }
    }

    /// Asks memory for a row's code.
    #[inline(always)]
    fn fetch(self, row: u32) {
        let from = row as usize * self.lanes_a_row;
        (from..from + self.lanes_a_row).for_each(|lane| prefetch(self.lanes, lane));
        prefetch(self.scales, row as usize);
    }
}

/// A query as a code, made once for all rows it is compared with.
#[derive(Debug, Clone)]
pub struct CodeQuery {
    level: CodeLevel,
    lanes: Vec<Lane>,
    scale: f32,
    /// 128 times the sum of the codes: what is too much where rows are read as unsigned.
    excess: i32,
    norm: f32,
    error: f32,
}

impl CodeQuery {
    /// The code of a query, for the best instruction set of this machine.
    pub fn new(vector: &[f32]) -> Self {
        Self::at(CodeLevel::best(), vector)
    }

    fn at(level: CodeLevel, vector: &[f32]) -> Self {
        let mut lanes = vec![Lane([0; LANE]); vector.len().div_ceil(LANE)];
        let Coded { scale, norm, error } = {
            let (vector, lanes) = (vector, lanes.as_mut_slice());
            at_level!(level, coded[](vector: &[f32], lanes: &mut [Lane]) -> Coded)
        };
        let sum: i32 = lanes.iter().flat_map(|lane| lane.0).map(i32::from).sum();
        Self { level, lanes, scale, excess: sum * 128, norm, error }
    }

    /// How far the dot product of codes may be from that of the vectors, for any row.
    ///
    /// # Source
    /// q.v - q'.v' = (q - q').v + q'.(v - v'), and Cauchy-Schwarz.
    pub fn bound(&self, rows: &CodeMatrix) -> f32 {
        self.error * rows.norm + (self.norm + self.error) * rows.error + ROUNDING
    }

    /// About the dot product with a row; 0 where there is no such row, or one of another dimension.
    pub fn dot(&self, rows: &CodeMatrix, row: u32) -> f32 {
        match rows.row(row as usize) {
            Some((lanes, scale)) if lanes.len() == self.lanes.len() => {
                dot::product(self.level, &self.lanes, lanes, self.excess) as f32 * (self.scale * scale)
            }
            Some(_) | None => 0.0,
        }
    }

    /// About the dot product with each of these rows; 0 where there is no such row.
    ///
    /// # Shapes
    /// rows (n, dim), places (m) -> out (m)
    pub fn dot_rows(&self, rows: &CodeMatrix, places: &[u32], out: &mut [f32]) {
        let view = rows.view();
        places.iter().take(AHEAD).for_each(|row| view.fetch(*row));
        for (at, (out, row)) in out.iter_mut().zip(places).enumerate() {
            if let Some(next) = places.get(at + AHEAD) {
                view.fetch(*next);
            }
            *out = self.dot(rows, *row);
        }
    }

    /// About the dot product with each of some rows, in order.
    ///
    /// # Shapes
    /// rows (n, dim), from..from + out.len() -> out
    ///
    /// # Panics
    /// If rows are missing, or of another dimension.
    pub fn dot_range(&self, rows: &CodeMatrix, from: usize, out: &mut [f32]) {
        assert_eq!(rows.lanes_a_row, self.lanes.len(), "the query has the dimension of the rows");
        let width = rows.lanes_a_row;
        let (Some(lanes), Some(scales)) = (
            rows.lanes.get(from * width..(from + out.len()) * width),
            rows.scales.get(from..from + out.len()),
        ) else {
            panic!("rows {from} to {} of {}", from + out.len(), rows.len());
        };
        dot::products(self.level, &self.lanes, lanes, self.excess, out);
        for (value, scale) in out.iter_mut().zip(scales) {
            *value *= self.scale * scale;
        }
    }
}

/// What is known of a vector besides its code.
struct Coded {
    scale: f32,
    norm: f32,
    error: f32,
}

/// # Safety
/// None is needed: what is compiled for the instructions of a level is plain Rust.
#[inline(always)]
unsafe fn coded<P: Product>(vector: &[f32], lanes: &mut [Lane]) -> Coded {
    as_codes(vector, lanes)
}

/// Writes the code of a vector into lanes of zeros.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a rounded number of size at most 127; norms of unit vectors"
)]
fn as_codes(vector: &[f32], lanes: &mut [Lane]) -> Coded {
    // Eight at a time, each with a sum of its own, so that the compiler makes vectors of them.
    let mut tops = [0.0_f32; 8];
    for values in vector.chunks(8) {
        tops.iter_mut().zip(values).for_each(|(top, value)| *top = top.max(value.abs()));
    }
    let largest = tops.into_iter().fold(0.0_f32, f32::max);
    let scale = if largest.is_finite() { largest / LARGEST } else { 0.0 };
    let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
    let (mut norms, mut errors) = ([0.0_f64; 8], [0.0_f64; 8]);
    for (chunk, lane) in vector.chunks(LANE).zip(lanes) {
        for (slots, values) in lane.0.chunks_mut(8).zip(chunk.chunks(8)) {
            let sums = norms.iter_mut().zip(&mut errors);
            for ((slot, value), (norm, error)) in slots.iter_mut().zip(values).zip(sums) {
                let code = nearest(value * inverse).clamp(-LARGEST, LARGEST);
                *slot = code as i8;
                *norm += f64::from(*value).powi(2);
                *error += (f64::from(*value) - f64::from(scale) * f64::from(*slot)).powi(2);
            }
        }
    }
    let (norm, error) = (norms.into_iter().sum::<f64>(), errors.into_iter().sum::<f64>());
    Coded { scale, norm: norm.sqrt() as f32, error: error.sqrt() as f32 }
}

/// The nearest whole number to one of size at most 2^22, of two the even one; without the call into the C library that `round` is where the
/// target has no instruction for it.
#[inline(always)]
fn nearest(value: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0;
    (value + SHIFT) - SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn products_of_codes_lie_within_the_bound_at_every_level_and_dimension() {
        let mut random = Random::new(11);
        for dim in [1, 7, 16, 63, 64, 65, 128, 200, 256, 384, 1000] {
            let vectors: Vec<f32> = (0..23).flat_map(|_| random.unit(dim)).collect();
            let rows = CodeMatrix::of(&vectors, dim);
            assert_eq!(rows.len(), 23);
            let query = random.unit(dim);
            let reference = CodeQuery::at(CodeLevel::Portable, &query);
            for level in CodeLevel::available() {
                let code = CodeQuery::at(level, &query);
                let mut out = vec![0.0; rows.len()];
                code.dot_range(&rows, 0, &mut out);
                let places: Vec<u32> = (0..23).rev().chain([99]).collect();
                let mut some = vec![1.0; places.len()];
                code.dot_rows(&rows, &places, &mut some);
                let right: Vec<f32> = out.iter().rev().copied().chain([0.0]).collect();
                assert_eq!(some, right, "{level:?}, {dim}");
                for (row, vector) in vectors.chunks(dim).enumerate() {
                    let row = u32::try_from(row).expect("small");
                    let exact: f64 =
                        vector.iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let found = code.dot(&rows, row);
                    let error = (f64::from(found) - exact).abs();
                    assert!(error <= f64::from(code.bound(&rows)), "{level:?}, {dim}: {error}");
                    // Products of whole numbers: every level has the same.
                    assert_eq!(found, reference.dot(&rows, row), "{level:?}, {dim}");
                    assert_eq!(Some(&found), out.get(row as usize), "{level:?}, {dim}");
                }
            }
        }
    }

    #[test]
    fn the_largest_codes_do_not_overflow() {
        for level in CodeLevel::available() {
            let ones = vec![-1.0; 4096];
            let rows = CodeMatrix::of(&ones, 4096);
            let product = CodeQuery::at(level, &ones).dot(&rows, 0);
            assert!((product - 4096.0).abs() < 0.01, "{level:?}: {product}");
        }
    }

    #[test]
    fn a_zero_vector_and_a_missing_row_give_zero() {
        let rows = CodeMatrix::of(&[0.0; 8], 8);
        let query = CodeQuery::new(&[0.5; 8]);
        assert_eq!(query.dot(&rows, 0), 0.0);
        assert_eq!(query.dot(&rows, 1), 0.0);
        assert_eq!(CodeQuery::new(&[0.1; 100]).dot(&rows, 0), 0.0);
    }
}
