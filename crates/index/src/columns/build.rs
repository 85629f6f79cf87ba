//! [`ColumnBuilder`]: a column from values. [`Columns::next`]: columns carried forward.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;
use sensorium_types::{GeoPoint, Period, nfc};
use serde_json::Value;

use super::bits::Bits;
use super::column::{Column, MAX_ITEMS, MAX_TEXT_BYTES};
use super::dictionary::{Fixed, NumberKey, Texts};
use super::places::Places;
use super::run::RunBuilder;
use super::slot::Slot;
use super::table::Columns;

/// A column that is being made.
#[derive(Debug, Default)]
pub(crate) struct ColumnBuilder {
    present: Bits,
    lists: RoaringBitmap,
    unsure: RoaringBitmap,
    bools: RunBuilder<Fixed<bool>>,
    numbers: RunBuilder<Fixed<NumberKey>>,
    texts: RunBuilder<Texts>,
    times: RunBuilder<Fixed<i128>>,
    places: Vec<(GeoPoint, u32)>,
    bytes: usize,
}

impl ColumnBuilder {
    /// Takes the value of an asset. Assets come in ascending order, each once; those without the field need not come.
    pub(crate) fn push(&mut self, asset: u32, value: &Value) {
        match value {
            Value::Null => return,
            Value::Object(_) => self.put(asset, value),
            Value::Array(items) => {
                self.lists.insert(asset);
                if items.len() > MAX_ITEMS || items.iter().any(is_long) {
                    self.unsure.insert(asset);
                } else {
                    items.iter().for_each(|item| self.put(asset, item));
                }
            }
            Value::String(_) if is_long(value) => {
                self.unsure.insert(asset);
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => self.put(asset, value),
        }
        self.present.insert(asset);
    }

    /// Takes the place where an asset is by its own `lat` and `lon`, for one whose value, which was taken before, holds none.
    pub(crate) fn push_own_place(&mut self, asset: u32, place: GeoPoint) {
        let has_place = self.places.last().is_some_and(|(_, last)| *last == asset);
        // What is unsure may hold places, and is asked one by one.
        if !has_place && !self.unsure.contains(asset) {
            self.put_place(asset, place);
        }
    }

    fn put_place(&mut self, asset: u32, place: GeoPoint) {
        self.places.push((place, asset));
        self.bytes += size_of::<(GeoPoint, u32)>();
    }

    /// Bytes that the column will have, at most.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The column.
    pub(crate) fn finish(self) -> Column {
        let Self { present, lists, unsure, bools, numbers, texts, times, places, bytes: _ } = self;
        let column = Column {
            present,
            present_count: 0,
            lists,
            unsure,
            bools: bools.finish(),
            numbers: numbers.finish(),
            texts: texts.finish(),
            times: times.finish(),
            places: Places::new(places),
        };
        column.finished()
    }

    /// Takes one value, or one item of a list. Nulls and lists in a list compare with nothing, objects may be places.
    fn put(&mut self, asset: u32, value: &Value) {
        self.bytes += match value {
            Value::Null | Value::Array(_) => 0,
            Value::Object(fields) => {
                if let Some(place) = GeoPoint::of_fields(fields) {
                    self.put_place(asset, place);
                }
                0
            }
            Value::Bool(value) => self.bools.push(asset, value, || *value),
            Value::Number(number) => {
                let key = NumberKey(number.clone());
                self.numbers.push(asset, &key, || key.clone())
            }
            Value::String(text) => match Period::of_field(text) {
                Some(period) => self.times.push(asset, &period.start_ns(), || period.start_ns()),
                None => {
                    let text = nfc(text);
                    self.texts.push(asset, &text, || text.as_ref().into()) + text.len()
                }
            },
        };
    }
}

fn is_long(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() > MAX_TEXT_BYTES)
}

impl Columns {
    /// Columns of the moment after a change: those of these `kept`, without the assets that were `changed` and with what these are
    /// now, and those that were made anew. `fresh` has a builder for each column kept, of the changed assets alone.
    pub(crate) fn next(&self, all: Bits, operation: u64, changed: &RoaringBitmap, parts: Parts) -> Self {
        let Parts { fresh, made } = parts;
        let mut fields: BTreeMap<_, _> =
            made.into_iter().map(|(field, column)| (field, Arc::new(Slot::of(column)))).collect();
        for (field, builder) in fresh {
            let slot = self.fields.get(&field);
            if changed.is_empty() {
                fields.extend(slot.map(|slot| (field, Arc::clone(slot))));
            } else if let Some(column) = slot.and_then(|slot| slot.get()) {
                let next = column.merged(changed, &builder.finish());
                fields.insert(field, Arc::new(Slot::of(next)));
            }
        }
        Self::new(all, fields, operation)
    }
}

/// What the next columns are made of.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// For each column that is kept, the assets that changed.
    pub(crate) fresh: BTreeMap<String, ColumnBuilder>,
    /// Columns that were made anew.
    pub(crate) made: BTreeMap<String, Column>,
}
