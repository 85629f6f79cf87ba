//! Scores that mean the same for an image and for an audio clip (CONTRACTS.md section 6).

use serde::{Deserialize, Serialize};

use crate::Content;

/// Mean and deviation of the cosine of random pairs of two contents.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Mean cosine of random pairs.
    pub mean: f32,
    /// Standard deviation of the cosine of random pairs, above 0.
    pub deviation: f32,
}

impl Calibration {
    /// `(cosine - mean) / deviation`: 0 is chance for one point.
    pub fn score(self, cosine: f32) -> f32 {
        (cosine - self.mean) / self.deviation
    }

    /// The calibration of a sum of unit vectors with these weights, each term having its own calibration, where
    /// `norm` is the length of the weighted sum.
    pub fn of_sum(terms: &[(f32, Self)], norm: f32) -> Self {
        let mean: f32 = terms.iter().map(|(weight, term)| weight * term.mean).sum::<f32>() / norm;
        let variance: f32 = terms.iter().map(|(weight, term)| (weight * term.deviation).powi(2)).sum();
        Self { mean, deviation: variance.sqrt() / norm }
    }
}

/// The calibration of every pair (what the query term is, what the point contains).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CalibrationTable {
    /// Rows of the table: query content, point content, calibration.
    pub pairs: Vec<(Content, Content, Calibration)>,
}

impl CalibrationTable {
    /// The calibration of one pair, if the bundle has it.
    pub fn get(&self, query: Content, point: Content) -> Option<Calibration> {
        self.pairs.iter().find(|(q, p, _)| *q == query && *p == point).map(|(_, _, calibration)| *calibration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_one_term_keeps_its_calibration() {
        let one = Calibration { mean: 0.1, deviation: 0.05 };
        assert_eq!(Calibration::of_sum(&[(1.0, one)], 1.0), one);
        let doubled = Calibration::of_sum(&[(2.0, one)], 2.0);
        assert!((doubled.mean - 0.1).abs() < 1e-6 && (doubled.deviation - 0.05).abs() < 1e-6);
    }

    #[test]
    fn signed_terms_subtract_means_and_add_variances() {
        let a = Calibration { mean: 0.2, deviation: 0.03 };
        let b = Calibration { mean: 0.1, deviation: 0.04 };
        let sum = Calibration::of_sum(&[(1.0, a), (-1.0, b)], 0.5);
        assert!((sum.mean - 0.2).abs() < 1e-6);
        assert!((sum.deviation - 0.1).abs() < 1e-6);
    }
}
