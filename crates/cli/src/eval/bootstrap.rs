//! 95 % intervals: figures of resampled photos or clips. Pure and seeded.
//!
//! # Source
//! B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979), percentile method.

/// Resamples drawn.
pub(super) const RESAMPLES: usize = 1000;
/// Seed of the draws, so that a report can be repeated.
const SEED: u64 = 20_260;
/// The share of resamples below the interval, and above it.
const TAIL: f64 = 0.025;

/// The interval of each figure, where `figures` computes all of them from how often each of the `units` was drawn.
pub(super) fn intervals(units: usize, figures: impl Fn(&[usize]) -> Vec<f64>) -> Vec<[f64; 2]> {
    let mut random = SplitMix(SEED);
    let mut drawn: Vec<Vec<f64>> = Vec::new();
    let mut times = vec![0; units];
    for _ in 0..RESAMPLES {
        times.fill(0);
        for _ in 0..units {
            if let Some(count) = times.get_mut(random.below(units)) {
                *count += 1;
            }
        }
        for (place, figure) in figures(&times).into_iter().enumerate() {
            match drawn.get_mut(place) {
                Some(column) => column.push(figure),
                None => drawn.push(vec![figure]),
            }
        }
    }
    drawn.into_iter().map(interval).collect()
}

fn interval(mut figures: Vec<f64>) -> [f64; 2] {
    figures.sort_by(f64::total_cmp);
    [quantile(&figures, TAIL), quantile(&figures, 1.0 - TAIL)]
}

/// The value below which this share of the sorted values lies, between neighbours by proportion.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "a thousand values")]
    let place = share * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last index"
    )]
    let below = place.floor() as usize;
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    at(below) + (at((below + 1).min(last)) - at(below)) * place.fract()
}

/// SplitMix64.
#[derive(Debug)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, by the high half of a product; 0 if `end` is 0.
    fn below(&mut self, end: usize) -> usize {
        let product = u128::from(self.next()) * end as u128;
        usize::try_from(product >> 64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_share_is_as_wide_as_the_binomial_says() {
        // 400 units, half of them right: the deviation is 0.025.
        let figures = |times: &[usize]| {
            let right: usize = times.iter().step_by(2).sum();
            #[expect(clippy::cast_precision_loss, reason = "small counts")]
            let share = right as f64 / times.iter().sum::<usize>() as f64;
            vec![share, 1.0]
        };
        let found = intervals(400, figures);
        let [low, high] = found[0];
        assert!((low - 0.451).abs() < 0.01 && (high - 0.549).abs() < 0.01, "{low} {high}");
        assert_eq!(found[1], [1.0, 1.0]);
        assert_eq!(found, intervals(400, figures), "seeded");
    }

    #[test]
    fn quantiles_lie_between_values() {
        let values = [0.0, 1.0, 2.0, 3.0, 4.0];
        assert!((quantile(&values, 0.5) - 2.0).abs() < 1e-12);
        assert!((quantile(&values, 0.125) - 0.5).abs() < 1e-12);
        assert!((quantile(&values, 1.0) - 4.0).abs() < 1e-12);
    }
}
