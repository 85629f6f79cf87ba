//! Normalizations over the rows of a matrix.

#![expect(unsafe_code, reason = "vector loads within bounds that are checked at entry")]

use crate::level::{Level, dispatch};
use crate::simd::{Vector, exp};

/// Layer normalization of each row.
///
/// # Shapes
/// input (rows, dim), weight (dim), bias (dim) -> out (rows, dim)
///
/// # Panics
/// If a length does not fit.
///
/// # Source
/// arXiv:1607.06450; the variance is the mean square of what is left after the mean.
pub fn layer_norm_rows(input: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    layer_norm_rows_at(Level::best(), input, Norm { weight, bias, eps }, out);
}

/// Softmax of each row, in place.
///
/// # Panics
/// If the values are no whole number of rows.
pub fn softmax_rows(values: &mut [f32], dim: usize) {
    softmax_rows_at(Level::best(), values, dim);
}

/// The mean of the rows.
///
/// # Shapes
/// rows (n, dim) -> out (dim)
///
/// # Panics
/// If there is no row, or a length does not fit.
pub fn mean_of_rows(rows: &[f32], out: &mut [f32]) {
    assert!(!rows.is_empty() && rows.len().is_multiple_of(out.len()), "at least one whole row");
    out.fill(0.0);
    for row in rows.chunks_exact(out.len()) {
        for (sum, value) in out.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let count = (rows.len() / out.len()) as f32;
    for sum in out {
        *sum /= count;
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm<'a> {
    pub(crate) weight: &'a [f32],
    pub(crate) bias: &'a [f32],
    pub(crate) eps: f32,
}

pub(crate) fn layer_norm_rows_at(level: Level, input: &[f32], norm: Norm<'_>, out: &mut [f32]) {
    let dim = norm.weight.len();
    assert_eq!(norm.bias.len(), dim, "weight and bias of one length");
    assert_eq!(input.len(), out.len(), "a result of the input's shape");
    assert!(dim > 0 && input.len().is_multiple_of(dim), "whole rows");
    dispatch!(level, [input: &[f32], norm: Norm<'_>, out: &mut [f32]] -> (), |V| norm_rows::<V>(input, norm, out));
}

pub(crate) fn softmax_rows_at(level: Level, values: &mut [f32], dim: usize) {
    assert!(dim > 0 && values.len().is_multiple_of(dim), "whole rows");
    dispatch!(level, [values: &mut [f32], dim: usize] -> (), |V| {
        for row in values.chunks_exact_mut(dim) {
            softmax::<V>(row);
        }
    });
}

/// # Safety
/// Whole rows of the norm's length, as many in as out.
#[inline(always)]
unsafe fn norm_rows<V: Vector>(input: &[f32], norm: Norm<'_>, out: &mut [f32]) {
    let dim = norm.weight.len();
    let (weight, bias) = (norm.weight.as_ptr(), norm.bias.as_ptr());
    for (row, out) in input.chunks_exact(dim).zip(out.chunks_exact_mut(dim)) {
        let (row, out) = (row.as_ptr(), out.as_mut_ptr());
        // SAFETY: `fold` and `each` stay below `dim`, the length of all four.
        unsafe {
            let zero = V::splat(0.0);
            let mean =
                fold::<V>(dim, zero, |sum, at, count| sum.add(load(row, at, count))).sum() / dim as f32;
            let shift = V::splat(mean);
            let square = |sum: V, at: usize, count: usize| {
                // Lanes past the end hold 0 - mean and must not count: the mean is masked as well.
                let shift = if count < V::LANES { V::load_first([mean; 16].as_ptr(), count) } else { shift };
                let rest = load::<V>(row, at, count).sub(shift);
                rest.mul_add(rest, sum)
            };
            let variance = fold::<V>(dim, zero, square).sum() / dim as f32;
            let scale = V::splat(1.0 / (variance + norm.eps).sqrt());
            each(dim, V::LANES, |at, count| {
                let unit = load::<V>(row, at, count).sub(shift).mul(scale);
                let value = unit.mul_add(load(weight, at, count), load(bias, at, count));
                if count >= V::LANES {
                    value.store(out.add(at))
                } else {
                    value.store_first(out.add(at), count)
                }
            });
        }
    }
}

/// # Safety
/// The machine has the vector.
#[inline(always)]
pub(crate) unsafe fn softmax<V: Vector>(row: &mut [f32]) {
    let (len, lanes) = (row.len(), V::LANES);
    let (whole, row) = (len - len % lanes, row.as_mut_ptr());
    let rest = len - whole;
    // Loops and no closures, which are not always inlined into code with the instruction set.
    // SAFETY: each load and store ends at or before `len`.
    unsafe {
        let (mut top, mut largest) = (V::splat(f32::NEG_INFINITY), f32::NEG_INFINITY);
        for at in (0..whole).step_by(lanes) {
            top = top.max(V::load(row.add(at)));
        }
        for at in whole..len {
            largest = largest.max(*row.add(at));
        }
        let shift = V::splat(largest.max(top.largest()));
        let (mut sum, mut tail) = (V::splat(0.0), 0.0);
        for at in (0..whole).step_by(lanes) {
            let value = exp(V::load(row.add(at)).sub(shift));
            value.store(row.add(at));
            sum = sum.add(value);
        }
        if rest > 0 {
            exp(V::load_first(row.add(whole), rest).sub(shift)).store_first(row.add(whole), rest);
            for at in whole..len {
                tail += *row.add(at);
            }
        }
        let share = V::splat(1.0 / (sum.sum() + tail));
        for at in (0..whole).step_by(lanes) {
            V::load(row.add(at)).mul(share).store(row.add(at));
        }
        if rest > 0 {
            V::load_first(row.add(whole), rest).mul(share).store_first(row.add(whole), rest);
        }
    }
}

/// Calls `visit(at, count)` for whole vectors (`count == lanes`) and the rest (`count < lanes`).
#[inline(always)]
fn each(len: usize, lanes: usize, mut visit: impl FnMut(usize, usize)) {
    let whole = len - len % lanes;
    for at in (0..whole).step_by(lanes) {
        visit(at, lanes);
    }
    if whole < len {
        visit(whole, len - whole);
    }
}

#[inline(always)]
unsafe fn fold<V: Vector>(len: usize, start: V, step: impl Fn(V, usize, usize) -> V) -> V {
    let mut sum = start;
    each(len, V::LANES, |at, count| sum = step(sum, at, count));
    sum
}

/// # Safety
/// `count` floats are readable at `from + at`.
#[inline(always)]
unsafe fn load<V: Vector>(from: *const f32, at: usize, count: usize) -> V {
    // SAFETY: the caller gives `count` floats.
    unsafe { if count >= V::LANES { V::load(from.add(at)) } else { V::load_first(from.add(at), count) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn layer_norm_is_near_f64_at_every_length() {
        let mut random = Random::new(10);
        for level in Level::available() {
            for dim in (2..40).chain([192, 256, 384, 1280]) {
                let input: Vec<f32> = random.floats(dim * 3).iter().map(|x| x * 4.0 + 1.5).collect();
                let (weight, bias) = (random.floats(dim), random.floats(dim));
                let mut out = vec![0.0; dim * 3];
                layer_norm_rows_at(level, &input, Norm { weight: &weight, bias: &bias, eps: 1e-5 }, &mut out);
                for (row, out) in input.chunks(dim).zip(out.chunks(dim)) {
                    let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / dim as f64;
                    let variance =
                        row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / dim as f64;
                    for i in 0..dim {
                        let unit = (f64::from(row[i]) - mean) / (variance + 1e-5).sqrt();
                        let expected = unit * f64::from(weight[i]) + f64::from(bias[i]);
                        let bound =
                            1e-6 * (dim as f64).sqrt() * (1.0 + unit.abs()) / variance.sqrt().min(1.0);
                        assert!((f64::from(out[i]) - expected).abs() <= bound, "{level:?}, dimension {dim}");
                    }
                }
            }
        }
    }

    #[test]
    fn softmax_sums_to_one_and_is_near_f64() {
        let mut random = Random::new(11);
        for level in Level::available() {
            for dim in (1..40).chain([125, 521, 1000]) {
                let input: Vec<f32> = random.floats(dim * 2).iter().map(|x| x * 30.0 + 100.0).collect();
                let mut out = input.clone();
                softmax_rows_at(level, &mut out, dim);
                for (row, out) in input.chunks(dim).zip(out.chunks(dim)) {
                    let largest = row.iter().copied().fold(f32::MIN, f32::max);
                    let powers: Vec<f64> =
                        row.iter().map(|x| (f64::from(*x) - f64::from(largest)).exp()).collect();
                    let sum: f64 = powers.iter().sum();
                    for (value, power) in out.iter().zip(powers) {
                        let expected = power / sum;
                        assert!(
                            (f64::from(*value) - expected).abs() <= 1e-5 * expected + 1e-30,
                            "{level:?} {dim}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_mean_of_rows_is_their_mean() {
        let mut out = [0.0; 2];
        mean_of_rows(&[1.0, 2.0, 3.0, 6.0], &mut out);
        assert_eq!(out, [2.0, 4.0]);
    }
}
