//! Vectors as codes of half a byte a number, for walks that wait for memory more than they compute.
//!
//! `x_i ~ scale * (code_i - 7.5)` with codes from 0 to 15. The step between codes is of three the one that turns the vector least, and the
//! scale is such that a vector has its own product with itself: what it is lowered by would be lost to the nearest rows first.
//! Queries are codes of a byte ([`CodeQuery`]).

#![expect(unsafe_code, reason = "a row that was looked up")]

use super::dot::{CodeLevel, Product, at_level};
use super::{CodeMatrix, CodeQuery, Coded, LANE, Lane, RowsView, VectorMatrix, nearest};
use crate::mapped::{MappedFile, as_bytes};

/// Half of the largest code: what is taken off all of them.
const MIDDLE: f32 = 7.5;
/// The step that is best for numbers that are spread normally, in their deviations.
const NORMAL_STEP: f32 = 0.335;

/// Rows of codes of half a byte a number.
#[derive(Debug, Clone)]
pub struct NibbleMatrix(CodeMatrix);

/// A matrix as a file holds it.
#[derive(Debug, Clone, Copy)]
pub struct StoredNibbles<'a> {
    /// The lanes of the codes.
    pub codes: &'a [u8],
    /// The scales of the rows.
    pub scales: &'a [u8],
    /// The two numbers that bound what the codes are off by.
    pub bounds: [f32; 2],
}

impl NibbleMatrix {
    /// The codes of vectors.
    pub fn of(vectors: &VectorMatrix) -> Self {
        let (dim, lanes_a_row, count) = (vectors.dim(), Self::lanes_a_row(vectors.dim()), vectors.len());
        let mut lanes = vec![Lane([0; LANE]); lanes_a_row * count];
        let mut scales = Vec::with_capacity(count);
        let (mut norm, mut error) = (0.0_f32, 0.0_f32);
        for (row, lanes) in (0..).zip(lanes.chunks_mut(lanes_a_row.max(1))) {
            let coded = write(&vectors.decoded(row).unwrap_or_default(), lanes);
            scales.push(coded.scale);
            norm = norm.max(coded.norm);
            error = error.max(coded.error);
        }
        scales.resize(count, 0.0);
        Self(CodeMatrix { dim, lanes_a_row, lanes: lanes.into(), scales: scales.into(), norm, error })
    }

    const fn lanes_a_row(dim: usize) -> usize {
        dim.div_ceil(2 * LANE)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of memory that no file stands behind.
    pub const fn owned_bytes(&self) -> usize {
        self.0.owned_bytes()
    }

    /// Bytes of the lanes of so many rows.
    pub const fn lane_bytes(dim: usize, rows: usize) -> usize {
        Self::lanes_a_row(dim) * LANE * rows
    }

    /// The rows as a file holds them.
    pub fn stored(&self) -> StoredNibbles<'_> {
        StoredNibbles {
            codes: as_bytes(&self.0.lanes),
            scales: as_bytes(&self.0.scales),
            bounds: [self.0.norm, self.0.error],
        }
    }

    /// `rows` rows whose codes and scales lie at these places of a file, in bytes; `None` where they do not fit in it.
    pub fn mapped(
        file: &MappedFile,
        dim: usize,
        rows: usize,
        [codes, scales]: [usize; 2],
        [norm, error]: [f32; 2],
    ) -> Option<Self> {
        let lanes_a_row = Self::lanes_a_row(dim);
        let lanes = file.numbers(codes, rows.checked_mul(lanes_a_row)?)?;
        Some(Self(CodeMatrix { dim, lanes_a_row, lanes, scales: file.numbers(scales, rows)?, norm, error }))
    }

    /// How far the dot product of codes may be from that of the vectors, for any row.
    pub fn bound(&self, query: &CodeQuery) -> f32 {
        query.bound(&self.0)
    }

    pub(super) fn view(&self) -> RowsView<'_> {
        self.0.view()
    }
}

