//! [`Bits`]: a dense set of asset offsets, a bit each.

/// Bits of a word.
const WORD: u32 = 64;

/// A set of asset offsets. Two sets are joined 64 assets at a time, and a walk of a graph asks in a nanosecond whether an
/// asset is in it.
///
/// # Cost
/// A bit for each offset up to the largest in it: 125 kB at a million.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// Puts an offset in.
    pub(crate) fn insert(&mut self, asset: u32) {
        let word = (asset / WORD) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << (asset % WORD);
        }
    }

    /// Takes an offset out.
    pub(crate) fn remove(&mut self, asset: u32) {
        if let Some(word) = self.0.get_mut((asset / WORD) as usize) {
            *word &= !(1 << (asset % WORD));
        }
    }

    /// Whether an offset is in it.
    pub(crate) fn has(&self, asset: u32) -> bool {
        self.word((asset / WORD) as usize) >> (asset % WORD) & 1 == 1
    }

    /// How many are in it.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether none is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Those in it, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        (0_u32..).zip(&self.0).flat_map(|(number, word)| ones(*word).map(move |bit| number * WORD + bit))
    }

    /// The 64 offsets from `64 * number` on, the first in the lowest bit.
    pub(crate) fn word(&self, number: usize) -> u64 {
        self.0.get(number).copied().unwrap_or(0)
    }

    /// Takes in some of these 64 offsets.
    pub(crate) fn unite_word(&mut self, number: usize, word: u64) {
        if self.0.len() <= number && word != 0 {
            self.0.resize(number + 1, 0);
        }
        if let Some(slot) = self.0.get_mut(number) {
            *slot |= word;
        }
    }

    /// Takes in all of another.
    pub(crate) fn unite(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Keeps what another has too.
    pub(crate) fn intersect(&mut self, other: &Self) {
        self.0.truncate(other.0.len());
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    /// Takes out all of another.
    pub(crate) fn subtract(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
    }

    /// How many words of 64 offsets there are, up to the largest offset in it.
    pub(crate) fn words(&self) -> usize {
        self.0.len()
    }

    /// Its words.
    pub(crate) fn as_words(&self) -> &[u64] {
        &self.0
    }

    /// The set of these words.
    pub(crate) const fn of_words(words: Vec<u64>) -> Self {
        Self(words)
    }

    /// Sets the 64 offsets from `64 * number` on.
    pub(crate) fn set_word(&mut self, number: usize, word: u64) {
        if self.0.len() <= number && word != 0 {
            self.0.resize(number + 1, 0);
        }
        if let Some(slot) = self.0.get_mut(number) {
            *slot = word;
        }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}

impl FromIterator<u32> for Bits {
    fn from_iter<T: IntoIterator<Item = u32>>(assets: T) -> Self {
        let mut bits = Self::default();
        bits.extend(assets);
        bits
    }
}

impl Extend<u32> for Bits {
    fn extend<T: IntoIterator<Item = u32>>(&mut self, assets: T) {
        assets.into_iter().for_each(|asset| self.insert(asset));
    }
}

/// The places of the ones of a word, ascending.
fn ones(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < WORD).then_some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(assets: &[u32]) -> Bits {
        assets.iter().copied().collect()
    }

    fn list(bits: &Bits) -> Vec<u32> {
        bits.iter().collect()
    }

    #[test]
    fn sets_of_different_lengths_are_joined() {
        let (short, long) = (of(&[0, 3, 63]), of(&[3, 64, 1000]));
        let joined = |join: fn(&mut Bits, &Bits), left: &Bits, right: &Bits| {
            let mut left = left.clone();
            join(&mut left, right);
            list(&left)
        };
        assert_eq!(joined(Bits::unite, &short, &long), [0, 3, 63, 64, 1000]);
        assert_eq!(joined(Bits::unite, &long, &short), [0, 3, 63, 64, 1000]);
        assert_eq!(joined(Bits::intersect, &long, &short), [3]);
        assert_eq!(joined(Bits::intersect, &short, &long), [3]);
        assert_eq!(joined(Bits::subtract, &long, &short), [64, 1000]);
        assert_eq!(joined(Bits::subtract, &short, &long), [0, 63]);
        assert_eq!((long.len(), long.has(64), long.has(65), long.has(1_000_000)), (3, true, false, false));
    }

    #[test]
    fn what_is_taken_out_is_gone_and_what_was_never_in_costs_nothing() {
        let mut bits = of(&[7, 8]);
        bits.remove(7);
        bits.remove(1_000_000);
        assert_eq!((list(&bits), bits.is_empty(), bits.bytes() < 100), (vec![8], false, true));
        bits.remove(8);
        assert!(bits.is_empty());
    }
}
