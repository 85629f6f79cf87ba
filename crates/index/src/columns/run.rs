//! [`Run`]: the values of one type of a field, and who has them.
//!
//! ```text
//! keys    2019      2020           2021          the distinct values, ascending
//! ends    2         5              6             where the assets of each end
//! assets  7 9       1 3 8          2             ascending for each value
//! ```
//!
//! A comparison is a stretch of keys, and so one stretch of `assets`. Where these are many and nobody is among them twice,
//! `marks` are sets of those before evenly spaced places: a long stretch is one mark less another, put right at its ends.

use std::borrow::Borrow as _;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use super::bits::Bits;
use super::codec::{Reader, Stored};
use super::dictionary::Dictionary;

/// How many marks a run has.
const MARKS: usize = 16;
/// Fewest pairs between two marks that are worth them.
const MIN_STEP: usize = 4096;

/// Values of one type, and the assets that have each.
#[derive(Debug, Default)]
pub(super) struct Run<D> {
    keys: D,
    ends: Vec<u32>,
    assets: Vec<u32>,
    /// The n-th has the assets of the first n steps; none where an asset may have two values.
    marks: Vec<Bits>,
}

impl<D: Dictionary> Run<D> {
    /// How many pairs of a value and an asset there are.
    pub(super) fn len(&self) -> usize {
        self.assets.len()
    }

    /// Every asset that has a value of this type.
    pub(super) fn all(&self) -> &[u32] {
        &self.assets
    }

    /// Keys that stand so to a constant: [below it, equal to it, above it].
    pub(super) fn split(&self, order: impl Fn(&D::Key) -> Ordering) -> Split {
        let before = |is_before: &dyn Fn(Ordering) -> bool| {
            let (mut low, mut high) = (0, self.keys.len());
            while low < high {
                let middle = low.midpoint(high);
                if self.keys.key(middle).is_some_and(|key| is_before(order(key))) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            low
        };
        let (low, high) = (before(&Ordering::is_lt), before(&Ordering::is_le));
        Split { below: 0..low, equal: low..high, above: high..self.keys.len() }
    }

    /// The assets of a stretch of keys.
    pub(super) fn assets(&self, keys: Range<usize>) -> &[u32] {
        self.assets.get(self.place(keys.start)..self.place(keys.end)).unwrap_or_default()
    }

    /// Puts the assets of a stretch of keys into a set.
    pub(super) fn take(&self, keys: Range<usize>, into: &mut Bits) {
        let (start, end) = (self.place(keys.start), self.place(keys.end));
        let step = self.step();
        if self.marks.is_empty() || end - start <= step {
            return into.extend(self.pairs(start..end));
        }
        let nearest = |place: usize| ((place + step / 2) / step).min(self.marks.len() - 1);
        let (first, last) = (nearest(start), nearest(end));
        let mut taken = self.marks.get(last).cloned().unwrap_or_default();
        if let Some(first) = self.marks.get(first) {
            taken.subtract(first);
        }
        // The marks lie on either side of the ends.
        taken.extend(self.pairs(last * step..end).chain(self.pairs(start..first * step)));
        let beyond = self.pairs(end..last * step).chain(self.pairs(first * step..start));
        beyond.for_each(|asset| taken.remove(asset));
        into.unite(&taken);
    }

    /// Makes the marks. Every asset must have one value at most.
    pub(super) fn mark(&mut self) {
        let step = self.step();
        if step < MIN_STEP {
            return;
        }
        let mut mark = Bits::default();
        self.marks = Vec::with_capacity(MARKS + 1);
        self.marks.push(mark.clone());
        for assets in self.assets.chunks_exact(step) {
            mark.extend(assets.iter().copied());
            self.marks.push(mark.clone());
        }
    }

    /// Pairs between two marks.
    fn step(&self) -> usize {
        self.assets.len() / MARKS
    }

    /// Where the assets of a key begin.
    fn place(&self, key: usize) -> usize {
        key.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |end| *end as usize)
    }

    fn pairs(&self, places: Range<usize>) -> impl Iterator<Item = u32> {
        self.assets.get(places).unwrap_or_default().iter().copied()
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let marks: usize = self.marks.iter().map(Bits::bytes).sum();
        self.keys.bytes() + (self.ends.capacity() + self.assets.capacity()) * size_of::<u32>() + marks
    }