/// A query that is compared with rows of half bytes.
#[derive(Debug, Clone)]
pub struct NibbleQuery {
    pub(super) level: CodeLevel,
    /// Two lanes for each lane of a row.
    lanes: Vec<Lane>,
    scale: f32,
    /// What all codes are too large by, times the sum of the query's.
    excess: f32,
}

impl NibbleQuery {
    /// The query of a code.
    pub fn new(code: &CodeQuery) -> Self {
        let mut lanes = Vec::with_capacity(code.lanes.len() + 1);
        lanes.extend_from_slice(&code.lanes);
        lanes.resize(code.lanes.len().next_multiple_of(2), Lane([0; LANE]));
        // That of a byte is 128 times the sum.
        let sum = code.excess / 128;
        Self { level: code.level, lanes, scale: code.scale, excess: sum as f32 * MIDDLE }
    }

    pub(super) fn fits(&self, rows: &NibbleMatrix) -> bool {
        self.lanes.len() == 2 * rows.0.lanes_a_row
    }

    /// About the dot product with a row; 0 where there is no such row, or one of another dimension.
    pub fn dot(&self, rows: &NibbleMatrix, row: u32) -> f32 {
        if !self.fits(rows) || row as usize >= rows.len() {
            return 0.0;
        }
        let (query, rows) = (self, rows.view());
        at_level!(self.level, one[](query: &NibbleQuery, rows: RowsView<'_>, row: u32) -> f32)
    }

    /// # Safety
    /// The machine has the instructions of `P`, `row` is below the number of rows, and the query has the rows' dimension.
    #[inline(always)]
    pub(super) unsafe fn product<P: Product>(&self, rows: RowsView<'_>, row: u32) -> f32 {
        // SAFETY: as the caller promises.
        unsafe {
            let (lanes, scale) = rows.at(row);
            (P::nibbles(&self.lanes, lanes) as f32 - self.excess) * (self.scale * scale)
        }
    }
}

/// # Safety
/// As [`NibbleQuery::product`].
#[inline(always)]
unsafe fn one<P: Product>(query: &NibbleQuery, rows: RowsView<'_>, row: u32) -> f32 {
    // SAFETY: as the caller promises.
    unsafe { query.product::<P>(rows, row) }
}

/// Writes a vector into lanes of zeros: number `i` of each 128 into byte `i % 64`, the low half of it for the first 64.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole numbers from 0 to 15; norms of unit vectors"
)]
fn write(vector: &[f32], lanes: &mut [Lane]) -> Coded {
    let (mut largest, mut squares) = (0.0_f32, 0.0_f32);
    for value in vector {
        largest = largest.max(value.abs());
        squares += value * value;
    }
    if !squares.is_finite() || squares <= 0.0 {
        return Coded { scale: 0.0, norm: 0.0, error: 0.0 };
    }
    let (normal, widest) = (NORMAL_STEP * (squares / vector.len() as f32).sqrt(), largest / MIDDLE);
    let steps = [normal, (normal * widest).sqrt(), widest];
    let turned = steps.map(|step| {
        let inverse = step.recip();
        let (mut product, mut own) = (0.0_f32, 0.0_f32);
        for value in vector {
            let code = code(*value, inverse) - MIDDLE;
            product += value * code;
            own += code * code;
        }
        (product / own.sqrt(), step.recip(), product)
    });
    let [first, rest @ ..] = turned;
    let (_, inverse, product) =
        rest.into_iter().fold(first, |best, other| if other.0 > best.0 { other } else { best });
    let scale = squares / product;
    let mut error = 0.0_f32;
    for (numbers, lane) in vector.chunks(2 * LANE).zip(lanes) {
        for (at, value) in numbers.iter().enumerate() {
            let code = code(*value, inverse);
            error += (value - scale * (code - MIDDLE)).powi(2);
            let shift = if at < LANE { 0 } else { 4 };
            if let Some(byte) = lane.0.get_mut(at % LANE) {
                *byte |= ((code as u8) << shift).cast_signed();
            }
        }
    }
    Coded { scale, norm: squares.sqrt(), error: error.sqrt() }
}

