//! Vectors at two bytes a number: the int8 code that walks and scans read first, and beside it what that code leaves, as
//! int8 of a 254th of its scale: `x_i ~ scale * (code_i + rest_i / 254)`.
//!
//! A code is off by at most half a step of `scale`, so the rest fits a byte; both together are off by at most
//! `max |x| / 64516` a number. For a unit vector of 384 dimensions that is a cosine of about 2e-6.

#![expect(unsafe_code, reason = "vector loads of whole lanes, of rows that were looked up")]

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use super::{CodeMatrix, Coded, LANE, LARGEST, Lane, as_codes, nearest};
use crate::level::{Level, dispatch};
use crate::mapped::{MappedFile, Numbers, as_bytes};
use crate::prefetch::prefetch;
use crate::simd::Vector;

/// Steps of a rest in a step of a code.
const STEPS: f32 = 2.0 * LARGEST;

/// Rows of vectors: their codes, and what the codes leave.
#[derive(Debug, Clone)]
pub struct VectorMatrix {
    codes: CodeMatrix,
    rests: Numbers<Lane>,
}

/// Where the parts of a matrix lie in a file, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct VectorPlaces {
    /// The lanes of the codes.
    pub codes: usize,
    /// The scales of the rows.
    pub scales: usize,
    /// The lanes of what the codes leave.
    pub rests: usize,
}

/// A matrix as a file holds it.
#[derive(Debug, Clone, Copy)]
pub struct StoredVectors<'a> {
    /// The lanes of the codes.
    pub codes: &'a [u8],
    /// The scales of the rows.
    pub scales: &'a [u8],
    /// The lanes of what the codes leave.
    pub rests: &'a [u8],
    /// The two numbers that bound what the codes are off by.
    pub bounds: [f32; 2],
}

impl VectorMatrix {
    /// No rows, of vectors of this dimension.
    pub const fn new(dim: usize) -> Self {
        Self { codes: CodeMatrix::new(dim), rests: Numbers::new() }
    }

    /// So many rows of zeros, to be [`VectorMatrix::set`].
    pub fn zeros(dim: usize, rows: usize) -> Self {
        let mut zeros = Self::new(dim);
        let lanes = vec![Lane([0; LANE]); rows * zeros.codes.lanes_a_row];
        zeros.rests = lanes.clone().into();
        zeros.codes.lanes = lanes.into();
        zeros.codes.scales = vec![0.0; rows].into();
        zeros
    }

