//! [`Counter`]: in how many of some sets each asset is.
//!
//! ```text
//! planes   counts of eight assets, a column each
//! 4s       0 0 1 0 0 0 0 0
//! 2s       0 1 0 0 1 0 0 0      adding a set carries from plane to plane, 64 assets at a time
//! 1s       1 0 0 1 1 0 0 0
//! count    1 2 4 1 3 0 0 0
//! ```

use super::bits::Bits;

/// Counts of assets, in binary: a set for each digit, the lowest first.
#[derive(Debug, Default)]
pub(super) struct Counter {
    planes: Vec<Bits>,
}

impl Counter {
    /// Counts the assets of a set once more.
    ///
    /// # Cost
    /// About two passes over the set, and a set in memory for each digit of the largest count.
    pub(super) fn add(&mut self, set: &Bits) {
        for number in 0..set.words() {
            let (mut carry, mut digit) = (set.word(number), 0);
            while carry != 0 {
                if digit == self.planes.len() {
                    self.planes.push(Bits::default());
                }
                let Some(plane) = self.planes.get_mut(digit) else { break };
                let word = plane.word(number);
                plane.set_word(number, word ^ carry);
                carry &= word;
                digit += 1;
            }
        }
    }

    /// Those of all that were counted so often.
    pub(super) fn at_least(&self, count: usize, all: &Bits) -> Bits {
        let mut met = Bits::default();
        let digits = self.planes.len();
        if count >> digits.min(usize::BITS as usize - 1) != 0 {
            return met;
        }
        for number in 0..all.words() {
            // From the highest digit: larger already, or the same so far.
            let (mut larger, mut same) = (0, all.word(number));
            for digit in (0..digits).rev() {
                let word = self.planes.get(digit).map_or(0, |plane| plane.word(number));
                if count >> digit & 1 == 1 {
                    same &= word;
                } else {
                    larger |= same & word;
                    same &= !word;
                }
            }
            met.set_word(number, larger | same);
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_asset_is_counted() {
        let all: Bits = (0..300).collect();
        let mut counter = Counter::default();
        // The asset n is in the sets whose number divides it: divisors are counted.
        let sets = 40;
        for step in 1..=sets {
            counter.add(&(1_u32..300).filter(|asset| asset.is_multiple_of(step)).collect());
        }
        let divisors =
            |asset: u32| (1..=sets).filter(|step| asset > 0 && asset.is_multiple_of(*step)).count();
        for count in [0, 1, 2, 3, 4, 7, 8, 9, 12, 13, 40, 41, 64, usize::MAX] {
            let right: Vec<_> = (0..300).filter(|asset| divisors(*asset) >= count).collect();
            assert_eq!(counter.at_least(count, &all).iter().collect::<Vec<_>>(), right, "{count}");
        }
        let none = Counter::default();
        assert_eq!(none.at_least(0, &all).len(), 300);
        assert!(none.at_least(1, &all).is_empty());
    }
}
