//! The loops over blocks, panels and tiles, and the tile itself.

#![expect(
    unsafe_code,
    clippy::indexing_slicing,
    reason = "arrays of constant length, pointers within checked bounds"
)]

use half::f16;

use super::{PANEL_VECTORS, Product, TILE_ROWS};
use crate::simd::Vector;

/// Rows of a tile for vectors of eight lanes, whose machines have sixteen registers and not thirty-two.
const NARROW_TILE_ROWS: usize = 4;
/// Floats of the largest tile: eight rows of three vectors of sixteen.
const MAX_TILE: usize = 8 * 48;

/// How a weight is kept.
pub(super) trait Weight: Copy {
    /// # Safety
    /// `V::LANES` weights are readable, and the machine has the vector.
    unsafe fn load<V: Vector>(from: *const Self) -> V;
}

impl Weight for f32 {
    #[inline(always)]
    unsafe fn load<V: Vector>(from: *const Self) -> V {
        // SAFETY: as the trait says.
        unsafe { V::load(from) }
    }
}

impl Weight for f16 {
    #[inline(always)]
    unsafe fn load<V: Vector>(from: *const Self) -> V {
        // SAFETY: as the trait says.
        unsafe { V::load_f16(from) }
    }
}

/// One tile of the result.
struct Tile<W> {
    k: usize,
    input: *const f32,
    stride: usize,
    panel: *const W,
    bias: *const f32,
    residual: *const f32,
    out: *mut f32,
    n: usize,
    /// Columns of the result in this panel.
    columns: usize,
    bounds: (f32, f32),
}

/// Fills the columns `from..to` of the result; `from` begins a panel.
///
/// # Safety
/// The lengths of the product were checked by [`super::PackedMatrix::multiply`], `out` is as long as that says, nobody else
/// reads or writes these columns meanwhile, and the machine has the vector.
#[inline(always)]
pub(super) unsafe fn run<V: Vector, W: Weight>(
    product: Product<'_>,
    panels: &[W],
    (from, to): (usize, usize),
    out: *mut f32,
) {
    let matrix = product.matrix;
    let (n, k, m) = (matrix.n, matrix.k, product.m);
    let tile_rows = if V::LANES == 16 { TILE_ROWS } else { NARROW_TILE_ROWS };
    let whole = PANEL_VECTORS * V::LANES;
    let bounds = product.epilogue.activation.bounds().unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
    let block_rows = product.block_rows();
    for block in (0..m).step_by(block_rows) {
        let block_end = (block + block_rows).min(m);
        // Ten rows are five and five, not eight and two, whose second tile would wait for its loads.
        let tiles = (block_end - block).div_ceil(tile_rows);
        let tile_rows = (block_end - block).div_ceil(tiles);
        for first in (from..to).step_by(whole) {
            let columns = (to - first).min(whole);
            for row in (block..block_end).step_by(tile_rows) {
                let at = row * n + first;
                // SAFETY: `row < m` and `first < n`, so that each pointer lies within its slice.
                unsafe {
                    let tile = Tile {
                        k,
                        input: product.input.as_ptr().add(row * product.stride),
                        stride: product.stride,
                        panel: panels.as_ptr().add(first * k),
                        bias: product.epilogue.bias.map_or(std::ptr::null(), |bias| bias.as_ptr().add(first)),
                        residual: product.epilogue.residual.map_or(std::ptr::null(), |r| r.as_ptr().add(at)),
                        out: out.add(at),
                        n,
                        columns,
                        bounds,
                    };
                    match columns.div_ceil(V::LANES) {
                        1 => rows::<V, W, 1>(&tile, (block_end - row).min(tile_rows)),
                        2 => rows::<V, W, 2>(&tile, (block_end - row).min(tile_rows)),
                        _ => rows::<V, W, 3>(&tile, (block_end - row).min(tile_rows)),
                    }
                }
            }
        }
    }
}