    /// This run without some assets, and with what another has, which are others.
    pub(super) fn merged(&self, gone: &Bits, fresh: &Self) -> Self {
        let mut merged = Self {
            keys: D::default(),
            ends: Vec::new(),
            assets: Vec::with_capacity(self.len() + fresh.len()),
            marks: Vec::new(),
        };
        let (mut left, mut right) = (0, 0);
        loop {
            let order = match (self.keys.key(left), fresh.keys.key(right)) {
                (Some(left), Some(right)) => left.cmp(right),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return merged,
            };
            let key = if order.is_le() { self.keys.key(left) } else { fresh.keys.key(right) };
            let kept = if order.is_le() { self.assets(left..left + 1) } else { &[] };
            let added = if order.is_ge() { fresh.assets(right..right + 1) } else { &[] };
            let kept = kept.iter().copied().filter(|asset| !gone.has(*asset));
            if let Some(key) = key {
                merged.put(key, kept, added);
            }
            left += usize::from(order.is_le());
            right += usize::from(order.is_ge());
        }
    }

    /// Puts a value behind the others, with its assets, which are two ascending lists; a value of nobody is left out.
    fn put(&mut self, key: &D::Key, kept: impl Iterator<Item = u32>, added: &[u32]) {
        let before = self.assets.len();
        let mut added = added.iter().copied().peekable();
        for asset in kept {
            while let Some(earlier) = added.next_if(|added| *added < asset) {
                self.assets.push(earlier);
            }
            self.assets.push(asset);
        }
        self.assets.extend(added);
        if self.assets.len() > before {
            self.keys.push(key);
            // Offsets of assets are 32 bits, and a column is given up before it has as many pairs.
            self.ends.push(u32::try_from(self.assets.len()).unwrap_or(u32::MAX));
        }
    }
}

/// Without its marks.
impl<D: Dictionary + Stored> Stored for Run<D> {
    fn put(&self, into: &mut Vec<u8>) {
        self.keys.put(into);
        self.ends.put(into);
        self.assets.put(into);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (keys, ends, assets) = (D::read(from)?, Vec::read(from)?, Vec::<u32>::read(from)?);
        let last = ends.last().map_or(0, |end: &u32| *end as usize);
        let fits = ends.len() == keys.len() && ends.is_sorted() && last == assets.len();
        fits.then_some(Self { keys, ends, assets, marks: Vec::new() })
    }
}

/// The stretches of keys below, equal to and above a constant.
#[derive(Debug, Clone)]
pub(super) struct Split {
    pub(super) below: Range<usize>,
    pub(super) equal: Range<usize>,
    pub(super) above: Range<usize>,
}

/// A run that is being made.
#[derive(Debug)]
pub(super) struct RunBuilder<D: Dictionary> {
    /// Values with their numbers, in order of appearance.
    numbers: BTreeMap<D::Owned, u32>,
    /// Number of a value, and an asset that has it.
    pairs: Vec<(u32, u32)>,
}

impl<D: Dictionary> Default for RunBuilder<D> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new(), pairs: Vec::new() }
    }
}

impl<D: Dictionary> RunBuilder<D> {
    /// Takes a value of an asset. Assets come in ascending order; a value that an asset has twice counts once. `owned` is
    /// called where the value is new. Gives about the bytes that it costs.
    pub(super) fn push(&mut self, asset: u32, key: &D::Key, owned: impl FnOnce() -> D::Owned) -> usize {
        let known = self.numbers.get(key).copied();
        let number = known.unwrap_or_else(|| {
            // A column is given up long before it has as many values.
            let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
            self.numbers.insert(owned(), next);
            next
        });
        let of_asset = self.pairs.iter().rev().take_while(|(_, before)| *before == asset);
        if of_asset.into_iter().any(|(before, _)| *before == number) {
            return 0;
        }
        self.pairs.push((number, asset));
        let made = if known.is_none() { size_of::<D::Owned>() + 2 * size_of::<u32>() } else { 0 };
        made + size_of::<(u32, u32)>()
    }