    /// Rows of vectors, one after the other.
    ///
    /// # Shapes
    /// vectors (n, dim)
    pub fn of(vectors: &[f32], dim: usize) -> Self {
        let mut rows = Self::zeros(dim, vectors.len() / dim.max(1));
        for (row, vector) in (0..).zip(vectors.chunks_exact(dim.max(1))) {
            rows.set(row, vector);
        }
        rows
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If the vector is of another dimension.
    pub fn push(&mut self, vector: &[f32]) {
        let row = self.len();
        let lanes = (row + 1) * self.codes.lanes_a_row;
        self.codes.lanes.to_mut().resize(lanes, Lane([0; LANE]));
        self.rests.to_mut().resize(lanes, Lane([0; LANE]));
        self.codes.scales.to_mut().push(0.0);
        self.set(row, vector);
    }

    /// Writes a row; nothing where there is no such row.
    ///
    /// # Panics
    /// If the vector is of another dimension.
    pub fn set(&mut self, row: usize, vector: &[f32]) {
        assert_eq!(vector.len(), self.codes.dim, "a row has the dimension of the others");
        let lanes = row * self.codes.lanes_a_row..(row + 1) * self.codes.lanes_a_row;
        let (Some(codes), Some(rests), Some(scale)) = (
            self.codes.lanes.to_mut().get_mut(lanes.clone()),
            self.rests.to_mut().get_mut(lanes),
            self.codes.scales.to_mut().get_mut(row),
        ) else {
            return;
        };
        let coded = split(vector, codes, rests);
        *scale = coded.scale;
        self.codes.norm = self.codes.norm.max(coded.norm);
        self.codes.error = self.codes.error.max(coded.error);
    }

    /// Rows of this matrix as a matrix of their own, in the order that is given; those that do not exist are left out.
    pub fn pick(&self, rows: impl Iterator<Item = u32>) -> Self {
        let mut picked = Self::new(self.codes.dim);
        rows.for_each(|row| picked.push_row(self, row));
        picked
    }

    /// Adds a row of another matrix of the same dimension as it is; nothing where there is no such row.
    pub fn push_row(&mut self, other: &Self, row: u32) {
        let Some((codes, rests, scale)) = other.row(row) else { return };
        if other.codes.dim == self.codes.dim {
            self.codes.lanes.to_mut().extend_from_slice(codes);
            self.rests.to_mut().extend_from_slice(rests);
            self.codes.scales.to_mut().push(scale);
            self.codes.norm = self.codes.norm.max(other.codes.norm);
            self.codes.error = self.codes.error.max(other.codes.error);
        }
    }

    /// For each row the first that holds the same numbers: itself, where none before it does.
    pub fn firsts(&self) -> Vec<u32> {
        let mut known: HashMap<u64, Vec<u32>> = HashMap::with_capacity(self.len());
        let hashed = BuildHasherDefault::<DefaultHasher>::default();
        let rows = (0..).take(self.len()).map(|row| {
            let Some((codes, rests, scale)) = self.row(row) else { return row };
            let hash = hashed.hash_one((as_bytes(codes), as_bytes(rests), scale.to_bits()));
            let alike = known.entry(hash).or_default();
            let is_same = |other: &&u32| {
                self.row(**other).is_some_and(|(other_codes, other_rests, other_scale)| {
                    (as_bytes(other_codes), as_bytes(other_rests)) == (as_bytes(codes), as_bytes(rests))
                        && other_scale.to_bits() == scale.to_bits()
                })
            };
            alike.iter().find(is_same).copied().unwrap_or_else(|| {
                alike.push(row);
                row
            })
        });
        rows.collect()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Dimension of the vectors.
    pub const fn dim(&self) -> usize {
        self.codes.dim
    }

    /// The codes of the rows.
    pub const fn codes(&self) -> &CodeMatrix {
        &self.codes
    }

    /// A row as numbers, within the error that the module tells; none where there is no such row.
    pub fn decoded(&self, row: u32) -> Option<Vec<f32>> {
        let (codes, rests, scale) = self.row(row)?;
        let codes = codes.iter().flat_map(|lane| lane.0);
        let rests = rests.iter().flat_map(|lane| lane.0);
        let numbers =
            codes.zip(rests).map(|(code, rest)| scale * (f32::from(code) + f32::from(rest) / STEPS));
        Some(numbers.take(self.codes.dim).collect())
    }

    /// Asks memory for what the code of a row leaves.
    pub fn prefetch(&self, row: u32) {
        let from = row as usize * self.codes.lanes_a_row;
        (from..from + self.codes.lanes_a_row).for_each(|lane| prefetch(&self.rests, lane));
    }

    /// Asks memory for the code of a row.
    pub fn prefetch_code(&self, row: u32) {
        self.codes.view().fetch(row);
    }

    /// Bytes of memory that no file stands behind.
    pub const fn owned_bytes(&self) -> usize {
        self.codes.owned_bytes() + self.rests.owned_bytes()
    }

    /// The rows as a file holds them.
    pub fn stored(&self) -> StoredVectors<'_> {
        StoredVectors {
            codes: as_bytes(&self.codes.lanes),
            scales: as_bytes(&self.codes.scales),
            rests: as_bytes(&self.rests),
            bounds: [self.codes.norm, self.codes.error],
        }
    }

    /// `rows` vectors that lie in a file; `None` where they do not fit in it.
    pub fn mapped(
        file: &MappedFile,
        dim: usize,
        rows: usize,
        places: VectorPlaces,
        [norm, error]: [f32; 2],
    ) -> Option<Self> {
        let lanes_a_row = dim.div_ceil(LANE);
        let count = rows.checked_mul(lanes_a_row)?;
        let (lanes, scales) = (file.numbers(places.codes, count)?, file.numbers(places.scales, rows)?);
        let codes = CodeMatrix { dim, lanes_a_row, lanes, scales, norm, error };
        Some(Self { codes, rests: file.numbers(places.rests, count)? })
    }

    /// Bytes of the lanes of so many rows, of their codes or of what those leave.
    pub const fn lane_bytes(dim: usize, rows: usize) -> usize {
        dim.div_ceil(LANE) * LANE * rows
    }

    fn row(&self, row: u32) -> Option<(&[Lane], &[Lane], f32)> {
        let (codes, scale) = self.codes.row(row as usize)?;
        let from = row as usize * self.codes.lanes_a_row;
        Some((codes, self.rests.get(from..from + self.codes.lanes_a_row)?, scale))
    }
}

/// A query that is compared with rows of vectors.
#[derive(Debug, Clone)]
pub struct VectorQuery {
    level: Level,
    /// The vector with zeros behind it, up to whole lanes.
    numbers: Vec<f32>,
}

impl VectorQuery {
    /// A query, for the best instruction set of this machine.
    pub fn new(vector: &[f32]) -> Self {
        Self::at(Level::best(), vector)
    }

