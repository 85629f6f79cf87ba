//! [`Estimate`]: how many assets meet a filter, before it is asked.

use sensorium_types::{Comparison, Filter, Literal};

use super::answer::Columns;
use super::column::Tally;

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
            Filter::Exists { field } => match self.fields.get(field) {
                Some(column) => Estimate::exactly(column.present_count),
                None => Estimate::unknown(all),
            },
            Filter::In { field, values } => {
                let equal = values.iter().map(|value| self.compared(field, Comparison::Equal, value, all));
                equal.fold(Estimate::exactly(0), |estimate, part| estimate.or(part, all))
            }
            Filter::Compare { field, comparison, value } => self.compared(field, *comparison, value, all),
        }
    }

    fn compared(&self, field: &str, comparison: Comparison, value: &Literal, all: usize) -> Estimate {
        self.fields.get(field).map_or(Estimate::unknown(all), |column| {
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
        assert_eq!(tenth.after(3), Estimate { at_least: 7, likely: 10, at_most: 13 });
    }
}
