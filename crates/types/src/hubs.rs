//! Hub correction: what a point's cosine is lowered by, because the point is near to many queries (CONTRACTS.md
//! section 6).
//!
//! # Source
//! Nearest neighbour normalization, arXiv:2410.24114.

use crate::Content;

/// What each cosine of a point is lowered by: one number for queries of each content, in the order of
/// [`Content::ALL`], 0 where there is no bank of such queries.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HubValues(pub [f32; 3]);

impl HubValues {
    /// Whether every number is finite.
    pub fn is_finite(self) -> bool {
        self.0.iter().all(|value| value.is_finite())
    }
}

/// How much of each [`HubValues`] number a query takes off a cosine, in the order of [`Content::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HubWeights(pub [f32; 3]);

impl HubWeights {
    /// Those of a sum of unit vectors: each term's weight and content (`None` for a vector that the user gave, which
    /// brings no correction), and the length of the weighted sum.
    pub fn of_sum(terms: &[(f32, Option<Content>)], norm: f32) -> Self {
        Self(Content::ALL.map(|content| {
            let weights = terms.iter().filter(|(_, of)| *of == Some(content)).map(|(weight, _)| weight);
            weights.sum::<f32>() / norm
        }))
    }

    /// Whether nothing is corrected.
    pub fn is_none(self) -> bool {
        self.0.iter().all(|weight| *weight == 0.0)
    }

    /// What is taken off the cosine with a point of these values.
    pub fn amount(self, values: HubValues) -> f32 {
        self.0.iter().zip(values.0).map(|(weight, value)| weight * value).sum()
    }
}

/// Reference queries of a bundle, from which the values of points are made.
pub trait HubBank: Send + Sync + std::fmt::Debug {
    /// The revision of the space whose points it corrects.
    fn space_revision(&self) -> &str;

    /// What tells one bank from another: values of two banks differ.
    fn id(&self) -> u64;

    /// The values of points, each given by its content and its vector. Blocks.
    ///
    /// # Errors
    /// If the reference queries cannot be loaded, or a vector is of another dimension.
    fn values(
        &self,
        points: &[(Content, &[f32])],
    ) -> Result<Vec<HubValues>, Box<dyn std::error::Error + Send + Sync>>;

    /// So many of the reference queries of a content, at most, as vectors of L2 norm 1 that are compared with points of another: what
    /// people ask before anybody has. None where there are none. Blocks.
    ///
    /// # Errors
    /// If the reference queries cannot be loaded.
    fn queries(
        &self,
        query: Content,
        content: Content,
        count: usize,
    ) -> Result<Vec<Vec<f32>>, Box<dyn std::error::Error + Send + Sync>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_takes_off_what_its_terms_would() {
        // Two texts, one of them led away from, an image and a given vector: sum over i of w_i b_i / |s|.
        let terms = [
            (2.0, Some(Content::Text)),
            (-0.5, Some(Content::Text)),
            (1.0, Some(Content::Image)),
            (4.0, None),
        ];
        let values = HubValues([0.1, 0.7, 0.2]);
        let norm = 1.25;
        let by_hand = (2.0 * 0.2 - 0.5 * 0.2 + 1.0 * 0.1) / norm;
        let weights = HubWeights::of_sum(&terms, norm);
        assert!((weights.amount(values) - by_hand).abs() < 1e-6);
        assert_eq!(weights.0[1], 0.0, "no audio clip asks");
    }

    #[test]
    fn one_term_takes_off_its_own_number_and_a_vector_nothing() {
        let values = HubValues([0.1, 0.7, 0.2]);
        let of = |terms: &[(f32, Option<Content>)]| HubWeights::of_sum(terms, 1.0);
        assert_eq!(of(&[(1.0, Some(Content::Audio))]).amount(values), 0.7);
        assert!(of(&[(1.0, None)]).is_none());
        assert_eq!(HubWeights::default().amount(values), 0.0);
        // A term that is led away from raises what is near to everything.
        assert_eq!(of(&[(-1.0, Some(Content::Text))]).amount(values), -0.2);
    }
}
