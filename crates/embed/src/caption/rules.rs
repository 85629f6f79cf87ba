//! What may not come next.

use super::{BEGIN, END};

/// Rules of a caption.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Fewest tokens before the end.
    pub(super) min_tokens: usize,
    /// Most tokens.
    pub(super) max_tokens: usize,
    /// No run of this many tokens comes twice; 0 allows all.
    pub(super) no_repeat: usize,
}

impl Rules {
    /// Gives -inf to every token that may not follow `ids`.
    pub(super) fn block(&self, ids: &[u32], scores: &mut [f32]) {
        let mut block = |id: u32| {
            if let Some(score) = scores.get_mut(id as usize) {
                *score = f32::NEG_INFINITY;
            }
        };
        block(BEGIN);
        if ids.len() < self.min_tokens {
            block(END);
        }
        let Some(known) = self.no_repeat.checked_sub(1) else { return };
        let Some(begun) = ids.len().checked_sub(known).and_then(|from| ids.get(from..)) else { return };
        for run in ids.windows(self.no_repeat) {
            if let Some((last, before)) = run.split_last()
                && before == begun
            {
                block(*last);
            }
        }
    }
}

/// Logits to log-probabilities, in place.
pub(super) fn log_softmax(logits: &mut [f32]) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
    let shift = most + sum.ln();
    for logit in logits {
        *logit -= shift;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(rules: Rules, ids: &[u32]) -> Vec<usize> {
        let mut scores = [0.0; 8];
        rules.block(ids, &mut scores);
        (0..scores.len()).filter(|at| scores[*at] == f32::NEG_INFINITY).collect()
    }

    #[test]
    fn runs_do_not_come_twice() {
        let rules = |no_repeat| Rules { min_tokens: 0, max_tokens: 40, no_repeat };
        let ids = [2, 3, 4, 2, 3, 5, 2, 3];
        assert_eq!(blocked(rules(3), &ids), [0, 4, 5]);
        assert_eq!(blocked(rules(2), &ids), [0, 4, 5]);
        assert_eq!(blocked(rules(1), &ids), [0, 2, 3, 4, 5]);
        assert_eq!(blocked(rules(0), &ids), [0]);
        assert_eq!(blocked(rules(3), &[2]), [0]);
        assert_eq!(blocked(rules(3), &[]), [0]);
    }

    #[test]
    fn a_caption_does_not_end_too_soon() {
        let rules = Rules { min_tokens: 2, max_tokens: 40, no_repeat: 0 };
        assert_eq!(blocked(rules, &[3]), [0, 1]);
        assert_eq!(blocked(rules, &[3, 3]), [0]);
    }

    #[test]
    fn log_probabilities_are_those_of_a_softmax() {
        let mut scores = [1.0, 2.0, 1000.0f32.ln()];
        log_softmax(&mut scores);
        let sum: f32 = scores.iter().map(|score| score.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6);
        assert!((scores[1] - scores[0] - 1.0).abs() < 1e-6);
        let mut large = [1e30, 0.0];
        log_softmax(&mut large);
        assert_eq!(large[0], 0.0);
    }
}
