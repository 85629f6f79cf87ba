//! Matrix products by weights that are packed once.
//!
//! A layer's weight `(n, k)` is multiplied with thousands of inputs, so that it pays to lay it out for the inner loop:
//!
//! ```text
//! columns of the result  0 ........ 3L | 3L ....... 6L | rest, 1 to 3 vectors
//! panel                  [k][3L] floats | [k][3L]       | [k][1..3 L], zeros past n
//! ```
//! L is the number of lanes. The inner loop holds a tile of rows x 3 vectors of the result in registers and walks k:
//! three loads from the panel, one broadcast for each row of the input, a multiply-add for each pair. The input is read
//! as it lies. Bias, clamp and residual are applied while the tile is still in registers.

#![expect(unsafe_code, reason = "calls the kernel with lengths that are checked at entry")]

mod kernel;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};

use half::f16;

use crate::activation::{Activation, activate_at};
use crate::level::{Level, dispatch};

/// Vectors of a whole panel.
const PANEL_VECTORS: usize = 3;
/// The share of the second-level cache that rows of the input may take while panels pass over them.
const INPUT_BLOCK_BYTES: usize = 256 << 10;
/// Rows of the largest tile; blocks of rows are multiples of it.
const TILE_ROWS: usize = 8;

/// A matrix `(n, k)` in panels, for products `input (m, k) * matrix^T -> (m, n)`.
#[derive(Debug, Clone)]
pub struct PackedMatrix {
    level: Level,
    n: usize,
    k: usize,
    panels: Vec<f32>,
    /// Instead of `panels`, where half of the memory is worth more than the last bits.
    halves: Vec<f16>,
}

/// What is done to a product before it is written: `activation(product + bias) + residual`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// Added to each row; `n` numbers.
    pub bias: Option<&'a [f32]>,
    /// Applied after the bias.
    pub activation: Activation,
    /// Added last; `(m, n)`.
    pub residual: Option<&'a [f32]>,
}

impl PackedMatrix {
    /// Packs a matrix `(n, k)` that lies in row-major order.
    ///
    /// # Panics
    /// If there are not `n * k` weights.
    pub fn new(weights: &[f32], n: usize, k: usize) -> Self {
        Self::new_at(Level::best(), weights, n, k)
    }

    /// A matrix of nothing, to be filled by [`PackedMatrix::repack`].
    pub fn empty() -> Self {
        Self { level: Level::best(), n: 0, k: 0, panels: Vec::new(), halves: Vec::new() }
    }

    pub(crate) fn new_at(level: Level, weights: &[f32], n: usize, k: usize) -> Self {
        assert_eq!(Some(weights.len()), n.checked_mul(k), "a matrix of n rows of k weights");
        let mut matrix = Self { level, ..Self::empty() };
        matrix.repack(weights, (n, k), (k, 1));
        matrix
    }

    /// The same matrix with weights of sixteen bits, rounded to the nearest: a product of few rows waits for memory, and
    /// half of the bytes are read in half of the time.
    #[must_use]
    pub fn halved(mut self) -> Self {
        self.halves = self.panels.iter().map(|weight| f16::from_f32(*weight)).collect();
        self.panels = Vec::new();
        self
    }

    /// Packs another matrix into the same memory: element `(row, column)` lies at `row * strides.0 + column * strides.1`.
    ///
    /// # Panics
    /// If an element lies past the end of `weights`.
    pub fn repack(&mut self, weights: &[f32], (n, k): (usize, usize), strides: (usize, usize)) {
        let lanes = self.level.lanes();
        (self.n, self.k) = (n, k);
        self.halves.clear();
        self.panels.clear();
        self.panels.resize(n.next_multiple_of(lanes) * k, 0.0);
        if k == 0 {
            return;
        }
        let whole = PANEL_VECTORS * lanes;
        for (index, panel) in self.panels.chunks_mut(whole * k).enumerate() {
            let width = panel.len() / k;
            let first = index * whole;
            let used = width.min(n - first);
            for (column, line) in panel.chunks_exact_mut(width).enumerate() {
                let from = first * strides.0 + column * strides.1;
                let source = weights.get(from..).unwrap_or_default().iter().step_by(strides.0.max(1));
                let mut filled = 0;
                for (to, weight) in line.iter_mut().take(used).zip(source) {
                    *to = *weight;
                    filled += 1;
                }
                assert_eq!(filled, used, "every element of the matrix lies within the weights");
            }
        }
    }

