//! Which shots of a video are shown: those that most of its time looks like, and nothing twice.
//!
//! ```text
//! windows ─► shots: like neighbours joined ─► chosen one by one, by how much time each newly stands for ─► excerpts
//! ```
//!
//! Likeness is how far a cosine lies from that of random images towards 1, so that it means the same in every space.

use sensorium_types::SummaryLength;

use crate::vectors;

/// Neighbours this alike are one shot, and what is this alike to a chosen shot is not chosen. Windows of one slow pan
/// over a photo have 0.88 to 0.99, two different photos seldom more than 0.4.
const ALIKE: f32 = 0.85;

/// A part of a video as it was cut.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub(super) ordinal: u32,
    pub(super) span: (u64, u64),
    pub(super) vector: Vec<f32>,
}

/// A stretch of a video that looks alike.
#[derive(Debug, Clone)]
pub(super) struct Shot {
    pub(super) span: (u64, u64),
    /// The window in its middle, which shows what it looks like.
    pub(super) ordinal: u32,
    vector: Vec<f32>,
}

/// What two vectors of images are compared by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Likeness {
    /// Mean cosine of random images.
    pub(super) chance: f32,
}

impl Likeness {
    /// From 0, chance, to 1, the same.
    fn of(self, left: &[f32], right: &[f32]) -> f32 {
        let cosine: f32 = left.iter().zip(right).map(|(a, b)| a * b).sum();
        ((cosine - self.chance) / (1.0 - self.chance).max(f32::EPSILON)).clamp(0.0, 1.0)
    }

    /// As [`Likeness::of`], of two shots.
    pub(super) fn of_shots(self, left: &Shot, right: &Shot) -> f32 {
        self.of(&left.vector, &right.vector)
    }
}

/// Joins windows that touch and look alike. They are in order of time.
pub(super) fn shots(windows: Vec<Window>, likeness: Likeness) -> Vec<Shot> {
    let mut groups: Vec<Vec<Window>> = Vec::new();
    for window in windows {
        match groups.last_mut() {
            Some(group)
                if group.last().is_some_and(|last| {
                    last.span.1 == window.span.0 && likeness.of(&last.vector, &window.vector) >= ALIKE
                }) =>
            {
                group.push(window);
            }
            Some(_) | None => groups.push(vec![window]),
        }
    }
    groups.iter().filter_map(|group| shot(group)).collect()
}

fn shot(windows: &[Window]) -> Option<Shot> {
    let (first, last) = (windows.first()?, windows.last()?);
    let span = (first.span.0, last.span.1);
    let middle = u64::midpoint(span.0, span.1);
    let shown = windows.iter().find(|window| middle < window.span.1).unwrap_or(last);
    let mut vector = Vec::new();
    for window in windows {
        vectors::add(&mut vector, length(window.span) as f32, &window.vector);
    }
    vectors::normalize(&mut vector);
    Some(Shot { span, ordinal: shown.ordinal, vector })
}

/// The places of at most `most` shots, in order of time.
///
/// Greedily, the shot next that adds most to the sum, over all shots, of their length times their likeness to the nearest
/// chosen one. The sum is submodular, so that greed comes within 1 - 1/e of the best choice (Nemhauser, Wolsey and Fisher
/// 1978); what is like a chosen shot adds little.
pub(super) fn choose(shots: &[Shot], most: usize, likeness: Likeness) -> Vec<usize> {
    let mut places: Vec<usize> = (0..shots.len()).collect();
    places.sort_by_key(|at| std::cmp::Reverse(shots.get(*at).map_or(0, |shot| length(shot.span))));
    places.truncate(SummaryLength::MAX_SHOTS);
    places.sort_unstable();
    let looked_at: Vec<&Shot> = places.iter().filter_map(|at| shots.get(*at)).collect();
    let alike: Vec<Vec<f32>> = looked_at
        .iter()
        .map(|left| looked_at.iter().map(|right| likeness.of_shots(left, right)).collect())
        .collect();
    let mut shown = vec![0.0_f32; looked_at.len()];
    let mut chosen = Vec::new();
    while chosen.len() < most {
        let gain = |row: &[f32]| -> f32 {
            let each = row.iter().zip(&shown).zip(&looked_at);
            each.map(|((alike, shown), shot)| (alike - shown).max(0.0) * length(shot.span) as f32).sum()
        };
        let open =
            alike.iter().enumerate().filter(|(at, _)| shown.get(*at).is_some_and(|seen| *seen < ALIKE));
        // Of equals the first.
        let best = open.map(|(at, row)| (at, gain(row))).rev().max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((at, _)) = best else { break };
        for (shown, alike) in shown.iter_mut().zip(alike.get(at).into_iter().flatten()) {
            *shown = shown.max(*alike);
        }
        // Even a broken vector is not chosen twice.
        if let Some(own) = shown.get_mut(at) {
            *own = 1.0;
        }
        chosen.extend(places.get(at));
    }
    chosen.sort_unstable();
    chosen
}

