//! Dot products and norms.

#![expect(unsafe_code, reason = "vector loads within bounds that are checked at entry")]

use crate::level::{Level, dispatch};
use crate::simd::Vector;

/// The dot product of two vectors.
///
/// # Panics
/// If their lengths differ.
#[inline]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    dot_at(Level::best(), a, b)
}

/// The dot product of a query with each row of a matrix.
///
/// # Shapes
/// query (dim), rows (n, dim) -> out (n)
///
/// # Panics
/// If the lengths do not fit.
pub fn dot_many(query: &[f32], rows: &[f32], dim: usize, out: &mut [f32]) {
    dot_many_at(Level::best(), query, rows, dim, out);
}

/// Divides a vector by its L2 norm and gives that norm. A vector whose norm is 0 or not finite stays as it is.
pub fn l2_normalize(vector: &mut [f32]) -> f32 {
    let norm = dot(vector, vector).sqrt();
    if norm > 0.0 && norm.is_finite() {
        for value in vector {
            *value /= norm;
        }
    }
    norm
}

pub(crate) fn dot_at(level: Level, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "a dot product takes two vectors of one length");
    // The lengths agree, as the generic function asks.
    dispatch!(level, [a: &[f32], b: &[f32]] -> f32, |V| dot_with::<V>(a, b))
}

pub(crate) fn dot_many_at(level: Level, query: &[f32], rows: &[f32], dim: usize, out: &mut [f32]) {
    assert_eq!(query.len(), dim, "the query has the dimension of the rows");
    assert_eq!(Some(rows.len()), dim.checked_mul(out.len()), "one result a row");
    // Every row has the query's length, as the generic function asks.
    dispatch!(level, [query: &[f32], rows: &[f32], out: &mut [f32]] -> (), |V| dot_many_with::<V>(query, rows, out));
}

/// # Safety
/// Every row has the query's length: `rows.len() == query.len() * out.len()`.
#[inline(always)]
unsafe fn dot_many_with<V: Vector>(query: &[f32], rows: &[f32], out: &mut [f32]) {
    if query.is_empty() {
        out.fill(0.0);
        return;
    }
    // Not `zip`, whose step is not inlined into code with the instruction set.
    let mut rest = rows;
    for result in out {
        let (row, after) = rest.split_at(query.len());
        // SAFETY: the row has the query's length.
        *result = unsafe { dot_with::<V>(query, row) };
        rest = after;
    }
}

/// Four sums in flight hide the latency of the multiply-add.
///
/// # Safety
/// `a.len() == b.len()`.
#[inline(always)]
unsafe fn dot_with<V: Vector>(a: &[f32], b: &[f32]) -> f32 {
    let (len, lanes) = (a.len(), V::LANES);
    let (a, b) = (a.as_ptr(), b.as_ptr());
    // SAFETY: each load ends at or before `len`, the length of both.
    unsafe {
        let mut sums = [V::splat(0.0); 4];
        let mut at = 0;
        while at + 4 * lanes <= len {
            for (i, sum) in sums.iter_mut().enumerate() {
                let from = at + i * lanes;
                *sum = V::load(a.add(from)).mul_add(V::load(b.add(from)), *sum);
            }
            at += 4 * lanes;
        }
        let [mut first, second, third, fourth] = sums;
        while at + lanes <= len {
            first = V::load(a.add(at)).mul_add(V::load(b.add(at)), first);
            at += lanes;
        }
        if at < len {
            first = V::load_first(a.add(at), len - at).mul_add(V::load_first(b.add(at), len - at), first);
        }
        first.add(second).add(third.add(fourth)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, offsets};

    /// Error of a sum of n products in any order: at most n roundings of the sum of magnitudes (Higham, 3.1).
    fn bound(a: &[f32], b: &[f32]) -> f64 {
        let magnitude: f64 = a.iter().zip(b).map(|(a, b)| f64::from((a * b).abs())).sum();
        (a.len() as f64 + 2.0) * f64::from(f32::EPSILON) / 2.0 * magnitude + 1e-30
    }

    #[test]
    fn dot_is_within_its_error_bound_at_every_length_and_alignment() {
        let mut random = Random::new(1);
        for level in Level::available() {
            for len in (0..=70).chain([127, 128, 129, 383, 384, 385, 1280]) {
                for offset in offsets() {
                    let (a, b) = (random.floats(len + offset), random.floats(len + offset));
                    let (a, b) = (&a[offset..], &b[offset..]);
                    let exact: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let error = (f64::from(dot_at(level, a, b)) - exact).abs();
                    assert!(error <= bound(a, b), "{level:?}, length {len}: {error}");
                }
            }
        }
    }

    #[test]
    fn dot_many_is_dot_for_each_row() {
        let mut random = Random::new(2);
        for level in Level::available() {
            for dim in [1, 7, 16, 33, 384] {
                let (query, rows) = (random.floats(dim), random.floats(dim * 5));
                let mut out = [0.0; 5];
                dot_many_at(level, &query, &rows, dim, &mut out);
                for (row, result) in rows.chunks(dim).zip(out) {
                    assert_eq!(dot_at(level, &query, row), result);
                }
            }
        }
    }

    #[test]
    fn a_normalized_vector_has_norm_one_and_a_zero_vector_stays() {
        let mut vector = Random::new(3).floats(384);
        let norm = l2_normalize(&mut vector);
        assert!(norm > 0.0 && (dot(&vector, &vector) - 1.0).abs() < 1e-5);
        let mut zero = [0.0; 7];
        assert_eq!(l2_normalize(&mut zero), 0.0);
        assert_eq!(zero, [0.0; 7]);
    }

    #[test]
    #[should_panic(expected = "one length")]
    fn unlike_lengths_are_refused() {
        dot(&[1.0], &[1.0, 2.0]);
    }
}
