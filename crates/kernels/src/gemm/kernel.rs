//! The loops over blocks, panels and tiles, and the tile itself.

#![expect(
    unsafe_code,
    clippy::indexing_slicing,
    reason = "arrays of constant length, pointers within checked bounds"
)]

use std::cell::RefCell;

use half::f16;

#[cfg(target_arch = "x86_64")]
use super::four_by_three::{self, Walk};
use super::{PANEL_VECTORS, Part, Product, STEP, TILE_ROWS};
use crate::activation::{Activation, activate};
use crate::prefetch::prefetch_second_level;
use crate::simd::Vector;

/// Rows of a tile for vectors of eight lanes, whose machines have sixteen registers and not thirty-two.
const NARROW_TILE_ROWS: usize = 4;
/// Floats of the largest tile: eight rows of three vectors of sixteen.
const MAX_TILE: usize = 8 * 48;
const CACHE_LINE: usize = 64;
/// Panels from which on it pays to copy an input's rows together.
const COPIED_PANELS: usize = 3;

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { rows: Vec::new(), wide: Vec::new() }) };
}

/// What a part needs, kept for the next one of its thread.
#[derive(Default)]
struct Scratch {
    /// Rows of the input without what lies between them.
    rows: Vec<f32>,
    /// A widened slice.
    wide: Vec<f32>,
}

/// Weights as they are kept.
#[derive(Clone, Copy)]
pub(super) enum Panels<'a> {
    Floats(&'a [f32]),
    /// Widened a slice at a time, once for all rows.
    Halves(&'a [f16]),
}

/// What is done to the sums of a tile.
#[derive(Clone, Copy)]
pub(crate) struct Finish {
    pub(crate) bias: *const f32,
    pub(crate) residual: *const f32,
    pub(crate) activation: Activation,
}

/// One tile of the result.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    pub(crate) k: usize,
    pub(crate) input: *const f32,
    pub(crate) stride: usize,
    pub(crate) panel: *const f32,
    pub(crate) out: *mut f32,
    /// From a row of the result to the next.
    pub(crate) out_stride: usize,
    /// Columns of the result in this panel.
    pub(crate) columns: usize,
    /// Sums of the columns of the matrix before these wait in the result.
    pub(crate) resumes: bool,
    /// What is done when no column of the matrix is left; until then sums are written as they are.
    pub(crate) finish: Option<Finish>,
    /// What is asked for meanwhile, and lines of it for each [`STEP`].
    pub(crate) next: *const u8,
    pub(crate) lines: usize,
}

/// Rows of the largest tile of a vector.
pub(crate) const fn tile_rows<V: Vector>() -> usize {
    if V::LANES == 16 { TILE_ROWS } else { NARROW_TILE_ROWS }
}

/// Rows of each of the fewest tiles: ten rows are five and five, not eight and two, whose second tile would wait for its loads.
pub(crate) const fn even_tile_rows<V: Vector>(rows: usize) -> usize {
    let tiles = rows.div_ceil(tile_rows::<V>());
    if tiles == 0 { 1 } else { rows.div_ceil(tiles) }
}

/// Makes a part of the result.
///
/// # Safety
/// The lengths of the product were checked by [`super::PackedMatrix::multiply`], `out` is as long as that says, nobody else
/// reads or writes this part meanwhile, its columns begin a panel, and the machine has the vector.
#[inline(always)]
pub(super) unsafe fn run<V: Vector>(product: Product<'_>, panels: Panels<'_>, part: Part, out: *mut f32) {
    let mut scratch = SCRATCH.take();
    let block_rows = product.block_rows();
    let mut row = part.rows.0;
    while row < part.rows.1 {
        let block = Part { rows: (row, (row + block_rows).min(part.rows.1)), ..part };
        // SAFETY: as this function's own.
        unsafe { run_block::<V>(product, panels, block, &mut scratch, out) };
        row = block.rows.1;
    }
    SCRATCH.set(scratch);
}