    /// Rows of the matrix, which are columns of a product.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Columns of the matrix.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Multiplies the rows of an input by the matrix. A row starts `stride` floats after the one before it.
    ///
    /// # Shapes
    /// input (m, k), rows `stride` apart -> out (m, n)
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn multiply(&self, input: &[f32], stride: usize, epilogue: Epilogue<'_>, out: &mut [f32]) {
        self.multiply_in_parts(input, stride, epilogue, out, 1, |all| all());
    }

    /// The same in at most `parts` runs of columns, which `each` has made: it calls what it is given `parts` times, on whatever
    /// threads, and each call makes the next run. Few rows are done sooner so, for each thread reads its own share of the weights.
    ///
    /// # Panics
    /// As [`PackedMatrix::multiply`].
    pub fn multiply_in_parts(
        &self,
        input: &[f32],
        stride: usize,
        epilogue: Epilogue<'_>,
        out: &mut [f32],
        parts: usize,
        each: impl FnOnce(&(dyn Fn() + Sync)),
    ) {
        if self.n == 0 {
            assert!(out.is_empty(), "a product of no columns");
            return;
        }
        assert!(out.len().is_multiple_of(self.n), "whole rows of the product");
        let m = out.len() / self.n;
        let fits = m == 0 || (stride >= self.k && input.len() >= (m - 1) * stride + self.k);
        assert!(fits, "the input has {m} rows of {} numbers, {stride} apart", self.k);
        assert!(epilogue.bias.is_none_or(|bias| bias.len() == self.n), "one bias a column");
        assert!(
            epilogue.residual.is_none_or(|residual| residual.len() == out.len()),
            "a residual of the result's shape"
        );
        let bounds = epilogue.activation.bounds();
        let fused = Epilogue {
            residual: if bounds.is_some() { epilogue.residual } else { None },
            activation: if bounds.is_some() { epilogue.activation } else { Activation::Identity },
            ..epilogue
        };
        let product = Product { matrix: self, input, stride, epilogue: fused, m };
        let whole = PANEL_VECTORS * self.level.lanes();
        let share = self.n.div_ceil(whole).div_ceil(parts.max(1)) * whole;
        let place = Place(out.as_mut_ptr());
        // Handed out here, so that no two calls can ever write the same columns.
        let next = AtomicUsize::new(0);
        each(&|| {
            let first = next.fetch_add(1, Ordering::Relaxed).saturating_mul(share).min(self.n);
            let columns = (first, (first + share).min(self.n));
            dispatch!(
                self.level,
                [product: Product<'_>, columns: (usize, usize), place: Place] -> (),
                |V| if product.matrix.halves.is_empty() {
                    kernel::run::<V, f32>(product, &product.matrix.panels, columns, place.0)
                } else {
                    kernel::run::<V, f16>(product, &product.matrix.halves, columns, place.0)
                }
            );
        });
        if bounds.is_none() {
            activate_at(self.level, out, epilogue.activation);
            for (value, residual) in out.iter_mut().zip(epilogue.residual.unwrap_or_default()) {
                *value += residual;
            }
        }
    }
}

/// Where a result lies, for several threads that write columns of their own.
#[derive(Debug, Clone, Copy)]
struct Place(*mut f32);

// SAFETY: parts of a product write disjoint columns, and nothing else touches the result until all are done.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

/// A product whose lengths were checked.
#[derive(Debug, Clone, Copy)]
struct Product<'a> {
    matrix: &'a PackedMatrix,
    input: &'a [f32],
    stride: usize,
    epilogue: Epilogue<'a>,
    m: usize,
}

impl Product<'_> {
    /// Rows that stay in the cache while the panels pass.
    fn block_rows(&self) -> usize {
        let rows = INPUT_BLOCK_BYTES / (4 * self.matrix.k.max(1));
        (rows / TILE_ROWS * TILE_ROWS).max(TILE_ROWS)
    }
}
