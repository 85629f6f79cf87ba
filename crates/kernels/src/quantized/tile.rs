//! Whole sums of up to five rows and sixteen columns: in assembly for AVX2, else in plain Rust.
//!
//! Ten sums, a one in every lane, a number of the input and three products are fifteen of sixteen registers; weights come from
//! memory with the multiplication.

#![expect(unsafe_code, reason = "assembly, pointers within checked bounds")]

use super::{GROUP, GROUP_BYTES, PANEL};
use crate::simd::Vector;

/// Rows of the largest tile.
pub(super) const TILE_ROWS: usize = 5;

/// What a tile is made of.
#[derive(Clone, Copy)]
pub(super) struct Walk {
    /// Groups of k.
    pub(super) groups: usize,
    pub(super) input: *const u8,
    /// From a row of the input to the next.
    pub(super) stride: usize,
    pub(super) panel: *const i8,
    /// Of each row.
    pub(super) zeros: *const i32,
    /// Of the weights of each column.
    pub(super) totals: *const i32,
    /// What is asked for meanwhile, a line for each group.
    pub(super) next: *const u8,
}

/// Writes the sums of so many rows, `PANEL` a row, less what their zeros add.
///
/// # Safety
/// There are `groups` groups in each of the rows, which are 1 to 5, and in the panel; a zero of each row and `PANEL` totals are
/// readable; `to` has room; the machine has the vector.
#[inline(always)]
pub(super) unsafe fn fill<V: Vector>(walk: Walk, rows: usize, to: *mut i32) {
    // SAFETY: as the caller says.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if V::HAS_AVX2 {
            return match rows {
                1 => avx2::one(walk, to),
                2 => avx2::two(walk, to),
                3 => avx2::three(walk, to),
                4 => avx2::four(walk, to),
                _ => avx2::five(walk, to),
            };
        }
        plain(walk, rows, to);
    }
}

