//! [`Estimate`]: how many assets meet a filter, before it is asked.

use sensorium_types::{Comparison, Filter, Literal};

use super::column::Tally;
use super::table::Columns;

/// Beyond so many steps a guess is the middle of its bounds.
const MAX_STEPS: usize = 1 << 16;

/// How many assets meet a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// No fewer than this.
    pub at_least: usize,
    /// A guess, as if conditions had nothing to do with each other.
    pub likely: usize,
    /// No more than this.
    pub at_most: usize,
}

impl Estimate {
    const fn exactly(count: usize) -> Self {
        Self { at_least: count, likely: count, at_most: count }
    }

    /// Of what nothing is known.
    pub(crate) const fn unknown(all: usize) -> Self {
        Self { at_least: 0, likely: all / 2, at_most: all }
    }

    /// Of the pairs that a condition takes, of at most so many assets.
    fn of(tally: Tally, present: usize) -> Self {
        let Tally { pairs, distinct, untold } = tally;
        Self {
            at_least: if distinct { pairs } else { 0 },
            likely: (pairs + untold / 2).min(present),
            at_most: (pairs + untold).min(present),
        }
    }

    /// The same after some assets changed.
    pub(crate) const fn after(self, changed: usize) -> Self {
        Self {
            at_least: self.at_least.saturating_sub(changed),
            likely: self.likely,
            at_most: self.at_most.saturating_add(changed),
        }
    }

    fn not(self, all: usize) -> Self {
        Self {
            at_least: all.saturating_sub(self.at_most),
            likely: all.saturating_sub(self.likely),
            at_most: all.saturating_sub(self.at_least),
        }
    }

    /// Both of two conditions.
    fn and(self, other: Self, all: usize) -> Self {
        Self {
            at_least: (self.at_least + other.at_least).saturating_sub(all),
            likely: share(self.likely, other.likely, all),
            at_most: self.at_most.min(other.at_most),
        }
    }

    /// One of two conditions.
    fn or(self, other: Self, all: usize) -> Self {
        Self {
            at_least: self.at_least.max(other.at_least),
            likely: self.likely + other.likely - share(self.likely, other.likely, all),
            at_most: (self.at_most + other.at_most).min(all),
        }
    }

    /// So many of some conditions.
    fn at_least(count: usize, parts: &[Self], all: usize) -> Self {
        let Some(spare) = parts.len().checked_sub(count) else { return Self::exactly(0) };
        if count == 0 {
            return Self::exactly(all);
        }
        let at_most = most(count, parts.iter().map(|part| part.at_most).collect(), all);
        // Who does not meet so many fails all that are spare and one more.
        let fail = most(spare + 1, parts.iter().map(|part| all.saturating_sub(part.at_least)).collect(), all);
        let at_least = all.saturating_sub(fail);
        let likely = if count.saturating_mul(parts.len()) > MAX_STEPS {
            at_least.midpoint(at_most)
        } else {
            likely(count, parts, all).clamp(at_least, at_most)
        };
        Self { at_least, likely, at_most }
    }
}

/// No more than these can be in so many of sets of these sizes, of so many assets: leaving out the largest sets, each is in so
/// many fewer of the others.
fn most(count: usize, mut sizes: Vec<usize>, all: usize) -> usize {
    sizes.sort_unstable();
    let mut sum: usize = sizes.iter().sum();
    let mut most = all;
    for (left_out, size) in (0..count).zip(sizes.into_iter().rev()) {
        most = most.min(sum / (count - left_out));
        sum -= size;
    }
    most
}

/// How many meet so many of some conditions, as if these had nothing to do with each other.
fn likely(count: usize, parts: &[Estimate], all: usize) -> usize {
    // How many meet at least 0, 1, 2, ... of those so far.
    let mut met = vec![0; count + 1];
    if let Some(first) = met.first_mut() {
        *first = all;
    }
    for part in parts {
        for wanted in (1..=count).rev() {
            let before = wanted.checked_sub(1).and_then(|fewer| met.get(fewer)).copied().unwrap_or(0);
            if let Some(slot) = met.get_mut(wanted) {
                *slot += share(before.saturating_sub(*slot), part.likely, all);
            }
        }
    }
    met.last().copied().unwrap_or(0)
}