    fn at(level: Level, vector: &[f32]) -> Self {
        let mut numbers = vector.to_vec();
        numbers.resize(vector.len().next_multiple_of(LANE), 0.0);
        Self { level, numbers }
    }

    /// The dot product with a row; 0 where there is no such row, or one of another dimension.
    pub fn dot(&self, rows: &VectorMatrix, row: u32) -> f32 {
        match rows.row(row) {
            Some((codes, rests, scale)) if codes.len() * LANE == self.numbers.len() => {
                let (numbers, level) = (self.numbers.as_slice(), self.level);
                let product = dispatch!(level, [numbers: &[f32], codes: &[Lane], rests: &[Lane]] -> f32,
                    |V| product::<V>(numbers, codes, rests));
                product * scale
            }
            Some(_) | None => 0.0,
        }
    }
}

/// # Safety
/// `numbers` has [`LANE`] numbers for each lane of `codes`, and `rests` as many lanes.
#[inline(always)]
unsafe fn product<V: Vector>(numbers: &[f32], codes: &[Lane], rests: &[Lane]) -> f32 {
    let (numbers, codes, rests) = (numbers, codes.as_ptr().cast::<i8>(), rests.as_ptr().cast::<i8>());
    let len = numbers.len();
    let numbers = numbers.as_ptr();
    // SAFETY: lanes are whole numbers of vectors, and all three have `len` numbers.
    unsafe {
        let mut sums = [[V::splat(0.0); 2]; 2];
        let mut at = 0;
        while at + 2 * V::LANES <= len {
            for (half, [coarse, fine]) in sums.iter_mut().enumerate() {
                let from = at + half * V::LANES;
                let number = V::load(numbers.add(from));
                *coarse = V::load_i8(codes.add(from)).mul_add(number, *coarse);
                *fine = V::load_i8(rests.add(from)).mul_add(number, *fine);
            }
            at += 2 * V::LANES;
        }
        let [[coarse, fine], [other_coarse, other_fine]] = sums;
        fine.add(other_fine).mul_add(V::splat(1.0 / STEPS), coarse.add(other_coarse)).sum()
    }
}

/// Writes a vector as codes and rests. Norm and error are those of the row as it is held.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a rounded number of size at most 127; norms of unit vectors"
)]
fn split(vector: &[f32], codes: &mut [Lane], rests: &mut [Lane]) -> Coded {
    let Coded { scale, .. } = as_codes(vector, codes);
    let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
    let (mut norm, mut error) = (0.0_f64, 0.0_f64);
    for ((chunk, code), rest) in vector.chunks(LANE).zip(codes).zip(rests) {
        for ((value, code), rest) in chunk.iter().zip(code.0).zip(&mut rest.0) {
            let left = (value * inverse - f32::from(code)) * STEPS;
            *rest = nearest(left).clamp(-LARGEST, LARGEST) as i8;
            let off = f64::from(scale) * f64::from(*rest) / f64::from(STEPS);
            norm += (f64::from(scale) * f64::from(code) + off).powi(2);
            error += off.powi(2);
        }
    }
    Coded { scale, norm: norm.sqrt() as f32, error: error.sqrt() as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::CodeQuery;
    use crate::testing::Random;

    #[test]
    fn products_are_right_within_what_two_bytes_leave_at_every_level_and_dimension() {
        let mut random = Random::new(21);
        for dim in [1, 7, 16, 63, 64, 65, 128, 200, 256, 384, 1000] {
            let vectors: Vec<f32> = (0..19).flat_map(|_| random.unit(dim)).collect();
            let rows = VectorMatrix::of(&vectors, dim);
            let query = random.unit(dim);
            for level in Level::available() {
                let asked = VectorQuery::at(level, &query);
                let coded = CodeQuery::new(&query);
                for (row, vector) in (0..).zip(vectors.chunks(dim)) {
                    let exact: f64 =
                        vector.iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
                    // Half a step a number (Cauchy-Schwarz, the query has norm 1), and roundings of f32.
                    let bound = f64::from(largest) / 64_516.0 * (dim as f64).sqrt() + 1e-6;
                    let found = asked.dot(&rows, row);
                    assert!((f64::from(found) - exact).abs() <= bound, "{level:?}, {dim}: {found}, {exact}");
                    let about = coded.dot(rows.codes(), row);
                    assert!((about - found).abs() <= coded.bound(rows.codes()), "{level:?}, {dim}");
                    let decoded = rows.decoded(row).expect("a row");
                    let step = largest / 64_516.0 + 1e-7;
                    assert_eq!(decoded.len(), dim);
                    assert!(decoded.iter().zip(vector).all(|(a, b)| (a - b).abs() <= step), "{dim}");
                }
            }
        }
    }

    #[test]
    fn rows_are_the_same_pushed_set_picked_and_read_from_a_file() {
        use std::io::Write as _;
        let (dim, mut random) = (100, Random::new(22));
        let vectors: Vec<f32> = (0..9).flat_map(|_| random.unit(dim)).collect();
        let rows = VectorMatrix::of(&vectors, dim);
        let mut pushed = VectorMatrix::new(dim);
        vectors.chunks(dim).for_each(|vector| pushed.push(vector));
        let picked = rows.pick([3, 77, 0].into_iter());
        let StoredVectors { codes, scales, rests, bounds } = rows.stored();
        let mut file = tempfile::tempfile().expect("a file");
        [codes, rests, scales].into_iter().for_each(|part| file.write_all(part).expect("writes"));
        let mapped = MappedFile::open(&file).expect("maps");
        let places = VectorPlaces { codes: 0, rests: codes.len(), scales: codes.len() * 2 };
        let read = VectorMatrix::mapped(&mapped, dim, 9, places, bounds).expect("fits");
        assert!(VectorMatrix::mapped(&mapped, dim, 10, places, bounds).is_none());
        assert_eq!((read.len(), read.owned_bytes(), picked.len()), (9, 0, 2));
        for row in 0..9 {
            assert!(rows.decoded(row).is_some());
            assert_eq!(rows.decoded(row), pushed.decoded(row));
            assert_eq!(rows.decoded(row), read.decoded(row));
        }
        assert_eq!((picked.decoded(0), picked.decoded(1)), (rows.decoded(3), rows.decoded(0)));
        // Which rows are the same is told by their numbers.
        let twice = rows.pick([4, 2, 4, 4, 2, 8].into_iter());
        assert_eq!(twice.firsts(), [0, 1, 0, 0, 1, 5]);
        // Written once more, a row stays what it is.
        let again = VectorMatrix::of(&rows.decoded(5).expect("a row"), dim);
        assert_eq!(again.stored().codes, &codes[5 * 128..6 * 128]);
    }

    #[test]
    fn zeros_missing_rows_and_other_dimensions_give_zero() {
        let rows = VectorMatrix::of(&[0.0; 8], 8);
        assert_eq!(VectorQuery::new(&[0.5; 8]).dot(&rows, 0), 0.0);
        assert_eq!(VectorQuery::new(&[0.5; 8]).dot(&rows, 1), 0.0);
        assert_eq!(VectorQuery::new(&[0.5; 100]).dot(&rows, 0), 0.0);
        assert_eq!(rows.decoded(0), Some(vec![0.0; 8]));
        assert_eq!(rows.decoded(1), None);
        assert_eq!(VectorMatrix::of(&[f32::NAN, 1.0], 2).len(), 1);
    }
}