/// The code of a number, as a number.
#[inline(always)]
fn code(value: f32, inverse: f32) -> f32 {
    nearest((value * inverse + MIDDLE).clamp(0.0, 2.0 * MIDDLE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn products_lie_within_the_bound_and_are_alike_at_every_level_and_dimension() {
        let mut random = Random::new(31);
        for dim in [1, 7, 63, 64, 65, 128, 129, 200, 256, 384, 1000] {
            let vectors: Vec<f32> = (0..17).flat_map(|_| random.unit(dim)).collect();
            let kept = VectorMatrix::of(&vectors, dim);
            let rows = NibbleMatrix::of(&kept);
            let query = random.unit(dim);
            let reference = NibbleQuery::new(&CodeQuery::at(CodeLevel::Portable, &query));
            for level in CodeLevel::available() {
                let code = CodeQuery::at(level, &query);
                let (asked, bound) = (NibbleQuery::new(&code), rows.bound(&code));
                for (row, vector) in (0..).zip(vectors.chunks(dim)) {
                    let exact: f64 =
                        vector.iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let found = asked.dot(&rows, row);
                    let error = (f64::from(found) - exact).abs();
                    assert!(error <= f64::from(bound), "{level:?}, {dim}: {error}");
                    assert_eq!(found, reference.dot(&rows, row), "{level:?}, {dim}");
                }
            }
            // Half a byte is worth something: far less than the vector is lost, and a vector is nearest to itself.
            assert!(dim < 16 || asked_error(&rows) < 0.2, "{dim}: {}", asked_error(&rows));
            for (row, vector) in (0..).zip(vectors.chunks(dim)) {
                let own = NibbleQuery::new(&CodeQuery::new(vector)).dot(&rows, row);
                assert!((own - 1.0).abs() < 0.02, "{dim}: {own}");
            }
        }
    }

    fn asked_error(rows: &NibbleMatrix) -> f32 {
        rows.stored().bounds[1]
    }

    #[test]
    fn rows_of_a_file_are_those_that_were_written() {
        use std::io::Write as _;
        let (dim, mut random) = (200, Random::new(32));
        let vectors: Vec<f32> = (0..9).flat_map(|_| random.unit(dim)).collect();
        let rows = NibbleMatrix::of(&VectorMatrix::of(&vectors, dim));
        let StoredNibbles { codes, scales, bounds } = rows.stored();
        assert_eq!(codes.len(), NibbleMatrix::lane_bytes(dim, 9));
        let mut file = tempfile::tempfile().expect("a file");
        [codes, scales].into_iter().for_each(|part| file.write_all(part).expect("writes"));
        let mapped = MappedFile::open(&file).expect("maps");
        let read = NibbleMatrix::mapped(&mapped, dim, 9, [0, codes.len()], bounds).expect("fits");
        assert!(NibbleMatrix::mapped(&mapped, dim, 10, [0, codes.len()], bounds).is_none());
        let query = NibbleQuery::new(&CodeQuery::new(&random.unit(dim)));
        assert_eq!((read.len(), read.owned_bytes()), (9, 0));
        assert!((0..9).all(|row| read.len() == 9 && query.dot(&read, row) == query.dot(&rows, row)));
    }

    #[test]
    fn zeros_sparse_rows_missing_rows_and_other_dimensions_are_told() {
        let mut vectors = vec![0.0; 256];
        vectors[130] = 1.0;
        let rows = NibbleMatrix::of(&VectorMatrix::of(&vectors, 128));
        let query = NibbleQuery::new(&CodeQuery::new(&vectors[128..]));
        assert_eq!(query.dot(&rows, 0), 0.0);
        assert!((query.dot(&rows, 1) - 1.0).abs() < 0.02, "{}", query.dot(&rows, 1));
        assert_eq!(query.dot(&rows, 2), 0.0);
        assert_eq!(NibbleQuery::new(&CodeQuery::new(&[0.1; 300])).dot(&rows, 1), 0.0);
        assert!(NibbleMatrix::of(&VectorMatrix::new(8)).is_empty());
    }
}
