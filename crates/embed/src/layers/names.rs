//! The class-name branch and its gate: what an encoder recognizes by name.

use sensorium_kernels::{Activation, Epilogue, PackedMatrix, l2_normalize, softmax_rows};

use super::Linear;
use crate::EmbedError;
use crate::weights::Weights;

/// Smallest share whose logarithm is taken.
const LEAST_SHARE: f32 = 1e-12;
/// Statistics of the class probabilities that the gate looks at.
const STATISTICS: usize = 3;

/// Sizes of the branch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NamesConfig {
    pub(crate) classes: usize,
    pub(crate) features: usize,
    pub(crate) dim: usize,
    pub(crate) gate_hidden: usize,
    pub(crate) class_scale: f32,
}

/// Text vectors of class names, mixed by class probability, and the gate that says how far they are to be trusted.
///
/// # Source
/// the mixture: ConSE (arXiv:1312.5650) over all classes
#[derive(Debug)]
pub(crate) struct NamedClasses {
    names: PackedMatrix,
    class_scale: f32,
    gate1: Linear,
    gate2: Linear,
}

impl NamedClasses {
    /// Takes `PREFIX.names.weight`, `PREFIX.gate.fc1` and `PREFIX.gate.fc2`.
    pub(crate) fn load(
        weights: &mut Weights,
        prefix: &str,
        config: &NamesConfig,
    ) -> Result<Self, EmbedError> {
        let NamesConfig { classes, features, dim, gate_hidden, class_scale } = *config;
        let rows = weights.floats(&format!("{prefix}.names.weight"), &[classes, dim])?;
        let mut names = PackedMatrix::empty();
        names.repack(&rows, (dim, classes), (1, dim));
        let inputs = STATISTICS + features;
        let gate1 =
            Linear::load(weights, &format!("{prefix}.gate.fc1"), (gate_hidden, inputs), Activation::Relu)?;
        let gate2 =
            Linear::load(weights, &format!("{prefix}.gate.fc2"), (1, gate_hidden), Activation::Identity)?;
        Ok(Self { names, class_scale, gate1, gate2 })
    }

    /// The unit vector of the names and its share in the result.
    ///
    /// # Shapes
    /// logits (classes), features (features) -> vector (dim), share in 0..=1
    pub(crate) fn forward(&self, mut logits: Vec<f32>, features: &[f32]) -> (Vec<f32>, f32) {
        for logit in &mut logits {
            *logit *= self.class_scale;
        }
        let classes = logits.len();
        softmax_rows(&mut logits, classes);
        let shares = logits;
        let mut vector = vec![0.0; self.names.n()];
        self.names.multiply(&shares, classes, Epilogue::default(), &mut vector);
        l2_normalize(&mut vector);
        let mut inputs = statistics(&shares).to_vec();
        inputs.extend_from_slice(features);
        let gate = self.gate2.apply(&self.gate1.apply(&inputs)).first().copied().unwrap_or_default();
        (vector, 1.0 / (1.0 + (-gate).exp()))
    }
}

/// The largest share, the entropy over that of equal shares, the sum of squares.
fn statistics(shares: &[f32]) -> [f32; STATISTICS] {
    let largest = shares.iter().copied().fold(0.0, f32::max);
    let entropy: f32 = shares.iter().map(|share| -share * share.max(LEAST_SHARE).ln()).sum();
    let squares = shares.iter().map(|share| share * share).sum();
    [largest, entropy / (shares.len() as f32).ln(), squares]
}

/// `(1 - share) a + share b`, normalized.
pub(crate) fn unit_mix(a: &[f32], b: &[f32], share: f32) -> Vec<f32> {
    let mut mixed: Vec<f32> = a.iter().zip(b).map(|(a, b)| (1.0 - share) * a + share * b).collect();
    l2_normalize(&mut mixed);
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_tell_a_sure_class_from_none() {
        assert_eq!(statistics(&[1.0, 0.0, 0.0, 0.0]), [1.0, 0.0, 1.0]);
        let none = statistics(&[0.25; 4]);
        assert!((none[1] - 1.0).abs() < 1e-6 && (none[2] - 0.25).abs() < 1e-6);
    }

    #[test]
    fn a_mix_has_norm_one() {
        assert_eq!(unit_mix(&[1.0, 0.0], &[0.0, 1.0], 0.0), [1.0, 0.0]);
        let half = unit_mix(&[1.0, 0.0], &[0.0, 1.0], 0.5);
        assert!((half[0] - 0.5f32.sqrt()).abs() < 1e-6);
    }
}
