//! The tile of four rows and three vectors of AVX2, in assembly.
//!
//! Twelve sums, three weights and one number of the input are all sixteen registers. A compiler that loads ahead has none left,
//! keeps a sum in memory, and each step then waits for it: half of the speed.

#![expect(unsafe_code, reason = "assembly")]

use core::arch::asm;
use core::arch::x86_64::{__m256, _mm256_storeu_ps};

use super::STEP;

/// What a tile is made of.
#[derive(Clone, Copy)]
pub(super) struct Walk {
    /// Lines of the panel.
    pub(super) k: usize,
    pub(super) input: *const f32,
    /// From a row of the input to the next.
    pub(super) stride: usize,
    pub(super) panel: *const f32,
    /// What is asked for meanwhile, and lines of it for each [`STEP`].
    pub(super) next: *const u8,
    pub(super) lines: usize,
}

/// One column of the matrix, the `$number`th of a step.
macro_rules! column {
    ($number:literal) => {
        concat!(
            "vmovups {w0}, [{panel} + 96 * ",
            $number,
            "]\n",
            "vmovups {w1}, [{panel} + 96 * ",
            $number,
            " + 32]\n",
            "vmovups {w2}, [{panel} + 96 * ",
            $number,
            " + 64]\n",
            "vbroadcastss {x}, [{input} + 4 * ",
            $number,
            "]\n",
            "vfmadd231ps {s00}, {w0}, {x}\nvfmadd231ps {s01}, {w1}, {x}\nvfmadd231ps {s02}, {w2}, {x}\n",
            "vbroadcastss {x}, [{input} + {stride} + 4 * ",
            $number,
            "]\n",
            "vfmadd231ps {s10}, {w0}, {x}\nvfmadd231ps {s11}, {w1}, {x}\nvfmadd231ps {s12}, {w2}, {x}\n",
            "vbroadcastss {x}, [{input} + 2 * {stride} + 4 * ",
            $number,
            "]\n",
            "vfmadd231ps {s20}, {w0}, {x}\nvfmadd231ps {s21}, {w1}, {x}\nvfmadd231ps {s22}, {w2}, {x}\n",
            "vbroadcastss {x}, [{fourth} + 4 * ",
            $number,
            "]\n",
            "vfmadd231ps {s30}, {w0}, {x}\nvfmadd231ps {s31}, {w1}, {x}\nvfmadd231ps {s32}, {w2}, {x}\n",
        )
    };
}

/// Adds the products of a tile's rows and panel to `sums` and writes these to `to`.
///
/// # Safety
/// The machine has AVX2 and FMA; the tile has four rows and three whole vectors in its panel; `to` has room for them.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn fill(tile: Walk, sums: &[[__m256; 3]; 4], to: *mut f32) {
    const { assert!(STEP == 4) };
    let [
        [mut s00, mut s01, mut s02],
        [mut s10, mut s11, mut s12],
        [mut s20, mut s21, mut s22],
        [mut s30, mut s31, mut s32],
    ] = *sums;
    let stride = tile.stride * size_of::<f32>();
    // SAFETY: reads `k` numbers of four rows and `k` lines of the panel, which the caller gives; a prefetch reads nothing.
    unsafe {
        asm!(
            "test {steps}, {steps}",
            "jz 4f",
            "2:",
            column!("0"),
            column!("1"),
            column!("2"),
            column!("3"),
            "add {panel}, 384",
            "add {input}, 16",
            "add {fourth}, 16",
            "mov {left}, {lines}",
            "test {left}, {left}",
            "jz 5f",
            "3:",
            "prefetcht1 [{next}]",
            "add {next}, 64",
            "dec {left}",
            "jnz 3b",
            "5:",
            "dec {steps}",
            "jnz 2b",
            "4:",
            "test {rest}, {rest}",
            "jz 7f",
            "6:",
            column!("0"),
            "add {panel}, 96",
            "add {input}, 4",
            "add {fourth}, 4",
            "dec {rest}",
            "jnz 6b",
            "7:",
            steps = inout(reg) tile.k / STEP => _,
            rest = inout(reg) tile.k % STEP => _,
            panel = inout(reg) tile.panel => _,
            input = inout(reg) tile.input => _,
            fourth = inout(reg) tile.input.cast::<u8>().wrapping_add(3 * stride) => _,
            stride = in(reg) stride,
            lines = in(reg) tile.lines,
            next = inout(reg) tile.next => _,
            left = out(reg) _,
            s00 = inout(ymm_reg) s00, s01 = inout(ymm_reg) s01, s02 = inout(ymm_reg) s02,
            s10 = inout(ymm_reg) s10, s11 = inout(ymm_reg) s11, s12 = inout(ymm_reg) s12,
            s20 = inout(ymm_reg) s20, s21 = inout(ymm_reg) s21, s22 = inout(ymm_reg) s22,
            s30 = inout(ymm_reg) s30, s31 = inout(ymm_reg) s31, s32 = inout(ymm_reg) s32,
            w0 = out(ymm_reg) _, w1 = out(ymm_reg) _, w2 = out(ymm_reg) _, x = out(ymm_reg) _,
            options(nostack, readonly),
        );
        let all = [s00, s01, s02, s10, s11, s12, s20, s21, s22, s30, s31, s32];
        for (number, sum) in all.into_iter().enumerate() {
            _mm256_storeu_ps(to.add(8 * number), sum);
        }
    }
}
