//! Scores of one thing against another, as a search has them: each pair of contents calibrated, an asset as good as its
//! best point.

use sensorium_embed::Bundle;
use sensorium_types::{CalibrationTable, Content, HubValues, HubWeights, SpaceInfo};

/// A vector with what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vector {
    /// What is seen, heard or read.
    pub(super) content: Content,
    /// Its numbers, of L2 norm 1.
    pub(super) numbers: Vec<f32>,
    /// Those by which it asks images, where they are others: of a name alone.
    pub(super) for_images: Option<Vec<f32>>,
    /// What its cosines with queries are lowered by.
    pub(super) hubs: HubValues,
}

/// What turns vectors into scores: how they lie, and what random pairs have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale<'a> {
    pub(super) space: &'a SpaceInfo,
    pub(super) calibration: &'a CalibrationTable,
    /// What asks contents that no space joins to a query.
    pub(super) bundle: Option<&'a Bundle>,
}

/// The best calibrated score of a query against the points of an asset; `None` for no points that it can be compared with.
pub(super) fn best(query: &Vector, points: &[Vector], scale: Scale<'_>) -> Option<f32> {
    let weights = HubWeights::of_sum(&[(1.0, Some(query.content))], 1.0);
    let mut carried = Carried { query, scale, known: [const { None }; 3] };
    let scores = points.iter().filter_map(|point| {
        let cosine = dot(carried.asking(point.content)?, &point.numbers) - weights.amount(point.hubs);
        // A bundle without this pair ranks by cosine, as a search does.
        let pair = scale.calibration.get(query.content, point.content);
        Some(pair.map_or(cosine, |pair| pair.score(cosine)))
    });
    scores.max_by(f32::total_cmp)
}

/// A query as it asks each content, as a search has it.
struct Carried<'a> {
    query: &'a Vector,
    scale: Scale<'a>,
    /// Of several spaces, by the places of [`Content::ALL`] what was asked before.
    known: [Option<Option<Vec<f32>>>; 3],
}

impl Carried<'_> {
    /// The numbers by which a content is asked; `None` where no space joins it and the query.
    fn asking(&mut self, content: Content) -> Option<&[f32]> {
        let own = self.query.for_images.as_ref().filter(|_| content == Content::Image);
        let numbers = own.unwrap_or(&self.query.numbers);
        let space = self.scale.space;
        if space.parts.is_empty() {
            return Some(numbers);
        }
        let at = Content::ALL.iter().position(|other| *other == content)?;
        let carry = || {
            let from = self.query.content;
            let by_texts = || self.scale.bundle?.bridged((from, numbers), content).ok()?;
            let joined = space.join(content, &space.split(Some(from), numbers));
            let mut asking = joined.or_else(by_texts)?;
            let length = dot(&asking, &asking).sqrt();
            asking.iter_mut().for_each(|number| *number /= length);
            Some(asking)
        };
        self.known.get_mut(at)?.get_or_insert_with(carry).as_deref()
    }
}

/// The product of two vectors, in eight sums that the compiler can keep in one register.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_groups, a_rest) = a.as_chunks::<8>();
    let (b_groups, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for (x, y) in a_groups.iter().zip(b_groups) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use sensorium_types::Calibration;

    use super::*;

    #[test]
    fn contents_are_compared_by_calibrated_scores() {
        let vector = |content, numbers: [f32; 2]| Vector {
            content,
            numbers: numbers.to_vec(),
            for_images: None,
            hubs: HubValues::default(),
        };
        let query = vector(Content::Text, [1.0, 0.0]);
        let points = [vector(Content::Image, [0.6, 0.8]), vector(Content::Audio, [0.5, 0.866])];
        let table = CalibrationTable {
            pairs: vec![
                (Content::Text, Content::Image, Calibration { mean: 0.1, deviation: 0.1 }),
                (Content::Text, Content::Audio, Calibration { mean: 0.1, deviation: 0.05 }),
            ],
        };
        let space = SpaceInfo::one("test", 2, "test@1");
        let empty = CalibrationTable::default();
        let with = |calibration| Scale { space: &space, calibration, bundle: None };
        let score = best(&query, &points, with(&table)).expect("points");
        assert!((score - 8.0).abs() < 1e-4, "the audio wins: {score}");
        assert_eq!(best(&query, &[], with(&table)), None);
        let score = best(&query, &points, with(&empty)).expect("points");
        assert!((score - 0.6).abs() < 1e-6, "without calibration the cosine: {score}");
        let hub = Vector { hubs: HubValues([0.5, 0.5, 0.2]), ..points[0].clone() };
        let score = best(&query, &[hub], with(&table)).expect("a point");
        assert!((score - 3.0).abs() < 1e-4, "lowered by what texts bring: {score}");
    }

    #[test]
    fn products_of_any_length() {
        let a: Vec<f32> = (0..19_u8).map(f32::from).collect();
        assert!((dot(&a, &a) - 2109.0).abs() < 1e-3);
        assert!(dot(&[], &[]).abs() < 1e-9);
    }
}
