//! From a space to another by texts that both know: of an image in a space without sounds, the texts nearest to it ask sounds in the space
//! that has them.
//!
//! ```text
//! image ─► its space: cosines with some hundred texts ─► the nearest, weighted ─► the same texts in the other space ─► sounds
//! ```
//! This is the weighted sum of class names of ConSE (arXiv:1312.5650) with texts in place of classes.

use sensorium_kernels::{dot, l2_normalize};
use sensorium_types::Content;

use super::joined::Member;
use crate::{EmbedError, Input};

/// Texts of what can be seen and heard, one a line.
const TEXTS: &str = include_str!("bridge.txt");
/// How many of the nearest count.
const NEAREST: usize = 8;
/// What a text counts falls by e where its cosine is lower by so much of the spread of all.
const SHARPNESS: f32 = 0.5;

/// The texts in every space that has texts.
#[derive(Debug)]
pub(super) struct Bridge {
    /// Of each member in order, a row for each text; none of one without texts.
    rows: Vec<Vec<Vec<f32>>>,
}

impl Bridge {
    /// Encodes the texts, some hundred in each space.
    pub(super) fn load(members: &[Member]) -> Result<Self, EmbedError> {
        let inputs: Vec<Input> = TEXTS.lines().map(|line| Input::Text(line.to_owned())).collect();
        let rows = members.iter().map(|member| match member.takes(Content::Text) {
            true => member.space.embed(&inputs),
            false => Ok(Vec::new()),
        });
        Ok(Self { rows: rows.collect::<Result<_, _>>()? })
    }

    /// What a vector of a member's space says in that of another.
    pub(super) fn across(&self, (from, vector): (usize, &[f32]), to: usize) -> Option<Vec<f32>> {
        let (near, far) = (self.rows.get(from)?, self.rows.get(to)?);
        let cosine = |row: &Vec<f32>| dot(row, vector);
        let mut ranked: Vec<(f32, usize)> = near.iter().map(cosine).zip(0..).collect();
        let count = ranked.len() as f32;
        let mean = ranked.iter().map(|(cosine, _)| cosine).sum::<f32>() / count;
        let variance = ranked.iter().map(|(cosine, _)| (cosine - mean).powi(2)).sum::<f32>() / count;
        ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let (best, _) = ranked.first().copied()?;
        let scale = (variance.sqrt() * SHARPNESS).max(f32::EPSILON);
        let mut sum = vec![0.0; far.first()?.len()];
        for (cosine, text) in ranked.into_iter().take(NEAREST) {
            let weight = ((cosine - best) / scale).exp();
            for (total, number) in sum.iter_mut().zip(far.get(text)?) {
                *total += weight * number;
            }
        }
        (l2_normalize(&mut sum) > f32::EPSILON).then_some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_texts_count_most() {
        let rows = |of: [[f32; 2]; 3]| of.map(|row| row.to_vec()).to_vec();
        let bridge = Bridge {
            rows: vec![
                rows([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]),
                rows([[0.0, 1.0], [1.0, 0.0], [0.0, -1.0]]),
                Vec::new(),
            ],
        };
        let across = bridge.across((0, &[1.0, 0.0]), 1).expect("texts");
        assert!(across[1] > 0.9 && across[0] > 0.0, "{across:?}");
        assert_eq!(bridge.across((0, &[1.0, 0.0]), 2), None, "a space without texts");
        assert_eq!(bridge.across((2, &[1.0, 0.0]), 0), None);
    }

    #[test]
    fn texts_stand_once() {
        let lines: Vec<&str> = TEXTS.lines().collect();
        let mut apart = lines.clone();
        apart.sort_unstable();
        apart.dedup();
        assert_eq!(apart.len(), lines.len());
        assert!(lines.len() > 200 && lines.iter().all(|line| !line.trim().is_empty()));
    }
}
