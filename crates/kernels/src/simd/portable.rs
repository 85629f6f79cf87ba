//! Eight floats in plain Rust. On aarch64 the compiler makes NEON of it, for NEON belongs to that target.

#![expect(
    unsafe_code,
    clippy::indexing_slicing,
    reason = "indices below the length of the array; the trait is unsafe"
)]

use half::f16;

use super::Vector;

const LANES: usize = 8;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable([f32; LANES]);

impl Portable {
    #[inline(always)]
    fn from_fn(make: impl FnMut(usize) -> f32) -> Self {
        Self(std::array::from_fn(make))
    }

    #[inline(always)]
    fn zip(self, other: Self, make: impl Fn(f32, f32) -> f32) -> Self {
        Self::from_fn(|i| make(self.0[i], other.0[i]))
    }
}

impl Vector for Portable {
    const LANES: usize = LANES;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller gives LANES readable floats.
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        // SAFETY: only the first `count` floats are read, which the caller gives.
        Self::from_fn(|i| if i < count { unsafe { from.add(i).read() } } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const f16) -> Self {
        // SAFETY: the caller gives LANES readable numbers; `f16` is two bytes, read as such.
        Self::from_fn(|i| unsafe { from.add(i).read_unaligned() }.to_f32())
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        // SAFETY: the caller gives LANES readable bytes.
        Self::from_fn(|i| f32::from(unsafe { from.add(i).read() }))
    }

    #[inline(always)]
    unsafe fn load_i32(from: *const i32) -> Self {
        // SAFETY: the caller gives LANES readable numbers.
        Self::from_fn(|i| unsafe { from.add(i).read() } as f32)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller gives LANES writable floats.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        for (i, value) in self.0.iter().enumerate().take(count) {
            // SAFETY: the caller gives `count` writable floats.
            unsafe { to.add(i).write(*value) }
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // Not `f32::mul_add`, which is a call into the C library where the target has no such instruction.
        Self::from_fn(|i| self.0[i] * factor.0[i] + addend.0[i])
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        Self(self.0.map(f32::round_ties_even))
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a whole number within -126..=127")]
    unsafe fn scale_by_power(self, exponent: Self) -> Self {
        self.zip(exponent, |value, exponent| value * f32::from_bits((((exponent as i32) + 127) as u32) << 23))
    }

    #[inline(always)]
    unsafe fn copy_sign(self, sign: Self) -> Self {
        self.zip(sign, f32::copysign)
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let v = self.0;
        ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
    }

    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        self.0.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}