    /// The run.
    pub(super) fn finish(self) -> Run<D> {
        let Self { numbers, pairs } = self;
        let mut run = Run {
            keys: D::default(),
            ends: vec![0; numbers.len()],
            assets: vec![0; pairs.len()],
            marks: Vec::new(),
        };
        let mut ranks = vec![0; numbers.len()];
        for (rank, (key, number)) in numbers.into_iter().enumerate() {
            run.keys.push(key.borrow());
            if let Some(slot) = ranks.get_mut(number as usize) {
                *slot = rank;
            }
        }
        // Counts, then where each begins, which its assets move on to where it ends.
        let rank_of = |number: u32| ranks.get(number as usize).copied().unwrap_or(0);
        for (number, _) in &pairs {
            if let Some(count) = run.ends.get_mut(rank_of(*number)) {
                *count += 1;
            }
        }
        let mut begin = 0;
        for end in &mut run.ends {
            begin += std::mem::replace(end, begin);
        }
        for (number, asset) in pairs {
            if let Some(end) = run.ends.get_mut(rank_of(number))
                && let Some(slot) = run.assets.get_mut(*end as usize)
            {
                (*slot, *end) = (asset, *end + 1);
            }
        }
        run
    }
}

#[cfg(test)]
mod tests {
    use super::super::dictionary::{Fixed, Texts};
    use super::*;

    fn run(pairs: &[(u32, &str)]) -> Run<Texts> {
        let mut builder = RunBuilder::default();
        for &(asset, text) in pairs {
            builder.push(asset, text, || text.into());
        }
        builder.finish()
    }

    fn pairs(run: &Run<Texts>) -> Vec<(String, Vec<u32>)> {
        let keys = (0..run.keys.len()).map(|at| run.keys.key(at).expect("a key").to_owned());
        keys.enumerate().map(|(at, key)| (key, run.assets(at..at + 1).to_vec())).collect()
    }

    #[test]
    fn a_constant_splits_a_run_into_three() {
        let run = run(&[(1, "b"), (2, "d"), (3, "b"), (3, "b"), (5, "a")]);
        let assets = |constant: &str| {
            let Split { below, equal, above } = run.split(|key| key.cmp(constant));
            [below, equal, above].map(|keys| run.assets(keys).to_vec())
        };
        assert_eq!(assets("b"), [vec![5], vec![1, 3], vec![2]]);
        assert_eq!(assets("c"), [vec![5, 1, 3], vec![], vec![2]]);
        assert_eq!(assets(""), [vec![], vec![], vec![5, 1, 3, 2]]);
        assert_eq!(assets("e"), [vec![5, 1, 3, 2], vec![], vec![]]);
    }

    #[test]
    fn a_long_stretch_is_taken_by_marks_and_is_the_same() {
        const KEYS: u32 = 1000;
        let mut builder = RunBuilder::<Fixed<u32>>::default();
        let assets = u32::try_from(MARKS * MIN_STEP).expect("small") + 777;
        for asset in 0..assets {
            // Keys of very different counts: a tenth of the assets shares the first.
            let key = if asset % 10 == 0 { 0 } else { asset.wrapping_mul(0x9e37_79b9) >> 8 & (KEYS - 1) };
            builder.push(asset, &key, || key);
        }
        let mut run = builder.finish();
        let plain = |run: &Run<_>, keys: Range<usize>| {
            let mut bits = Bits::default();
            run.take(keys, &mut bits);
            bits.iter().collect::<Vec<_>>()
        };
        let keys = run.keys.len();
        let stretches =
            [(0, keys), (0, 1), (0, 2), (1, keys), (1, keys - 1), (keys / 2, keys), (keys - 1, keys), (7, 7)];
        let steps = (1..40).map(|number| (number * keys / 97, number * keys / 41));
        let stretches: Vec<_> = stretches.into_iter().chain(steps).collect();
        let expected: Vec<_> = stretches.iter().map(|(from, to)| plain(&run, *from..*to)).collect();
        assert!(run.marks.is_empty());
        run.mark();
        assert_eq!(run.marks.len(), MARKS + 1);
        for ((from, to), expected) in stretches.into_iter().zip(expected) {
            assert!(plain(&run, from..to) == expected, "{from}..{to}");
        }
    }

    #[test]
    fn a_merge_is_what_would_have_been_made_of_both() {
        let before = run(&[(1, "b"), (2, "d"), (3, "b"), (5, "a"), (6, "b")]);
        let gone: Bits = [2, 3, 5].into_iter().collect();
        let fresh = run(&[(2, "b"), (5, "c"), (9, "e")]);
        let expected = run(&[(1, "b"), (2, "b"), (5, "c"), (6, "b"), (9, "e")]);
        assert_eq!(pairs(&before.merged(&gone, &fresh)), pairs(&expected));
        assert_eq!(before.merged(&gone, &fresh).len(), 5);
        let none = Run::default();
        assert_eq!(pairs(&before.merged(&Bits::default(), &none)), pairs(&before));
        assert_eq!(pairs(&none.merged(&gone, &before)), pairs(&before));
    }
}
