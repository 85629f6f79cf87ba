//! Rows of an input as bytes.

#![expect(
    unsafe_code,
    clippy::cast_possible_truncation,
    reason = "vector loads within bounds that are checked at entry; whole numbers within 0..=127"
)]

use super::GROUP;
use crate::level::{Level, dispatch};
use crate::simd::Vector;

/// The largest number of an input.
const MOST: f32 = 127.0;

/// Rows of bytes: a number is `(byte - zero) * scale`.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Rows of k bytes and zeros up to a whole group.
    pub(super) bytes: Vec<u8>,
    /// From a row to the next.
    pub(super) stride: usize,
    pub(super) scales: Vec<f32>,
    pub(super) zeros: Vec<i32>,
    /// A row that is rounded.
    line: Vec<f32>,
}

impl Rows {
    pub(super) const EMPTY: Self =
        Self { bytes: Vec::new(), stride: 0, scales: Vec::new(), zeros: Vec::new(), line: Vec::new() };

    /// Takes `m` rows of `k` numbers.
    pub(super) fn fill(&mut self, level: Level, input: &[f32], (m, k): (usize, usize)) {
        assert_eq!(input.len(), m * k, "{m} rows of {k} numbers");
        self.stride = k.next_multiple_of(GROUP);
        self.bytes.resize(m * self.stride, 0);
        self.scales.resize(m, 0.0);
        self.zeros.resize(m, 0);
        self.line.resize(k, 0.0);
        if k == 0 {
            return;
        }
        let rows: &mut Self = self;
        dispatch!(level, [rows: &mut Rows, input: &[f32], k: usize] -> (), |V| rows.fill_with::<V>(input, k));
    }

    /// # Safety
    /// There is room for all rows, `k` is not 0, and the machine has the vector.
    #[inline(always)]
    unsafe fn fill_with<V: Vector>(&mut self, input: &[f32], k: usize) {
        let lines = input.chunks_exact(k).zip(self.bytes.chunks_exact_mut(self.stride));
        for ((row, bytes), (scale, zero)) in lines.zip(self.scales.iter_mut().zip(&mut self.zeros)) {
            // SAFETY: the machine has the vector.
            let (least, most, checked) = unsafe { range::<V>(row) };
            let step = (most - least) / MOST;
            let by = if step > 0.0 { 1.0 / step } else { 0.0 };
            let shift = (-least * by).round_ties_even().clamp(0.0, MOST);
            // A row that holds what is no finite number makes products that are none.
            *scale = step + checked;
            *zero = shift as i32;
            // SAFETY: `line` is as long as the row.
            unsafe { round::<V>(row, (by, shift), &mut self.line) };
            let (own, rest) = bytes.split_at_mut(k);
            for (byte, value) in own.iter_mut().zip(&self.line) {
                // SAFETY: `round` made whole numbers within 0..=127.
                *byte = unsafe { value.to_int_unchecked::<i32>() } as u8;
            }
            rest.fill(0);
        }
    }
}

/// The least and the largest number of a row and 0, and a sum that is no number if one of the row is not finite.
///
/// # Safety
/// The machine has the vector.
#[inline(always)]
unsafe fn range<V: Vector>(row: &[f32]) -> (f32, f32, f32) {
    let (len, lanes) = (row.len(), V::LANES);
    let (whole, row) = (len - len % lanes, row.as_ptr());
    // SAFETY: each load ends at or before `len`; lanes past the end are 0, which changes nothing.
    unsafe {
        let nothing = V::splat(0.0);
        let (mut least, mut most, mut checked) = (nothing, nothing, nothing);
        for at in (0..whole).step_by(lanes) {
            let x = V::load(row.add(at));
            (least, most, checked) = (least.min(x), most.max(x), x.mul_add(nothing, checked));
        }
        if whole < len {
            let x = V::load_first(row.add(whole), len - whole);
            (least, most, checked) = (least.min(x), most.max(x), x.mul_add(nothing, checked));
        }
        (-least.mul(V::splat(-1.0)).largest(), most.largest(), checked.sum())
    }
}

/// `round(x * by) + shift` within 0..=127 for each number.
///
/// # Safety
/// `to` is as long as the row, and the machine has the vector.
#[inline(always)]
unsafe fn round<V: Vector>(row: &[f32], (by, shift): (f32, f32), to: &mut [f32]) {
    let (len, lanes) = (row.len(), V::LANES);
    let (whole, row, to) = (len - len % lanes, row.as_ptr(), to.as_mut_ptr());
    // SAFETY: each load and store ends at or before `len`.
    unsafe {
        let (by, shift, least, most) = (V::splat(by), V::splat(shift), V::splat(0.0), V::splat(MOST));
        for at in (0..whole).step_by(lanes) {
            let x = V::load(row.add(at)).mul_add(by, shift).round();
            // In this order no NaN is left: of two numbers of which one is none, `max` and `min` give the second.
            x.max(least).min(most).store(to.add(at));
        }
        if whole < len {
            let x = V::load_first(row.add(whole), len - whole).mul_add(by, shift).round();
            x.max(least).min(most).store_first(to.add(whole), len - whole);
        }
    }
}
