//! [`Column`]: one field of every asset, by value.
//!
//! An asset's value is nothing (absent or null), one value, a list of values, or an object. A list counts for each of
//! its items where it is asked for equality, and for none where it is asked for size; an object only exists.
//!
//! | part | holds |
//! | --- | --- |
//! | `present`, `present_count` | assets whose field is there and not null |
//! | `lists` | those of them whose value is a list |
//! | `unsure` | those whose value is not kept: longer than [`MAX_TEXT_BYTES`] or [`MAX_ITEMS`] |
//! | `bools`, `numbers`, `texts`, `times` | the values; a text that is a time or a date is kept as its beginning alone |
//! | `places` | those of objects; of the field `location` also the asset's own where its value holds none |

use std::cmp::Ordering;
use std::ops::Range;

use roaring::RoaringBitmap;
use sensorium_types::{Area, Comparison, Literal, Period, nfc};

use super::answer::Answer;
use super::bits::Bits;
use super::codec::{Reader, Stored};
use super::dictionary::{Dictionary, Fixed, NumberKey, Texts};
use super::places::Places;
use super::run::{Run, Split};

/// Longest text that is kept, in bytes. Assets with longer ones are asked one by one.
pub(super) const MAX_TEXT_BYTES: usize = 256;
/// Longest list that is kept.
pub(super) const MAX_ITEMS: usize = 64;

/// One field of every asset.
#[derive(Debug, Default)]
pub(crate) struct Column {
    pub(super) present: Bits,
    pub(super) present_count: usize,
    pub(super) lists: RoaringBitmap,
    pub(super) unsure: RoaringBitmap,
    pub(super) bools: Run<Fixed<bool>>,
    pub(super) numbers: Run<Fixed<NumberKey>>,
    pub(super) texts: Run<Texts>,
    pub(super) times: Run<Fixed<i128>>,
    pub(super) places: Places,
}

/// A constant as the runs are asked for it.
enum Constant<'a> {
    Bool(bool),
    Number(NumberKey),
    /// The text in its composed form, and the time that it names.
    Text(std::borrow::Cow<'a, str>, Option<Period>),
}

impl<'a> Constant<'a> {
    fn new(literal: &'a Literal) -> Self {
        match literal {
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Number(number) => Self::Number(NumberKey(number.clone())),
            Literal::Text(text) => Self::Text(nfc(text), Period::of_constant(text)),
        }
    }
}

impl Column {
    /// Assets whose field is there and not null.
    pub(super) fn exists(&self) -> Answer {
        Answer { sure: self.present.clone(), open: Bits::default() }
    }

    /// Assets whose field compares so with a constant.
    pub(super) fn compare(&self, comparison: Comparison, literal: &Literal) -> Answer {
        let constant = Constant::new(literal);
        let mut answer = Answer::default();
        match comparison {
            Comparison::Equal => self.equal(&constant, &mut answer.sure),
            Comparison::NotEqual => {
                self.of_type(&constant, &mut answer.sure);
                let mut equal = Bits::default();
                self.equal(&constant, &mut equal);
                answer.sure.subtract(&equal);
            }
            Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual => {
                self.by_size(comparison, &constant, &mut answer)
            }
        }
        answer.open.extend(&self.unsure);
        answer
    }

    /// Assets whose field equals one of the constants.
    pub(super) fn is_in(&self, literals: &[Literal]) -> Answer {
        let mut answer = Answer::default();
        for literal in literals {
            self.equal(&Constant::new(literal), &mut answer.sure);
        }
        answer.open.extend(&self.unsure);
        answer
    }

    /// Assets whose field holds a place of the area.
    pub(super) fn within(&self, area: Area) -> Answer {
        let mut answer = Answer::default();
        self.places.take(area, &mut answer.sure);
        answer.open.extend(&self.unsure);
        answer
    }

    fn equal(&self, constant: &Constant<'_>, into: &mut Bits) {
        match constant {
            Constant::Bool(value) => take(&self.bools, |key| key.cmp(value), |split| split.equal, into),
            Constant::Number(number) => take(&self.numbers, |key| key.cmp(number), |split| split.equal, into),
            Constant::Text(text, period) => {
                take(&self.texts, |key| key.cmp(text), |split| split.equal, into);
                // A text that is a time equals only what names a time.
                if let Some(period) = period {
                    take(&self.times, |key| period.order_of(*key), |split| split.equal, into);
                }
            }
        }
    }

    /// Assets that have a value of the constant's type.
    fn of_type(&self, constant: &Constant<'_>, into: &mut Bits) {
        match constant {
            Constant::Bool(_) => into.extend(self.bools.all().iter().copied()),
            Constant::Number(_) => into.extend(self.numbers.all().iter().copied()),
            Constant::Text(..) => {
                into.extend(self.texts.all().iter().copied());
                into.extend(self.times.all().iter().copied());
            }
        }
    }

    fn by_size(&self, comparison: Comparison, constant: &Constant<'_>, answer: &mut Answer) {
        let wanted = |split: Split| stretch(split, comparison);
        let sure = &mut answer.sure;
        match constant {
            Constant::Bool(value) => take(&self.bools, |key| key.cmp(value), wanted, sure),
            Constant::Number(number) => take(&self.numbers, |key| key.cmp(number), wanted, sure),
            Constant::Text(text, period) => {
                take(&self.texts, |key| key.cmp(text), wanted, sure);
                match period {
                    Some(period) => take(&self.times, |key| period.order_of(*key), wanted, sure),
                    // Beside a constant that names no time they are texts, which are not kept.
                    None => answer.open.extend(self.times.all().iter().copied()),
                }
            }
        }
        for asset in &self.lists {
            answer.sure.remove(asset);
            answer.open.remove(asset);
        }
    }