/// As much of a number as another is of all.
fn share(of: usize, other: usize, all: usize) -> usize {
    let product = of as u128 * other as u128;
    usize::try_from(product / (all as u128).max(1)).unwrap_or(usize::MAX)
}

impl Columns {
    /// How many of the assets of then meet a filter.
    ///
    /// # Cost
    /// A few searches in sorted lists for each condition.
    pub(crate) fn estimate(&self, filter: &Filter) -> Estimate {
        self.guess(filter, self.count)
    }

    fn guess(&self, filter: &Filter, all: usize) -> Estimate {
        match filter {
            Filter::And(parts) => parts
                .iter()
                .fold(Estimate::exactly(all), |estimate, part| estimate.and(self.guess(part, all), all)),
            Filter::Or(parts) => parts
                .iter()
                .fold(Estimate::exactly(0), |estimate, part| estimate.or(self.guess(part, all), all)),
            Filter::Not(part) => self.guess(part, all).not(all),
            Filter::Exists { field } => match self.column(field) {
                Some(column) => Estimate::exactly(column.present_count),
                None => Estimate::unknown(all),
            },
            Filter::In { field, values } => {
                let equal = values.iter().map(|value| self.compared(field, Comparison::Equal, value, all));
                equal.fold(Estimate::exactly(0), |estimate, part| estimate.or(part, all))
            }
            Filter::Compare { field, comparison, value } => self.compared(field, *comparison, value, all),
            Filter::Within { field, area } => self.column(field).map_or(Estimate::unknown(all), |column| {
                let (tally, placed) = column.tally_within(*area);
                Estimate::of(tally, placed.min(all))
            }),
            Filter::AtLeast { count, of } => {
                let parts: Vec<_> = of.iter().map(|part| self.guess(part, all)).collect();
                Estimate::at_least(*count, &parts, all)
            }
        }
    }

    fn compared(&self, field: &str, comparison: Comparison, value: &Literal, all: usize) -> Estimate {
        self.column(field).map_or(Estimate::unknown(all), |column| {
            Estimate::of(column.tally(comparison, value), column.present_count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_joined_as_if_they_had_nothing_to_do_with_each_other() {
        let (half, tenth) = (Estimate::exactly(50), Estimate::exactly(10));
        assert_eq!(half.and(tenth, 100), Estimate { at_least: 0, likely: 5, at_most: 10 });
        assert_eq!(half.or(tenth, 100), Estimate { at_least: 50, likely: 55, at_most: 60 });
        assert_eq!(tenth.not(100), Estimate::exactly(90));
        assert_eq!(Estimate::exactly(90).and(half, 100), Estimate { at_least: 40, likely: 45, at_most: 50 });
        assert_eq!(Estimate::unknown(100), Estimate { at_least: 0, likely: 50, at_most: 100 });
        let of = |count, parts: &[Estimate]| Estimate::at_least(count, parts, 100);
        assert_eq!(of(2, &[half, tenth]), Estimate { at_least: 0, likely: 5, at_most: 10 });
        assert_eq!(of(1, &[half, tenth]), Estimate { at_least: 50, likely: 55, at_most: 60 });
        assert_eq!(of(2, &[half, half, tenth]), Estimate { at_least: 5, likely: 30, at_most: 55 });
        let most = Estimate::exactly(90);
        assert_eq!(of(2, &[most, most, most]), Estimate { at_least: 85, likely: 97, at_most: 100 });
        assert_eq!((of(0, &[tenth]), of(2, &[tenth])), (Estimate::exactly(100), Estimate::exactly(0)));
        assert_eq!(of(4096, &vec![half; 4096]), Estimate { at_least: 0, likely: 25, at_most: 50 });
        assert_eq!(tenth.after(3), Estimate { at_least: 7, likely: 10, at_most: 13 });
    }
}