/// # Safety
/// As [`fill`].
unsafe fn plain(walk: Walk, rows: usize, to: *mut i32) {
    for row in 0..rows {
        // SAFETY: a zero of each row and the totals are readable.
        let (zero, totals) =
            unsafe { (*walk.zeros.add(row), walk.totals.cast::<[i32; PANEL]>().read_unaligned()) };
        let mut sums = totals.map(|total| -zero * total);
        for group in 0..walk.groups {
            for four in 0..2 {
                // SAFETY: within the row's and the panel's groups.
                let (input, weights) = unsafe {
                    let at = row * walk.stride + group * GROUP + 4 * four;
                    let weights = walk.panel.add(group * GROUP_BYTES + four * (GROUP_BYTES / 2));
                    (
                        std::slice::from_raw_parts(walk.input.add(at), 4),
                        std::slice::from_raw_parts(weights, 4 * PANEL),
                    )
                };
                for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(4)) {
                    for (byte, weight) in input.iter().zip(weights) {
                        *sum += i32::from(*byte) * i32::from(*weight);
                    }
                }
            }
        }
        // SAFETY: there is room for the row.
        unsafe { to.add(row * PANEL).cast::<[i32; PANEL]>().write_unaligned(sums) };
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use core::arch::asm;
    use core::arch::x86_64::{
        _mm256_loadu_si256, _mm256_mullo_epi32, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_storeu_si256,
    };

    use super::{PANEL, Walk};

    /// A group of one row: four products of bytes in an `i16` each, widened, added to the sums of sixteen columns.
    macro_rules! row {
        ($place:literal, $low:literal, $high:literal) => {
            concat!(
                "vpbroadcastd {x}, [",
                $place,
                "]\n",
                "vpmaddubsw {t}, {x}, [{panel}]\n",
                "vpmaddubsw {u}, {x}, [{panel} + 32]\n",
                "vpbroadcastd {x}, [",
                $place,
                " + 4]\n",
                "vpmaddubsw {v}, {x}, [{panel} + 64]\n",
                "vpmaddubsw {x}, {x}, [{panel} + 96]\n",
                "vpaddw {t}, {t}, {v}\n",
                "vpaddw {u}, {u}, {x}\n",
                "vpmaddwd {t}, {t}, {ones}\n",
                "vpmaddwd {u}, {u}, {ones}\n",
                "vpaddd {",
                $low,
                "}, {",
                $low,
                "}, {t}\n",
                "vpaddd {",
                $high,
                "}, {",
                $high,
                "}, {u}\n",
            )
        };
    }

    macro_rules! tile {
        ($name:ident, $count:literal: $(($place:literal, $low:ident, $low_name:literal, $high:ident, $high_name:literal)),*) => {
            /// # Safety
            /// As [`super::fill`], with as many rows as the name says.
            #[target_feature(enable = "avx2")]
            pub(super) unsafe fn $name(walk: Walk, to: *mut i32) {
                // SAFETY: the caller gives sixteen totals.
                let (low, high) = unsafe {
                    let totals = walk.totals;
                    (_mm256_loadu_si256(totals.cast()), _mm256_loadu_si256(totals.add(PANEL / 2).cast()))
                };
                let mut zeros = walk.zeros;
                $(
                    // SAFETY: the caller gives a zero of each row.
                    let less = _mm256_set1_epi32(unsafe { zeros.read() }.wrapping_neg());
                    zeros = zeros.wrapping_add(1);
                    let (mut $low, mut $high) = (_mm256_mullo_epi32(low, less), _mm256_mullo_epi32(high, less));
                )*
                // SAFETY: reads the groups of the rows and the panel, which the caller gives; a prefetch reads nothing.
                unsafe {
                    asm!(
                        "test {groups}, {groups}",
                        "jz 3f",
                        "2:",
                        $(row!($place, $low_name, $high_name),)*
                        "prefetcht1 [{next}]",
                        "add {next}, 64",
                        "add {panel}, 128",
                        "add {input}, 8",
                        "add {fourth}, 8",
                        "dec {groups}",
                        "jnz 2b",
                        "3:",
                        "/* {stride} {fourth} */",
                        groups = inout(reg) walk.groups => _,
                        panel = inout(reg) walk.panel => _,
                        input = inout(reg) walk.input => _,
                        fourth = inout(reg) walk.input.wrapping_add(3 * walk.stride) => _,
                        stride = in(reg) walk.stride,
                        next = inout(reg) walk.next => _,
                        $($low = inout(ymm_reg) $low, $high = inout(ymm_reg) $high,)*
                        ones = in(ymm_reg) _mm256_set1_epi16(1),
                        x = out(ymm_reg) _, t = out(ymm_reg) _, u = out(ymm_reg) _, v = out(ymm_reg) _,
                        options(nostack, readonly),
                    );
                    let mut row = 0;
                    $(
                        _mm256_storeu_si256(to.add(row * PANEL).cast(), $low);
                        _mm256_storeu_si256(to.add(row * PANEL + PANEL / 2).cast(), $high);
                        row += 1;
                    )*
                    debug_assert!(row == $count && zeros == walk.zeros.wrapping_add(row));
                }
            }
        };
    }

    tile!(one, 1: ("{input}", s0, "s0", r0, "r0"));
    tile!(two, 2: ("{input}", s0, "s0", r0, "r0"), ("{input} + {stride}", s1, "s1", r1, "r1"));
    tile!(
        three, 3:
        ("{input}", s0, "s0", r0, "r0"), ("{input} + {stride}", s1, "s1", r1, "r1"),
        ("{input} + 2 * {stride}", s2, "s2", r2, "r2")
    );
    tile!(
        four, 4:
        ("{input}", s0, "s0", r0, "r0"), ("{input} + {stride}", s1, "s1", r1, "r1"),
        ("{input} + 2 * {stride}", s2, "s2", r2, "r2"), ("{fourth}", s3, "s3", r3, "r3")
    );
    tile!(
        five, 5:
        ("{input}", s0, "s0", r0, "r0"), ("{input} + {stride}", s1, "s1", r1, "r1"),
        ("{input} + 2 * {stride}", s2, "s2", r2, "r2"), ("{fourth}", s3, "s3", r3, "r3"),
        ("{fourth} + {stride}", s4, "s4", r4, "r4")
    );
}