    /// How many pairs of a value and an asset [`compare`](Self::compare) will take.
    pub(super) fn tally(&self, comparison: Comparison, literal: &Literal) -> Tally {
        let constant = Constant::new(literal);
        let wanted = |split: Split| stretch(split, comparison);
        let (mut pairs, all, mut untold) = match &constant {
            Constant::Bool(value) => (count(&self.bools, |key| key.cmp(value), wanted), self.bools.len(), 0),
            Constant::Number(number) => {
                (count(&self.numbers, |key| key.cmp(number), wanted), self.numbers.len(), 0)
            }
            Constant::Text(text, period) => {
                let texts = count(&self.texts, |key| key.cmp(text), wanted);
                let (times, untold) = match period {
                    Some(period) => (count(&self.times, |key| period.order_of(*key), wanted), 0),
                    None if is_by_size(comparison) => (0, self.times.len()),
                    None => (0, 0),
                };
                (texts + times, self.texts.len() + self.times.len(), untold)
            }
        };
        if comparison == Comparison::NotEqual {
            pairs = all - self.tally(Comparison::Equal, literal).pairs;
        }
        untold += to_usize(self.unsure.len());
        let one_key = comparison == Comparison::Equal && !matches!(constant, Constant::Text(_, Some(_)));
        Tally { pairs, distinct: one_key || self.lists.is_empty(), untold }
    }

    /// How many pairs of a place and an asset [`within`](Self::within) will take, of at most so many assets.
    pub(super) fn tally_within(&self, area: Area) -> (Tally, usize) {
        let (pairs, open) = self.places.count(area);
        let unsure = to_usize(self.unsure.len());
        let tally = Tally { pairs, distinct: self.lists.is_empty(), untold: open + unsure };
        (tally, self.places.len() + unsure)
    }

    /// Without some assets, and with what another column has, which are others.
    pub(super) fn merged(&self, gone: &RoaringBitmap, fresh: &Self) -> Self {
        let sets = |old: &RoaringBitmap, new: &RoaringBitmap| (old - gone) | new;
        let bits: Bits = gone.iter().collect();
        let mut present = self.present.clone();
        present.subtract(&bits);
        present.unite(&fresh.present);
        let column = Self {
            present_count: 0,
            present,
            lists: sets(&self.lists, &fresh.lists),
            unsure: sets(&self.unsure, &fresh.unsure),
            bools: self.bools.merged(&bits, &fresh.bools),
            numbers: self.numbers.merged(&bits, &fresh.numbers),
            texts: self.texts.merged(&bits, &fresh.texts),
            times: self.times.merged(&bits, &fresh.times),
            places: self.places.merged(&bits, &fresh.places),
        };
        column.finished()
    }

    /// The column with what follows from its values.
    pub(super) fn finished(mut self) -> Self {
        self.present_count = self.present.len();
        self.lists.optimize();
        self.unsure.optimize();
        // Where there are no lists every asset has one value.
        if self.lists.is_empty() {
            self.bools.mark();
            self.numbers.mark();
            self.texts.mark();
            self.times.mark();
        }
        self
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let sets = self.present.bytes() + self.lists.serialized_size() + self.unsure.serialized_size();
        let runs = self.bools.bytes() + self.numbers.bytes() + self.texts.bytes() + self.times.bytes();
        sets + runs + self.places.bytes()
    }
}

impl Stored for Column {
    fn put(&self, into: &mut Vec<u8>) {
        let Self { present, present_count: _, lists, unsure, bools, numbers, texts, times, places } = self;
        present.put(into);
        lists.put(into);
        unsure.put(into);
        bools.put(into);
        numbers.put(into);
        texts.put(into);
        times.put(into);
        places.put(into);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let column = Self {
            present: Bits::read(from)?,
            present_count: 0,
            lists: RoaringBitmap::read(from)?,
            unsure: RoaringBitmap::read(from)?,
            bools: Run::read(from)?,
            numbers: Run::read(from)?,
            texts: Run::read(from)?,
            times: Run::read(from)?,
            places: Places::read(from)?,
        };
        Some(column.finished())
    }
}

/// The keys for which a comparison holds.
fn stretch(split: Split, comparison: Comparison) -> Range<usize> {
    let Split { below, equal, above } = split;
    match comparison {
        Comparison::Equal => equal,
        Comparison::Less => below,
        Comparison::LessOrEqual => below.start..equal.end,
        Comparison::Greater => above,
        Comparison::GreaterOrEqual => equal.start..above.end,
        // Two stretches: callers take all but the equal ones.
        Comparison::NotEqual => 0..0,
    }
}

/// Whether a comparison asks which of two is larger.
fn is_by_size(comparison: Comparison) -> bool {
    match comparison {
        Comparison::Equal | Comparison::NotEqual => false,
        Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual => true,
    }
}

/// Puts the assets of a stretch of a run into a set.
fn take<D: Dictionary>(
    run: &Run<D>,
    order: impl Fn(&D::Key) -> Ordering,
    wanted: impl Fn(Split) -> Range<usize>,
    into: &mut Bits,
) {
    run.take(wanted(run.split(order)), into);
}

/// How many pairs a stretch of a run has.
fn count<D: Dictionary>(
    run: &Run<D>,
    order: impl Fn(&D::Key) -> Ordering,
    wanted: impl Fn(Split) -> Range<usize>,
) -> usize {
    run.assets(wanted(run.split(order))).len()
}

fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// How many pairs a condition will take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Pairs of a value and an asset.
    pub(super) pairs: usize,
    /// Whether they are of so many assets; else lists may have several, or may not count.
    pub(super) distinct: bool,
    /// Assets that have to be asked one by one, at most.
    pub(super) untold: usize,
}
