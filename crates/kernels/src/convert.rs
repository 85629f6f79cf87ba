//! Small numbers to floats.

#![expect(unsafe_code, reason = "vector loads within bounds that are checked at entry")]

use half::f16;

use crate::level::{Level, dispatch};
use crate::simd::Vector;

/// Widens half floats; exact.
///
/// # Panics
/// If the lengths differ.
pub fn f16_to_f32(from: &[f16], to: &mut [f32]) {
    f16_to_f32_at(Level::best(), from, to);
}

/// Gives a row of int8 codes back as floats: `to = row * scale`.
///
/// # Panics
/// If the lengths differ.
pub fn dequantize_row(row: &[i8], scale: f32, to: &mut [f32]) {
    dequantize_row_at(Level::best(), row, scale, to);
}

pub(crate) fn f16_to_f32_at(level: Level, from: &[f16], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "as many floats as half floats");
    dispatch!(level, [from: &[f16], to: &mut [f32]] -> (), |V| widen::<V>(from, to));
}

pub(crate) fn dequantize_row_at(level: Level, row: &[i8], scale: f32, to: &mut [f32]) {
    assert_eq!(row.len(), to.len(), "as many floats as codes");
    dispatch!(level, [row: &[i8], scale: f32, to: &mut [f32]] -> (), |V| dequantize::<V>(row, scale, to));
}

/// # Safety
/// `from.len() == to.len()`.
#[inline(always)]
unsafe fn widen<V: Vector>(from: &[f16], to: &mut [f32]) {
    let whole = from.len() - from.len() % V::LANES;
    for at in (0..whole).step_by(V::LANES) {
        // SAFETY: `at + LANES <= len` of both.
        unsafe { V::load_f16(from.as_ptr().add(at)).store(to.as_mut_ptr().add(at)) };
    }
    for (from, to) in from.iter().zip(to).skip(whole) {
        *to = from.to_f32();
    }
}

/// # Safety
/// `row.len() == to.len()`.
#[inline(always)]
unsafe fn dequantize<V: Vector>(row: &[i8], scale: f32, to: &mut [f32]) {
    let whole = row.len() - row.len() % V::LANES;
    for at in (0..whole).step_by(V::LANES) {
        // SAFETY: `at + LANES <= len` of both.
        unsafe { V::load_i8(row.as_ptr().add(at)).mul(V::splat(scale)).store(to.as_mut_ptr().add(at)) };
    }
    for (code, to) in row.iter().zip(to).skip(whole) {
        *to = f32::from(*code) * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, offsets};

    #[test]
    fn half_floats_widen_exactly() {
        let mut random = Random::new(4);
        for level in Level::available() {
            for len in (0..40).chain([384, 1001]) {
                for offset in offsets() {
                    let halves: Vec<f16> =
                        random.floats(len + offset).iter().map(|value| f16::from_f32(*value)).collect();
                    let mut wide = vec![0.0; len];
                    f16_to_f32_at(level, &halves[offset..], &mut wide);
                    let expected: Vec<f32> = halves[offset..].iter().map(|half| half.to_f32()).collect();
                    assert_eq!(wide, expected, "{level:?}, length {len}");
                }
            }
        }
    }

    #[test]
    fn codes_times_scale_round_once() {
        for level in Level::available() {
            for len in [0, 1, 15, 16, 17, 384] {
                let row: Vec<i8> = (0..len).map(|i| i8::try_from(i % 255 - 127).unwrap()).collect();
                let mut wide = vec![0.0; row.len()];
                dequantize_row_at(level, &row, 0.013, &mut wide);
                let expected: Vec<f32> = row.iter().map(|code| f32::from(*code) * 0.013).collect();
                assert_eq!(wide, expected, "{level:?}, length {len}");
            }
        }
    }
}