/// # Safety
/// The tile has this many rows.
#[inline(always)]
unsafe fn rows<V: Vector, W: Weight, const VECTORS: usize>(tile: &Tile<W>, rows: usize) {
    // SAFETY: the tile has as many rows as the constant says.
    unsafe {
        match rows {
            1 => fill::<V, W, 1, VECTORS>(tile),
            2 => fill::<V, W, 2, VECTORS>(tile),
            3 => fill::<V, W, 3, VECTORS>(tile),
            4 => fill::<V, W, 4, VECTORS>(tile),
            5 if V::LANES == 16 => fill::<V, W, 5, VECTORS>(tile),
            6 if V::LANES == 16 => fill::<V, W, 6, VECTORS>(tile),
            7 if V::LANES == 16 => fill::<V, W, 7, VECTORS>(tile),
            _ if V::LANES == 16 => fill::<V, W, 8, VECTORS>(tile),
            _ => fill::<V, W, 4, VECTORS>(tile),
        }
    }
}

/// # Safety
/// The tile has `ROWS` rows and at most `VECTORS` vectors of columns, more than `VECTORS - 1`.
#[inline(always)]
unsafe fn fill<V: Vector, W: Weight, const ROWS: usize, const VECTORS: usize>(tile: &Tile<W>) {
    // SAFETY: rows, columns and k lie within the slices that the tile was cut from; partial vectors are masked.
    unsafe {
        let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
        let mut panel = tile.panel;
        for k in 0..tile.k {
            // Not `array::from_fn`: a closure in its depths is not inlined into code with the instruction set.
            let mut weights = [V::splat(0.0); VECTORS];
            for (v, weights) in weights.iter_mut().enumerate() {
                *weights = W::load(panel.add(v * V::LANES));
            }
            panel = panel.add(VECTORS * V::LANES);
            for (row, sums) in sums.iter_mut().enumerate() {
                let value = V::splat(*tile.input.add(row * tile.stride + k));
                for v in 0..VECTORS {
                    sums[v] = value.mul_add(weights[v], sums[v]);
                }
            }
        }
        // The tile goes through memory once: whole loops over constants keep the sums above in registers.
        let mut scratch = [0f32; MAX_TILE];
        let mut to = scratch.as_mut_ptr();
        for sums in &sums {
            for sum in sums {
                sum.store(to);
                to = to.add(V::LANES);
            }
        }
        finish::<V, W>(tile, &scratch, ROWS, VECTORS);
    }
}

/// Applies bias, clamp and residual to a finished tile and writes it.
///
/// # Safety
/// As [`fill`]; the scratch holds `rows` rows of `vectors` vectors.
#[inline(always)]
unsafe fn finish<V: Vector, W>(tile: &Tile<W>, scratch: &[f32; MAX_TILE], rows: usize, vectors: usize) {
    // SAFETY: rows and columns lie within the slices that the tile was cut from; partial vectors are masked.
    unsafe {
        let (low, high) = (V::splat(tile.bounds.0), V::splat(tile.bounds.1));
        for v in 0..vectors {
            let at = v * V::LANES;
            let width = tile.columns - at;
            let bias = if tile.bias.is_null() { V::splat(0.0) } else { load(tile.bias.add(at), width) };
            for row in 0..rows {
                let offset = row * tile.n + at;
                let sum = V::load(scratch.as_ptr().add((row * vectors + v) * V::LANES));
                let mut value = sum.add(bias).max(low).min(high);
                if !tile.residual.is_null() {
                    value = value.add(load(tile.residual.add(offset), width));
                }
                if width >= V::LANES {
                    value.store(tile.out.add(offset));
                } else {
                    value.store_first(tile.out.add(offset), width);
                }
            }
        }
    }
}

/// # Safety
/// `min(width, LANES)` floats are readable.
#[inline(always)]
unsafe fn load<V: Vector>(from: *const f32, width: usize) -> V {
    // SAFETY: the caller gives that many floats.
    unsafe { if width >= V::LANES { V::load(from) } else { V::load_first(from, width) } }
}