/// One block of rows through all slices.
///
/// # Safety
/// As [`run`].
#[inline(always)]
unsafe fn run_block<V: Vector>(
    product: Product<'_>,
    panels: Panels<'_>,
    Part { rows: (top, bottom), columns: (left, right) }: Part,
    scratch: &mut Scratch,
    out: *mut f32,
) {
    let matrix = product.matrix;
    let (n, k, padded) = (matrix.n, matrix.k, matrix.n.next_multiple_of(V::LANES));
    let whole = PANEL_VECTORS * V::LANES;
    let tile_rows = even_tile_rows::<V>(bottom - top);
    let mut column = 0;
    loop {
        let depth = (k - column).min(matrix.depth);
        let is_last = column + depth == k;
        // Rows that lie a power of two apart share lines of the cache; a copy of what is needed now does not.
        let far = product.stride > depth && right - left >= COPIED_PANELS * whole && bottom - top > tile_rows;
        let (input, stride) = if far {
            scratch.rows.clear();
            for row in top..bottom {
                let from = row * product.stride + column;
                scratch.rows.extend_from_slice(&product.input[from..from + depth]);
            }
            (scratch.rows.as_ptr(), depth)
        } else {
            (product.input.as_ptr().wrapping_add(top * product.stride + column), product.stride)
        };
        for first in (left..right).step_by(whole) {
            let slice = column * padded + first * depth;
            // What comes next lies behind it, or at the left of the next block of k.
            let next = if first + whole < right {
                Some(slice + whole * depth)
            } else {
                (!is_last).then(|| (column + depth) * padded + left * (k - column - depth).min(matrix.depth))
            };
            let columns = (right - first).min(whole);
            // SAFETY: rows and columns lie within the result, the slice within the panels.
            unsafe {
                let (panel, next, size) = match panels {
                    Panels::Floats(floats) => (
                        floats.as_ptr().add(slice),
                        next.map(|at| floats.as_ptr().wrapping_add(at).cast()),
                        4,
                    ),
                    Panels::Halves(halves) => {
                        widen::<V>(
                            halves.as_ptr().add(slice),
                            depth * columns.next_multiple_of(V::LANES),
                            &mut scratch.wide,
                        );
                        (scratch.wide.as_ptr(), next.map(|at| halves.as_ptr().wrapping_add(at).cast()), 2)
                    }
                };
                let finish = is_last.then(|| Finish {
                    bias: product.epilogue.bias.map_or(std::ptr::null(), |bias| bias.as_ptr().add(first)),
                    residual: product
                        .epilogue
                        .residual
                        .map_or(std::ptr::null(), |residual| residual.as_ptr().add(top * n + first)),
                    activation: product.epilogue.activation,
                });
                let tile = Tile {
                    k: depth,
                    input,
                    stride,
                    panel,
                    out: out.add(top * n + first),
                    out_stride: n,
                    columns,
                    resumes: column > 0,
                    finish,
                    next: next.unwrap_or(std::ptr::null()),
                    lines: 0,
                };
                let lines = if next.is_some() { STEP * whole * size / CACHE_LINE } else { 0 };
                run_rows::<V>(tile, (bottom - top, tile_rows), lines);
            }
        }
        column += depth;
        if column >= k {
            return;
        }
    }
}

