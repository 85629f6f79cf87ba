//! [`Columns`]: columns of some fields over the assets of one moment. [`Columns::ask`]: a filter, answered from them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sensorium_types::{Filter, nfc};

use super::answer::Answer;
use super::bits::Bits;
use super::column::Column;
use super::file::ColumnFile;
use super::slot::Slot;
use super::tally::Counter;
use crate::error::IndexError;
use crate::storage::ColumnFileRow;

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

    /// Writes the columns into a file of a collection; gives what names it.
    ///
    /// # Errors
    /// If the disk has no room, or the file cannot be written; nothing is left of it then.
    pub(crate) fn write(&self, collection: &Path) -> Result<ColumnFileRow, IndexError> {
        let columns = self.sizes().filter_map(|(field, bytes)| Some((field, bytes, self.column(field)?)));
        ColumnFile::write(collection, self.operation, &self.all, columns)
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
