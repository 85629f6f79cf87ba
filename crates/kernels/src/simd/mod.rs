//! A vector of floats as a trait, so that a kernel is written once.
//!
//! Every method must be inlined into a function that has the instruction set; `dispatch!` makes such functions.

#![expect(unsafe_code, reason = "the home of intrinsics")]

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use portable::Portable;

/// A vector of `LANES` floats.
///
/// # Safety
/// Methods may only run where the machine has the vector's instruction set. Pointers must be readable or writable for
/// the lanes that a method names; no alignment is asked for.
pub(crate) trait Vector: Copy {
    const LANES: usize;
    /// Whether it is AVX2's, for which some code is written in assembly.
    const IS_AVX2: bool = false;
    /// Whether the machine has AVX2 where it has the vector.
    const HAS_AVX2: bool = false;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    /// The first `count < LANES` lanes from memory, zeros after them; reads nothing else.
    unsafe fn load_first(from: *const f32, count: usize) -> Self;
    unsafe fn load_f16(from: *const half::f16) -> Self;
    unsafe fn load_i8(from: *const i8) -> Self;
    unsafe fn load_i32(from: *const i32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// The first `count < LANES` lanes to memory; writes nothing else.
    unsafe fn store_first(self, to: *mut f32, count: usize);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once where the machine can.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    /// To the nearest whole number.
    unsafe fn round(self) -> Self;
    /// `self * 2^exponent` for a whole `exponent` within -126..=127.
    unsafe fn scale_by_power(self, exponent: Self) -> Self;
    /// `|self|` with the sign of `sign`.
    unsafe fn copy_sign(self, sign: Self) -> Self;
    unsafe fn sum(self) -> f32;
    unsafe fn largest(self) -> f32;
}

/// `e^x`, by 2^n times a polynomial on the rest: relative error below 3e-7 for |x| <= 87, clamped outside.
///
/// # Source
/// Cephes `expf` (S. Moshier), whose coefficients these are.
#[inline(always)]
pub(crate) unsafe fn exp<V: Vector>(x: V) -> V {
    // SAFETY: only arithmetic of the vector, whose instruction set the caller has.
    unsafe {
        let x = x.max(V::splat(-87.3)).min(V::splat(88.3));
        let n = x.mul(V::splat(std::f32::consts::LOG2_E)).round();
        // ln 2 in two parts, the first exact in few bits.
        let rest = n.mul_add(V::splat(-0.693_359_4), x);
        let rest = n.mul_add(V::splat(2.121_944_4e-4), rest);
        let mut p = V::splat(1.987_569_2e-4);
        for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = p.mul_add(rest, V::splat(coefficient));
        }
        let whole = p.mul_add(rest.mul(rest), rest).add(V::splat(1.0));
        whole.scale_by_power(n)
    }
}
