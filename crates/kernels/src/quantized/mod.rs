//! Matrix products of seven bits: weights by channel, inputs by row.
//!
//! A weight is a whole number in -64..=64 times its channel's scale; a number of the input is one in 0..=127, less its row's
//! zero, times its row's scale, both found as the row comes. Four products of such numbers are at most `4 * 127 * 64 = 32,512`, which
//! an `i16` holds: AVX2 multiplies and adds pairs of bytes into `i16`, two of these are added before they are widened, and nothing
//! ever saturates. Sums are whole: every instruction set makes the same of the same bytes.
//!
//! ```text
//! columns of the result    0 ........ 16        | 16 ..
//! eight of k               [2 fours][2 x 8 columns][4 of k] bytes, zeros past n and k
//! ```

#![expect(unsafe_code, reason = "calls the kernel with lengths that are checked at entry")]

mod input;
mod kernel;
#[cfg(test)]
mod tests;
mod tile;

use std::cell::RefCell;

use crate::gemm::{Epilogue, Grid, Part, Place};
use crate::level::{Level, dispatch};
use crate::pages::zeros;
use input::Rows;

/// Columns of a panel.
const PANEL: usize = 16;
/// Numbers of k that are taken at once.
const GROUP: usize = 8;
/// Bytes of a group of a panel.
const GROUP_BYTES: usize = PANEL * GROUP;
/// The largest weight.
const MOST: f32 = 64.0;
/// Columns of the longest matrix: sums of as many products fit an `i32`.
const MAX_K: usize = 1 << 17;

/// A matrix `(n, k)` of seven bits in panels, for products `input (m, k) * matrix^T -> (m, n)`.
#[derive(Debug, Clone)]
pub struct QuantizedMatrix {
    level: Level,
    n: usize,
    k: usize,
    panels: Vec<i8>,
    /// Of each channel, and of the columns of the last panel that are none.
    scales: Vec<f32>,
    /// Of the weights of each channel.
    sums: Vec<i32>,
}

thread_local! {
    static ROWS: RefCell<Rows> = const { RefCell::new(Rows::EMPTY) };
}

impl QuantizedMatrix {
    /// Rounds and packs a matrix `(n, k)` that lies in row-major order. A channel of which a weight is no finite number makes
    /// products that are none.
    ///
    /// # Panics
    /// If there are not `n * k` weights, or a row has more than 131,072.
    pub fn new(weights: &[f32], n: usize, k: usize) -> Self {
        Self::new_at(Level::best(), weights, n, k)
    }

    fn new_at(level: Level, weights: &[f32], n: usize, k: usize) -> Self {
        assert_eq!(Some(weights.len()), n.checked_mul(k), "a matrix of n rows of k weights");
        assert!(k <= MAX_K, "rows of {k} weights");
        let (columns, bytes) = (n.next_multiple_of(PANEL), k.div_ceil(GROUP) * GROUP_BYTES);
        let mut made = Self {
            level,
            n,
            k,
            panels: zeros(columns / PANEL * bytes),
            scales: vec![0.0; columns],
            sums: vec![0; columns],
        };
        if k == 0 {
            return made;
        }
        let channels = made.scales.iter_mut().zip(&mut made.sums);
        for (column, (row, (scale, sum))) in weights.chunks_exact(k).zip(channels).enumerate() {
            // NaN stays in a sum, where `max` would lose it.
            let checked: f32 = row.iter().map(|weight| weight * 0.0).sum();
            let most = row.iter().fold(0.0, |most: f32, weight| most.max(weight.abs()));
            *scale = most / MOST + checked;
            let by = if most > 0.0 { MOST / most } else { 0.0 };
            let panel = made.panels.get_mut(column / PANEL * bytes..).unwrap_or_default();
            for (weight, at) in row.iter().zip(0..) {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a whole number within -64..=64, or 0 for NaN"
                )]
                let code = (weight * by).round().clamp(-MOST, MOST) as i8;
                if let Some(place) = panel.get_mut(place_of(at, column % PANEL)) {
                    *place = code;
                }
                *sum += i32::from(code);
            }
        }
        made
    }

    /// Rows of the matrix, which are columns of a product.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Columns of the matrix.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Multiplies the rows of an input by the matrix.
    ///
    /// # Shapes
    /// input (m, k) -> out (m, n)
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn multiply(&self, input: &[f32], epilogue: Epilogue<'_>, out: &mut [f32]) {
        self.multiply_in_parts(input, epilogue, out, 1, |all| all());
    }

    /// The same in parts for so many `workers`, as [`crate::PackedMatrix::multiply_in_parts`].
    ///
    /// # Panics
    /// As [`QuantizedMatrix::multiply`].
    pub fn multiply_in_parts(
        &self,
        input: &[f32],
        epilogue: Epilogue<'_>,
        out: &mut [f32],
        workers: usize,
        each: impl FnOnce(&(dyn Fn() + Sync)),
    ) {
        if self.n == 0 {
            assert!(out.is_empty(), "a product of no columns");
            return;
        }
        let m = epilogue.rows_of(out, self.n);
        assert_eq!(input.len(), m * self.k, "an input of {m} rows of {} numbers", self.k);
        let mut rows = ROWS.take();
        rows.fill(self.level, input, (m, self.k));
        let product = Product { matrix: self, rows: &rows, epilogue };
        let grid = Grid::new(m, self.n, PANEL, workers);
        let place = Place(out.as_mut_ptr());
        grid.make(each, |part| {
            dispatch!(
                self.level,
                [product: Product<'_>, part: Part, place: Place] -> (),
                |V| kernel::run::<V>(product, part, place.0)
            );
        });
        ROWS.set(rows);
    }
}

/// Where a weight of a panel lies.
fn place_of(k: usize, column: usize) -> usize {
    let (group, four, of_four) = (k / GROUP, k % GROUP / 4, k % 4);
    group * GROUP_BYTES + four * (GROUP_BYTES / 2) + column * 4 + of_four
}

/// A product whose lengths were checked.
#[derive(Debug, Clone, Copy)]
struct Product<'a> {
    matrix: &'a QuantizedMatrix,
    rows: &'a Rows,
    epilogue: Epilogue<'a>,
}
