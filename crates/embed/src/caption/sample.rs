//! Nucleus sampling.

/// Draws from the likeliest tokens that together have `top_p` of the probability (arXiv:1904.09751).
#[derive(Debug)]
pub(super) struct Nucleus {
    pub(super) top_p: f32,
    pub(super) temperature: f32,
    pub(super) random: Random,
}

impl Nucleus {
    /// A token; `None` where all are blocked.
    ///
    /// # Shapes
    /// log-probabilities, -inf where blocked
    pub(super) fn draw(&mut self, scores: &[f32]) -> Option<u32> {
        let mut tokens: Vec<(u32, f32)> =
            (0u32..).zip(scores.iter().copied()).filter(|(_, score)| *score > f32::NEG_INFINITY).collect();
        tokens.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let most = tokens.first()?.1;
        for (_, weight) in &mut tokens {
            *weight = ((*weight - most) / self.temperature).exp();
        }
        let enough = self.top_p * tokens.iter().map(|(_, weight)| weight).sum::<f32>();
        let mut sum = 0.0;
        let mut kept = 0;
        for (_, weight) in &tokens {
            sum += weight;
            kept += 1;
            if sum >= enough {
                break;
            }
        }
        let mut left = self.random.next() * sum;
        for (id, weight) in tokens.iter().take(kept) {
            left -= weight;
            if left < 0.0 {
                return Some(*id);
            }
        }
        tokens.get(kept.saturating_sub(1)).map(|(id, _)| *id)
    }
}

/// `SplitMix64`: equal numbers for equal seeds on every machine.
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    /// From 0 to below 1.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The upper 24 bits: as many as a float holds.
        ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 24) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(top_p: f32, temperature: f32, shares: &[f32]) -> Vec<usize> {
        let scores: Vec<f32> = shares.iter().map(|share| share.ln()).collect();
        let mut nucleus = Nucleus { top_p, temperature, random: Random(3) };
        let mut counts = vec![0; shares.len()];
        for _ in 0..4_000 {
            counts[nucleus.draw(&scores).unwrap() as usize] += 1;
        }
        counts
    }

    #[test]
    fn only_the_nucleus_is_drawn_in_its_shares() {
        let drawn = counts(0.79, 1.0, &[0.1, 0.5, 0.0, 0.3, 0.1]);
        assert_eq!((drawn[0], drawn[2], drawn[4]), (0, 0, 0));
        assert!((drawn[1] as f32 / 4_000.0 - 0.625).abs() < 0.03, "{drawn:?}");
        let all = counts(1.0, 1.0, &[0.1, 0.5, 0.0, 0.3, 0.1]);
        assert!(all[0] > 300 && all[2] == 0 && all[4] > 300, "{all:?}");
        let sharp = counts(1.0, 0.1, &[0.3, 0.5, 0.2]);
        assert!(sharp[1] > 3_900, "{sharp:?}");
    }

    #[test]
    fn nothing_is_drawn_from_nothing() {
        let mut nucleus = Nucleus { top_p: 0.9, temperature: 1.0, random: Random(0) };
        assert_eq!(nucleus.draw(&[f32::NEG_INFINITY; 3]), None);
        assert_eq!(nucleus.draw(&[f32::NEG_INFINITY, -90.0]), Some(1));
    }
}