/// The tiles of a block of rows over one slice. `lines`: of the next slice, which one tile alone would have to ask for with
/// each step.
///
/// # Safety
/// `tile` is the first one, and all rows lie within what it points into.
#[inline(always)]
unsafe fn run_rows<V: Vector>(mut tile: Tile, (all, tile_rows): (usize, usize), lines: usize) {
    let share = lines.div_ceil(all.div_ceil(tile_rows).max(1));
    let steps = tile.k / STEP;
    let (mut row, mut left) = (0, lines);
    while row < all {
        let rows = (all - row).min(tile_rows);
        tile.lines = share.min(left);
        // SAFETY: as the caller says.
        unsafe { run_tile::<V>(&tile, rows) };
        tile.input = tile.input.wrapping_add(rows * tile.stride);
        tile.out = tile.out.wrapping_add(rows * tile.out_stride);
        if let Some(finish) = &mut tile.finish
            && !finish.residual.is_null()
        {
            finish.residual = finish.residual.wrapping_add(rows * tile.out_stride);
        }
        tile.next = tile.next.wrapping_add(tile.lines * steps * CACHE_LINE);
        left -= tile.lines;
        row += rows;
    }
}

/// # Safety
/// So many weights are readable, a multiple of the lanes.
#[inline(always)]
unsafe fn widen<V: Vector>(from: *const f16, count: usize, to: &mut Vec<f32>) {
    to.resize(to.len().max(count), 0.0);
    for at in (0..count).step_by(V::LANES) {
        // SAFETY: there is room for as many.
        unsafe { V::load_f16(from.add(at)).store(to.as_mut_ptr().add(at)) };
    }
}

/// Makes a tile of so many rows.
///
/// # Safety
/// Rows, columns and k lie within what the tile points into.
#[inline(always)]
pub(crate) unsafe fn run_tile<V: Vector>(tile: &Tile, rows: usize) {
    // The tile goes through memory once: whole loops over constants keep the sums in registers.
    let mut sums = [std::mem::MaybeUninit::<f32>::uninit(); MAX_TILE];
    let to = sums.as_mut_ptr().cast();
    // SAFETY: as the caller says; `sums` holds the largest tile, and `write` reads what `fill` wrote.
    unsafe {
        match tile.columns.div_ceil(V::LANES) {
            1 => fill_rows::<V, 1>(tile, rows, to),
            2 => fill_rows::<V, 2>(tile, rows, to),
            _ => fill_rows::<V, 3>(tile, rows, to),
        }
        write::<V>(tile, to, rows);
    }
}

/// # Safety
/// The tile has this many rows.
#[inline(always)]
unsafe fn fill_rows<V: Vector, const VECTORS: usize>(tile: &Tile, rows: usize, to: *mut f32) {
    // SAFETY: the tile has as many rows as the constant says.
    unsafe {
        match rows {
            1 => fill::<V, 1, VECTORS>(tile, to),
            2 => fill::<V, 2, VECTORS>(tile, to),
            3 => fill::<V, 3, VECTORS>(tile, to),
            4 => fill::<V, 4, VECTORS>(tile, to),
            5 if V::LANES == 16 => fill::<V, 5, VECTORS>(tile, to),
            6 if V::LANES == 16 => fill::<V, 6, VECTORS>(tile, to),
            7 if V::LANES == 16 => fill::<V, 7, VECTORS>(tile, to),
            _ if V::LANES == 16 => fill::<V, 8, VECTORS>(tile, to),
            _ => fill::<V, 4, VECTORS>(tile, to),
        }
    }
}

