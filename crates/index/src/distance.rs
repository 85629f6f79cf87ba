//! Products and norms of vectors as they come in. Searches compare points through `VectorRef::cosine`.

/// The dot product of two vectors of one length; 0 where the lengths differ.
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    if left.len() == right.len() { sensorium_kernels::dot(left, right) } else { 0.0 }
}

/// The L2 norm.
pub(crate) fn norm(vector: &[f32]) -> f64 {
    // Eight sums, so that the compiler makes vectors of them.
    let mut sums = [0.0_f64; 8];
    for values in vector.chunks(8) {
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(*value).powi(2));
    }
    sums.into_iter().sum::<f64>().sqrt()
}
