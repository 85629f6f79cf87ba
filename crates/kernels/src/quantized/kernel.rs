//! The loops over blocks of rows, panels and tiles, and what becomes of a tile's sums.

#![expect(unsafe_code, reason = "pointers within checked bounds")]

use super::tile::{self, TILE_ROWS, Walk};
use super::{GROUP, GROUP_BYTES, PANEL, Part, Product};
use crate::activation::activate;
use crate::gemm::kernel::{Finish, load, store};
use crate::simd::Vector;

/// The share of the second-level cache that rows of the input may take while panels pass over them.
const INPUT_BLOCK_BYTES: usize = 256 << 10;

/// Makes a part of the result.
///
/// # Safety
/// The lengths of the product were checked by [`super::QuantizedMatrix::multiply`], `out` is as long as that says, nobody else
/// reads or writes this part meanwhile, its columns begin a panel, and the machine has the vector.
#[inline(always)]
pub(super) unsafe fn run<V: Vector>(product: Product<'_>, part: Part, out: *mut f32) {
    let stride = product.rows.stride.max(1);
    let block = (INPUT_BLOCK_BYTES / stride / TILE_ROWS * TILE_ROWS).max(TILE_ROWS);
    let mut top = part.rows.0;
    while top < part.rows.1 {
        let rows = (top, (top + block).min(part.rows.1));
        for first in (part.columns.0..part.columns.1).step_by(PANEL) {
            let columns = (first, (first + PANEL).min(part.columns.1));
            // SAFETY: as this function's own.
            unsafe { run_panel::<V>(product, Part { rows, columns }, out) };
        }
        top = rows.1;
    }
}

/// The tiles of a block of rows over one panel.
///
/// # Safety
/// As [`run`].
#[inline(always)]
unsafe fn run_panel<V: Vector>(
    Product { matrix, rows, epilogue }: Product<'_>,
    Part { rows: (top, bottom), columns: (first, end) }: Part,
    out: *mut f32,
) {
    let (n, groups) = (matrix.n, rows.stride / GROUP);
    let bytes = groups * GROUP_BYTES;
    let panel = matrix.panels.as_ptr().wrapping_add(first / PANEL * bytes);
    let count = (bottom - top).div_ceil(TILE_ROWS).max(1);
    let tile_rows = (bottom - top).div_ceil(count);
    let mut sums = [0_i32; TILE_ROWS * PANEL];
    for (number, row) in (top..bottom).step_by(tile_rows).enumerate() {
        let tile_rows = tile_rows.min(bottom - row);
        // The first two tiles ask for the next panel, half of it each.
        let ahead = if number < 2 { bytes + number * bytes / 2 } else { 0 };
        let walk = Walk {
            groups,
            input: rows.bytes.as_ptr().wrapping_add(row * rows.stride),
            stride: rows.stride,
            panel,
            zeros: rows.zeros.as_ptr().wrapping_add(row),
            totals: matrix.sums.as_ptr().wrapping_add(first),
            next: panel.wrapping_add(ahead).cast(),
        };
        // SAFETY: rows and panel lie within what was packed; `sums` holds the largest tile; the tile lies within the result, and bias
        // and residual are as long as that says.
        unsafe {
            tile::fill::<V>(walk, tile_rows, sums.as_mut_ptr());
            let at = row * n + first;
            let finish = Finish {
                bias: epilogue.bias.map_or(std::ptr::null(), |bias| bias.as_ptr().add(first)),
                residual: epilogue.residual.map_or(std::ptr::null(), |residual| residual.as_ptr().add(at)),
                activation: epilogue.activation,
            };
            let scales = (rows.scales.as_ptr().add(row), matrix.scales.as_ptr().add(first));
            write::<V>(&sums, (tile_rows, end - first), scales, finish, (out.add(at), n));
        }
    }
}

/// `activation(sum * scale + bias) + residual` of a tile.
///
/// # Safety
/// There are so many rows, whose scales are readable, and columns, at most `PANEL`, as many biases and rows of the residual where
/// there are any; scales of `PANEL` columns are readable; `out` has room for the rows, `out_stride` apart.
#[inline(always)]
unsafe fn write<V: Vector>(
    sums: &[i32; TILE_ROWS * PANEL],
    (rows, columns): (usize, usize),
    (row_scales, column_scales): (*const f32, *const f32),
    Finish { bias, residual, activation }: Finish,
    (out, out_stride): (*mut f32, usize),
) {
    for at in (0..columns).step_by(V::LANES) {
        let width = columns - at;
        // SAFETY: as the caller says; partial vectors are masked.
        unsafe {
            let scales = V::load(column_scales.add(at));
            let bias = if bias.is_null() { V::splat(0.0) } else { load(bias.add(at), width) };
            for row in 0..rows {
                let sum = V::load_i32(sums.as_ptr().add(row * PANEL + at));
                let scale = scales.mul(V::splat(*row_scales.add(row)));
                let mut value = activate(activation, sum.mul_add(scale, bias));
                let place = row * out_stride + at;
                if !residual.is_null() {
                    value = value.add(load(residual.add(place), width));
                }
                store(value, out.add(place), width);
            }
        }
    }
}
