//! Matrix products by weights that are packed once.
//!
//! A layer's weight `(n, k)` is multiplied with thousands of inputs, so that it pays to lay it out for the inner loop:
//!
//! ```text
//! columns of the result        0 ........ 3L   | 3L ....... 6L  | rest, 1 to 3 vectors
//! slices of the first block    [768][3L] floats | [768][3L]      | [768][1..3 L], zeros past n
//! of k, then of the second     [768][3L]        | ..
//! ```
//! L is the number of lanes. The inner loop holds a tile of rows x 3 vectors of the result in registers and walks a slice:
//! three loads from it, one broadcast for each row of the input, a multiply-add for each pair. A slice stays in the
//! second-level cache while the rows of the input pass over it, and the next one is asked for meanwhile; weights are read
//! once for a block of rows, in the order in which they lie. Sums wait in the result for the next block of k. Bias,
//! activation and residual are applied while the last one's tile is still in registers.
//!
//! A product may be cut into parts, by columns where there are enough of them, else by rows, that threads take one by one.

#![expect(unsafe_code, reason = "calls the kernel with lengths that are checked at entry")]

#[cfg(target_arch = "x86_64")]
mod four_by_three;
pub(crate) mod kernel;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};

use half::f16;

use crate::activation::Activation;
use crate::level::{Level, dispatch};
use crate::pages::zeros;
use kernel::Panels;

/// Vectors of a whole panel.
pub(crate) const PANEL_VECTORS: usize = 3;
/// Most columns of the matrix that a slice of a panel spans: 72 KB of AVX2's, of a second-level cache of 512.
const MAX_DEPTH: usize = 768;
/// The share of the second-level cache that rows of the input may take while panels pass over them.
const INPUT_BLOCK_BYTES: usize = 256 << 10;
/// Rows of the largest tile; blocks of rows are multiples of it.
const TILE_ROWS: usize = 8;
/// Columns of a slice between two calls for the next one.
const STEP: usize = 4;
/// Rows of a part that make reading all weights for it cheap.
const MANY_ROWS: usize = 64;
/// Parts for each worker, so that one that is held up leaves the rest to others.
const PARTS_OF_A_WORKER: usize = 2;

