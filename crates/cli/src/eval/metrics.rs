//! Figures of ranked answers. Pure.

/// Rank of the best right answer, from 1. Wrong answers with the same score come before it. `None`: no right answer
/// has a score.
pub(super) fn rank(scores: impl IntoIterator<Item = (f32, bool)> + Clone) -> Option<usize> {
    let right = scores.clone().into_iter().filter(|(_, is_right)| *is_right).map(|(score, _)| score);
    let best = right.max_by(f32::total_cmp)?;
    let before = scores.into_iter().filter(|(score, is_right)| !is_right && *score >= best).count();
    Some(before + 1)
}

/// Share of the queries whose rank is at most `k`.
pub(super) fn recall(ranks: &[Option<usize>], k: usize) -> f64 {
    share(ranks.iter().filter(|rank| rank.is_some_and(|rank| rank <= k)).count(), ranks.len())
}

/// The middle rank; a miss ranks behind the whole gallery. The mean of the two in the middle of an even number.
pub(super) fn median_rank(ranks: &[Option<usize>], gallery: usize) -> f64 {
    let mut ranks: Vec<usize> = ranks.iter().map(|rank| rank.unwrap_or(gallery + 1)).collect();
    ranks.sort_unstable();
    let at = |place: usize| ranks.get(place).copied().unwrap_or_default();
    let middle = ranks.len() / 2;
    match ranks.len() {
        0 => 0.0,
        length if length % 2 == 1 => as_f64(at(middle)),
        _ => (as_f64(at(middle - 1)) + as_f64(at(middle))) / 2.0,
    }
}

/// A ranked list: for each place from the best whether the answer is right, and how often it counts.
pub(super) type Ranked = Vec<(bool, usize)>;

/// The order of a gallery for one query: best first, wrong before right where scores are equal.
pub(super) fn order(scores: &[(Option<f32>, bool)]) -> Vec<usize> {
    let mut order: Vec<usize> =
        scores.iter().enumerate().filter(|(_, (score, _))| score.is_some()).map(|(place, _)| place).collect();
    order.sort_by(|a, b| {
        let key = |place: usize| scores.get(place).copied().unwrap_or_default();
        let ((a_score, a_right), (b_score, b_right)) = (key(*a), key(*b));
        let (a_score, b_score) = (a_score.unwrap_or(f32::MIN), b_score.unwrap_or(f32::MIN));
        b_score.total_cmp(&a_score).then(a_right.cmp(&b_right))
    });
    order
}

/// Precision among the first min(10, right answers there are). `right` counts those too that have no place.
pub(super) fn precision_at_10(ranked: &Ranked, right: usize) -> f64 {
    let depth = right.min(10);
    let (mut seen, mut found) = (0, 0);
    for (is_right, times) in ranked {
        let taken = (*times).min(depth - seen);
        seen += taken;
        found += if *is_right { taken } else { 0 };
        if seen == depth {
            break;
        }
    }
    share(found, depth)
}

/// Average precision: the mean of the precision at each right answer; right answers without a place count as 0.
pub(super) fn average_precision(ranked: &Ranked, right: usize) -> f64 {
    let (mut seen, mut found, mut sum) = (0, 0, 0.0);
    for (is_right, times) in ranked {
        for _ in 0..*times {
            seen += 1;
            if *is_right {
                found += 1;
                sum += share(found, seen);
            }
        }
    }
    if right == 0 { 0.0 } else { sum / as_f64(right) }
}

/// The mean, 0 of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / as_f64(values.len()) }
}

/// A part of a whole; 0 of nothing.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { as_f64(part) / as_f64(whole) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of media lie far below 2^52")]
const fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_count_against_us() {
        assert_eq!(rank([(0.9, true), (0.5, false)]), Some(1));
        assert_eq!(rank([(0.9, true), (0.9, false), (0.9, false)]), Some(3));
        assert_eq!(rank([(0.2, true), (0.7, true), (0.8, false)]), Some(2));
        assert_eq!(rank([(0.2, false)]), None);
        let scores = [(Some(0.5), true), (Some(0.5), false), (None, true), (Some(0.9), true)];
        assert_eq!(order(&scores), [3, 1, 0]);
    }

    #[test]
    fn recall_counts_misses_as_misses() {
        let ranks = [Some(1), Some(5), Some(6), None];
        assert!((recall(&ranks, 1) - 0.25).abs() < 1e-12);
        assert!((recall(&ranks, 5) - 0.5).abs() < 1e-12);
        assert!((recall(&ranks, 1000) - 0.75).abs() < 1e-12);
        assert!(recall(&[], 1).abs() < 1e-12);
    }

    #[test]
    fn the_median_puts_misses_behind_the_gallery() {
        assert!((median_rank(&[Some(1), Some(3), Some(100)], 100) - 3.0).abs() < 1e-12);
        assert!((median_rank(&[Some(1), Some(4)], 100) - 2.5).abs() < 1e-12);
        assert!((median_rank(&[None], 100) - 101.0).abs() < 1e-12);
    }

    #[test]
    fn precision_looks_no_deeper_than_there_are_right_answers() {
        let ranked = vec![(true, 1), (false, 1), (true, 1)];
        assert!((precision_at_10(&ranked, 2) - 0.5).abs() < 1e-12);
        assert!((precision_at_10(&ranked, 3) - 2.0 / 3.0).abs() < 1e-12);
        assert!((precision_at_10(&vec![(true, 20)], 20) - 1.0).abs() < 1e-12);
        assert!((precision_at_10(&vec![(true, 1)], 4) - 0.25).abs() < 1e-12, "failed files are misses");
        assert!((precision_at_10(&vec![(false, 9), (true, 9)], 9)).abs() < 1e-12);
    }

    #[test]
    fn average_precision_is_the_textbook_s() {
        let ranked = vec![(true, 1), (false, 1), (true, 1)];
        assert!((average_precision(&ranked, 2) - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
        assert!((average_precision(&ranked, 4) - (1.0 + 2.0 / 3.0) / 4.0).abs() < 1e-12);
        let doubled = vec![(true, 2), (false, 2), (true, 2)];
        let expected = (1.0 + 1.0 + 3.0 / 5.0 + 4.0 / 6.0) / 4.0;
        assert!((average_precision(&doubled, 4) - expected).abs() < 1e-12);
        assert!(average_precision(&Vec::new(), 0).abs() < 1e-12);
    }
}