/// The middles of stretches, together at most so long: short stretches whole, the others equally long.
pub(super) fn excerpts(spans: &[(u64, u64)], total_ms: u64) -> Vec<(u64, u64)> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|at| spans.get(*at).map_or(0, |span| length(*span)));
    let mut cut = spans.to_vec();
    let mut left_ms = total_ms;
    for (done, at) in order.into_iter().enumerate() {
        let Some(span) = cut.get_mut(at) else { continue };
        let share = left_ms / (spans.len() - done).max(1) as u64;
        let take = share.min(length(*span));
        left_ms -= take;
        let start = span.0 + (length(*span) - take) / 2;
        *span = (start, start + take);
    }
    cut
}

const fn length((start_ms, end_ms): (u64, u64)) -> u64 {
    end_ms.saturating_sub(start_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIKENESS: Likeness = Likeness { chance: 0.0 };

    /// Windows of these lengths in seconds, one after another, each along the axis of its letter; `b` leans towards `a`.
    fn video(parts: &[(char, u64)]) -> Vec<Window> {
        let mut at = 0;
        let windows = parts.iter().zip(0..).map(|((letter, seconds), ordinal)| {
            let mut vector = match letter {
                'a' => vec![1.0, 0.0, 0.0],
                'b' => vec![0.6, 0.8, 0.0],
                _ => vec![0.0, 0.0, 1.0],
            };
            vectors::normalize(&mut vector);
            let span = (at, at + seconds * 1000);
            at = span.1;
            Window { ordinal, span, vector }
        });
        windows.collect()
    }

    fn chosen(shots: &[Shot], most: usize) -> Vec<(u64, u64)> {
        choose(shots, most, LIKENESS)
            .into_iter()
            .filter_map(|at| shots.get(at))
            .map(|shot| shot.span)
            .collect()
    }

    #[test]
    fn like_neighbours_are_one_shot_shown_by_its_middle() {
        let shots = shots(video(&[('a', 10), ('a', 10), ('a', 4), ('c', 3), ('a', 2)]), LIKENESS);
        let told: Vec<_> = shots.iter().map(|shot| (shot.span, shot.ordinal)).collect();
        assert_eq!(told, [((0, 24_000), 1), ((24_000, 27_000), 3), ((27_000, 29_000), 4)]);
        let mut apart = video(&[('a', 10), ('a', 10)]);
        apart[1].span.0 += 1;
        assert_eq!(super::shots(apart, LIKENESS).len(), 2, "something lies between them");
    }

    #[test]
    fn what_most_of_the_video_looks_like_comes_first_and_nothing_twice() {
        let shots = shots(video(&[('c', 3), ('a', 4), ('c', 3), ('b', 2), ('a', 5)]), LIKENESS);
        assert_eq!(shots.len(), 5);
        assert_eq!(chosen(&shots, 1), [(3_000, 7_000)], "of the two alike the first");
        assert_eq!(chosen(&shots, 2), [(0, 3_000), (3_000, 7_000)]);
        assert_eq!(chosen(&shots, 9), [(0, 3_000), (3_000, 7_000), (10_000, 12_000)]);
        assert!(chosen(&[], 3).is_empty());
    }

    #[test]
    fn likeness_is_counted_from_chance() {
        let near = Likeness { chance: 0.6 };
        let (a, b) = (video(&[('a', 1)]).remove(0), video(&[('b', 1)]).remove(0));
        assert!(near.of(&a.vector, &b.vector) < 1e-6);
        assert!((near.of(&a.vector, &a.vector) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn excerpts_share_the_time() {
        let spans = [(0, 1_000), (1_000, 9_000), (9_000, 19_000)];
        assert_eq!(excerpts(&spans, 7_000), [(0, 1_000), (3_500, 6_500), (12_500, 15_500)]);
        assert_eq!(excerpts(&spans, 60_000), spans, "there is no more than the video");
        let total: u64 = excerpts(&spans, 5_000).iter().map(|span| length(*span)).sum();
        assert_eq!(total, 5_000);
        assert!(excerpts(&[], 5).is_empty());
    }
}