/// # Safety
/// The tile has `ROWS` rows and at most `VECTORS` vectors of columns, more than `VECTORS - 1`; `to` has room for them.
#[inline(always)]
unsafe fn fill<V: Vector, const ROWS: usize, const VECTORS: usize>(tile: &Tile, to: *mut f32) {
    // SAFETY: rows, columns and k lie within the slices that the tile was cut from; partial vectors are masked.
    unsafe {
        let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
        if tile.resumes {
            for (row, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let at = v * V::LANES;
                    *sum = load(tile.out.add(row * tile.out_stride + at), tile.columns - at);
                }
            }
        }
        #[cfg(target_arch = "x86_64")]
        if V::IS_AVX2 && ROWS == 4 && VECTORS == 3 {
            let &Tile { k, input, stride, panel, next, lines, .. } = tile;
            let walk = Walk { k, input, stride, panel, next, lines };
            four_by_three::fill(walk, &*sums.as_ptr().cast(), to);
            return;
        }
        let (mut panel, mut input, mut next) = (tile.panel, tile.input, tile.next);
        let (stride, lines) = (tile.stride, tile.lines);
        let steps = tile.k / STEP;
        for _ in 0..steps {
            for _ in 0..lines {
                prefetch_second_level(next);
                next = next.wrapping_add(CACHE_LINE);
            }
            for _ in 0..STEP {
                add_column::<V, ROWS, VECTORS>(&mut sums, panel, input, stride);
                panel = panel.add(VECTORS * V::LANES);
                input = input.add(1);
            }
        }
        for _ in steps * STEP..tile.k {
            add_column::<V, ROWS, VECTORS>(&mut sums, panel, input, stride);
            panel = panel.add(VECTORS * V::LANES);
            input = input.add(1);
        }
        let mut to = to;
        for sums in &sums {
            for sum in sums {
                sum.store(to);
                to = to.add(V::LANES);
            }
        }
    }
}

/// # Safety
/// A number of each row and a line of the panel are readable.
#[inline(always)]
unsafe fn add_column<V: Vector, const ROWS: usize, const VECTORS: usize>(
    sums: &mut [[V; VECTORS]; ROWS],
    panel: *const f32,
    input: *const f32,
    stride: usize,
) {
    // SAFETY: as the caller says.
    unsafe {
        // Not `array::from_fn`: a closure in its depths is not inlined into code with the instruction set.
        let mut weights = [V::splat(0.0); VECTORS];
        for (v, weights) in weights.iter_mut().enumerate() {
            *weights = V::load(panel.add(v * V::LANES));
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            let value = V::splat(*input.add(row * stride));
            for v in 0..VECTORS {
                sums[v] = value.mul_add(weights[v], sums[v]);
            }
        }
    }
}

/// Writes a tile's sums: as they are, or behind bias, activation and residual.
///
/// # Safety
/// As [`fill`]; `sums` holds `rows` rows of the tile's vectors.
#[inline(always)]
unsafe fn write<V: Vector>(tile: &Tile, sums: *const f32, rows: usize) {
    let vectors = tile.columns.div_ceil(V::LANES);
    // SAFETY: rows and columns lie within the slices that the tile was cut from; partial vectors are masked.
    unsafe {
        for v in 0..vectors {
            let at = v * V::LANES;
            let width = tile.columns - at;
            let place = tile.out.add(at);
            let sums = sums.add(at);
            let sums_stride = vectors * V::LANES;
            let Some(Finish { bias, residual, activation }) = tile.finish else {
                for row in 0..rows {
                    store(V::load(sums.add(row * sums_stride)), place.add(row * tile.out_stride), width);
                }
                continue;
            };
            let bias = if bias.is_null() { V::splat(0.0) } else { load(bias.add(at), width) };
            for row in 0..rows {
                let offset = row * tile.out_stride;
                let mut value = activate(activation, V::load(sums.add(row * sums_stride)).add(bias));
                if !residual.is_null() {
                    value = value.add(load(residual.add(offset + at), width));
                }
                store(value, place.add(offset), width);
            }
        }
    }
}

/// # Safety
/// `min(width, LANES)` floats are readable.
#[inline(always)]
pub(crate) unsafe fn load<V: Vector>(from: *const f32, width: usize) -> V {
    // SAFETY: the caller gives that many floats.
    unsafe { if width >= V::LANES { V::load(from) } else { V::load_first(from, width) } }
}

/// # Safety
/// `min(width, LANES)` floats are writable.
#[inline(always)]
pub(crate) unsafe fn store<V: Vector>(value: V, to: *mut f32, width: usize) {
    // SAFETY: the caller gives that many floats.
    unsafe { if width >= V::LANES { value.store(to) } else { value.store_first(to, width) } }
}
