//! [`Answer`]: what columns know of a filter. [`Columns::ask`]: the filter, answered from them.
//!
//! ```text
//!                sure     open                    a asks for a field without a column, b for one with
//! a              -        all
//! b              1 2      -
//! a and b        -        1 2                     only these are asked one by one
//! a or b         1 2      all but 1 2
//! not b          all but 1 2   -
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use sensorium_types::{Filter, nfc};

use super::bits::Bits;
use super::column::Column;
use super::file::ColumnFile;
use super::slot::Slot;
use super::tally::Counter;

/// Who meets a condition. The two share nobody; who is in neither does not meet it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    /// Those that meet it.
    pub(crate) sure: Bits,
    /// Those of whom the columns do not know it.
    pub(crate) open: Bits,
}

impl Answer {
    fn and(mut self, other: &Self) -> Self {
        if self.open.is_empty() && other.open.is_empty() {
            self.sure.intersect(&other.sure);
            return self;
        }
        let mut may = self.sure.clone();
        may.unite(&self.open);
        let mut other_may = other.sure.clone();
        other_may.unite(&other.open);
        may.intersect(&other_may);
        self.sure.intersect(&other.sure);
        may.subtract(&self.sure);
        Self { sure: self.sure, open: may }
    }

    fn or(mut self, other: &Self) -> Self {
        self.sure.unite(&other.sure);
        self.open.unite(&other.open);
        self.open.subtract(&self.sure);
        self
    }

    fn not(self, all: &Bits) -> Self {
        let mut sure = all.clone();
        sure.subtract(&self.sure);
        sure.subtract(&self.open);
        Self { sure, open: self.open }
    }

    /// Whether nobody can meet it.
    fn is_none(&self) -> bool {
        self.sure.is_empty() && self.open.is_empty()
    }
}

/// Columns of some fields over the assets of one moment.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// The assets that there were.
    pub(super) all: Bits,
    /// How many.
    pub(super) count: usize,
    pub(super) fields: BTreeMap<String, Arc<Slot>>,
    /// The change after which they were so.
    operation: u64,
}

impl Columns {
    /// Of these fields over these assets, as they were after a change.
    pub(super) fn new(all: Bits, fields: BTreeMap<String, Arc<Slot>>, operation: u64) -> Self {
        Self { count: all.len(), all, fields, operation }
    }

    /// The columns of a file; each is read when it is first asked for.
    pub(crate) fn of_file(file: ColumnFile) -> Self {
        let file = Arc::new(file);
        let fields = (0..).zip(file.fields()).map(|(number, (field, bytes))| {
            (field.to_owned(), Arc::new(Slot::stored(Arc::clone(&file), number, bytes)))
        });
        Self::new(file.all().clone(), fields.collect(), file.row().operation)
    }

    /// The change after which they were so.
    pub(crate) const fn operation(&self) -> u64 {
        self.operation
    }

    /// Whether no field has a column.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether a field has a column.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.slot(field).is_some_and(Slot::is_usable)
    }

    fn slot(&self, field: &str) -> Option<&Slot> {
        self.fields.get(field).or_else(|| self.fields.get(nfc(field).as_ref())).map(|slot| &**slot)
    }

    /// The column of a field, however the accents of its name are composed.
    pub(super) fn column(&self, field: &str) -> Option<&Column> {
        self.slot(field)?.get()
    }

    /// The bytes of the column of a field.
    pub(crate) fn size(&self, field: &str) -> Option<usize> {
        self.slot(field).filter(|slot| slot.is_usable()).map(Slot::bytes)
    }

    /// Fields with the bytes of their columns.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (&str, usize)> {
        let usable = self.fields.iter().filter(|(_, slot)| slot.is_usable());
        usable.map(|(field, slot)| (field.as_str(), slot.bytes()))
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.all.bytes() + self.fields.values().map(|slot| slot.bytes_in_memory()).sum::<usize>()
    }

    /// Who of the assets of then meets a filter. What is asked of a field without a column stays open.
    ///
    /// # Cost
    /// A few passes over a bit an asset for each condition, and about a nanosecond for each asset that meets one.
    pub(crate) fn ask(&self, filter: &Filter) -> Answer {
        match filter {
            Filter::And(parts) => {
                let Some((first, parts)) = parts.split_first() else {
                    return Answer { sure: self.all.clone(), open: Bits::default() };
                };
                let mut answer = self.ask(first);
                for part in parts {
                    if answer.is_none() {
                        break;
                    }
                    answer = answer.and(&self.ask(part));
                }
                answer
            }
            Filter::Or(parts) => {
                parts.iter().fold(Answer::default(), |answer, part| answer.or(&self.ask(part)))
            }
            Filter::Not(part) => self.ask(part).not(&self.all),
            Filter::Exists { field } => self.of(field, Column::exists),
            Filter::In { field, values } => self.of(field, |column| column.is_in(values)),
            Filter::Compare { field, comparison, value } => {
                self.of(field, |column| column.compare(*comparison, value))
            }
            Filter::Within { field, area } => self.of(field, |column| column.within(*area)),
            Filter::AtLeast { count, of } => self.at_least(*count, of),
        }
    }

    /// Who meets so many of some conditions: those who surely meet so many, and those who may.
    fn at_least(&self, count: usize, of: &[Filter]) -> Answer {
        let (mut sure, mut may) = (Counter::default(), Counter::default());
        for part in of {
            let mut answer = self.ask(part);
            sure.add(&answer.sure);
            answer.sure.unite(&answer.open);
            may.add(&answer.sure);
        }
        let sure = sure.at_least(count, &self.all);
        let mut open = may.at_least(count, &self.all);
        open.subtract(&sure);
        Answer { sure, open }
    }

    fn of(&self, field: &str, ask: impl FnOnce(&Column) -> Answer) -> Answer {
        match self.column(field) {
            Some(column) => ask(column),
            None => Answer { sure: Bits::default(), open: self.all.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(sure: &[u32], open: &[u32]) -> Answer {
        Answer { sure: sure.iter().copied().collect(), open: open.iter().copied().collect() }
    }

    fn told(answer: &Answer) -> (Vec<u32>, Vec<u32>) {
        (answer.sure.iter().collect(), answer.open.iter().collect())
    }

    #[test]
    fn what_is_open_stays_open_only_where_it_decides() {
        // By turns: true, open, false beside true, open, false.
        let left = answer(&[0, 1, 2], &[3, 4, 5]);
        let right = answer(&[0, 3, 6], &[1, 4, 7]);
        assert_eq!(told(&left.clone().and(&right)), (vec![0], vec![1, 3, 4]));
        assert_eq!(told(&left.clone().or(&right)), (vec![0, 1, 2, 3, 6], vec![4, 5, 7]));
        let all = (0..9).collect();
        assert_eq!(told(&left.not(&all)), (vec![6, 7, 8], vec![3, 4, 5]));
    }
}