/// A matrix `(n, k)` in panels, for products `input (m, k) * matrix^T -> (m, n)`.
#[derive(Debug, Clone)]
pub struct PackedMatrix {
    level: Level,
    n: usize,
    k: usize,
    /// Columns of the matrix in a slice; the last block may have fewer.
    depth: usize,
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

impl Epilogue<'_> {
    /// Rows of a result of `n` columns, once it and what is added to it are known to fit.
    pub(crate) fn rows_of(&self, out: &[f32], n: usize) -> usize {
        assert!(out.len().is_multiple_of(n), "whole rows of the product");
        assert!(self.bias.is_none_or(|bias| bias.len() == n), "one bias a column");
        assert!(
            self.residual.is_none_or(|residual| residual.len() == out.len()),
            "a residual of the result's shape"
        );
        out.len() / n
    }
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
        Self { level: Level::best(), n: 0, k: 0, depth: 1, panels: Vec::new(), halves: Vec::new() }
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
        (self.n, self.k, self.depth) = (n, k, depth_of(k));
        let padded = n.next_multiple_of(lanes);
        self.halves.clear();
        if self.panels.capacity() < padded * k {
            self.panels = zeros(padded * k);
        } else {
            self.panels.clear();
            self.panels.resize(padded * k, 0.0);
        }
        let whole = PANEL_VECTORS * lanes;
        for (block, slices) in self.panels.chunks_mut((padded * self.depth).max(1)).enumerate() {
            let depth = slices.len() / padded;
            for (index, slice) in slices.chunks_mut(whole * depth).enumerate() {
                let width = slice.len() / depth;
                let first = index * whole;
                let used = width.min(n - first);
                for (column, line) in slice.chunks_exact_mut(width).enumerate() {
                    let from = first * strides.0 + (block * self.depth + column) * strides.1;
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

    /// The same in parts for so many `workers`. `each` calls what it is given at least once, from whatever threads; a call
    /// makes parts until none is left, and all are made when the last call has returned.
    ///
    /// # Panics
    /// As [`PackedMatrix::multiply`].
    pub fn multiply_in_parts(
        &self,
        input: &[f32],
        stride: usize,
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
        let fits = m == 0 || (stride >= self.k && input.len() >= (m - 1) * stride + self.k);
        assert!(fits, "the input has {m} rows of {} numbers, {stride} apart", self.k);
        let panels =
            if self.halves.is_empty() { Panels::Floats(&self.panels) } else { Panels::Halves(&self.halves) };
        let product = Product { matrix: self, input, stride, epilogue };
        let grid = Grid::new(m, self.n, PANEL_VECTORS * self.level.lanes(), workers);
        let place = Place(out.as_mut_ptr());
        grid.make(each, |part| {
            dispatch!(
                self.level,
                [product: Product<'_>, panels: Panels<'_>, part: Part, place: Place] -> (),
                |V| kernel::run::<V>(product, panels, part, place.0)
            );
        });
    }
}

/// Columns of a slice: as few blocks as can be, of one size.
fn depth_of(k: usize) -> usize {
    k.div_ceil(k.div_ceil(MAX_DEPTH).max(1)).max(1)
}

/// How a product is cut into parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    m: usize,
    n: usize,
    /// Rows and columns of a part; those at the ends may have fewer.
    part: (usize, usize),
    across: usize,
    down: usize,
}

/// Rows and columns of the result; the columns begin a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) rows: (usize, usize),
    pub(crate) columns: (usize, usize),
}

impl Grid {
    /// By rows where each part has many, for weights are read once for them; else by columns where each part has some panels,
    /// for then it reads weights of its own; else by both.
    pub(crate) fn new(m: usize, n: usize, panel: usize, workers: usize) -> Self {
        let (panels, tiles) = (n.div_ceil(panel).max(1), m.div_ceil(TILE_ROWS).max(1));
        let wanted = if workers > 1 { workers.saturating_mul(PARTS_OF_A_WORKER) } else { 1 };
        let across = if m < MANY_ROWS.saturating_mul(wanted) && panels >= 2 * wanted { wanted } else { 1 };
        let down = wanted.div_ceil(across).min(tiles);
        // Too few rows for the rest: uneven columns then.
        let across = if across * down < wanted { wanted.div_ceil(down).min(panels) } else { across };
        let part = (tiles.div_ceil(down) * TILE_ROWS, panels.div_ceil(across) * panel);
        Self { m, n, part, across: n.div_ceil(part.1).max(1), down: m.div_ceil(part.0).max(1) }
    }

    /// Has all parts made. `each` calls what it is given at least once, from whatever threads; parts are handed out here, so that no
    /// two calls can ever write the same one.
    pub(crate) fn make(&self, each: impl FnOnce(&(dyn Fn() + Sync)), make: impl Fn(Part) + Sync) {
        let (next, made) = (AtomicUsize::new(0), AtomicUsize::new(0));
        each(&|| {
            while let Some(part) = self.part(next.fetch_add(1, Ordering::Relaxed)) {
                make(part);
                made.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(made.into_inner(), self.count(), "every part of the product was made");
    }

    fn count(&self) -> usize {
        self.across * self.down
    }

    fn part(&self, index: usize) -> Option<Part> {
        let range = |number: usize, size: usize, end: usize| (number * size, ((number + 1) * size).min(end));
        (index < self.count()).then(|| Part {
            rows: range(index / self.across, self.part.0, self.m),
            columns: range(index % self.across, self.part.1, self.n),
        })
    }
}

/// Where a result lies, for several threads that write columns of their own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(pub(crate) *mut f32);

// SAFETY: parts of a product write disjoint rows or columns, and nothing else touches the result until all are done.
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
}

impl Product<'_> {
    /// Rows that stay in the cache while the panels pass.
    fn block_rows(&self) -> usize {
        let rows = INPUT_BLOCK_BYTES / (4 * self.matrix.depth);
        (rows / TILE_ROWS * TILE_ROWS).max(TILE_ROWS)
    }
}
