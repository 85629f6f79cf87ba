//! The weights of one band.

/// Weights of neighbouring bins, from the first that counts on.
#[derive(Debug, Clone)]
pub(super) struct Band<T> {
    first: usize,
    weights: Vec<T>,
}

impl<T: Copy + PartialOrd + Default + std::ops::Mul<Output = T> + std::iter::Sum> Band<T> {
    /// Those above 0 of the weights of all bins, which lie side by side.
    pub(super) fn of(weights: impl Iterator<Item = T>) -> Self {
        let (mut first, mut kept) = (0, Vec::new());
        for (bin, weight) in weights.enumerate() {
            if weight > T::default() {
                if kept.is_empty() {
                    first = bin;
                }
                kept.push(weight);
            }
        }
        Self { first, weights: kept }
    }

    /// The weighted sum of bins.
    pub(super) fn sum(&self, bins: &[T]) -> T {
        let bins = bins.get(self.first..).unwrap_or_default();
        bins.iter().zip(&self.weights).map(|(bin, weight)| *bin * *weight).sum()
    }
}
