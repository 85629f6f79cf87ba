//! What a filter sees of an asset: the user's metadata, over fields of its first source, over facts of the file.
//!
//! `path`, `paths`, `name`, `bytes` and `mtime` come from the source rows, so a moved file is found where it is now;
//! `modality` comes from the record. None of them is stored twice.

use jiff::Timestamp;
use sensorium_types::{Filter, GeoPoint, LOCATION_FIELD, Payload, value_inside};
use serde_json::Value;

use crate::assets::EntryRef;
use crate::columns::ColumnBuilder;
use crate::storage::AssetRowRef;

/// Fields that are made up from the record and the sources.
const MADE_UP: [&str; 6] = ["path", "paths", "name", "bytes", "mtime", "modality"];

#[cfg(test)]
thread_local! {
    /// How many assets this thread has asked.
    pub(super) static ASKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// A filter, made ready to be asked of many assets.
#[derive(Debug)]
pub(super) struct Matcher<'a> {
    filter: &'a Filter,
    /// Top-level names that the filter may read.
    names: Vec<&'a str>,
    /// Whether one of them is made up.
    made_up: bool,
}

impl<'a> Matcher<'a> {
    /// Makes a filter ready.
    pub(super) fn new(filter: &'a Filter) -> Self {
        let mut names = Vec::new();
        for field in filter.fields() {
            names.extend(names_of(field));
        }
        let made_up = names.iter().any(|name| MADE_UP.contains(name));
        Self { filter, names, made_up }
    }

    /// Whether an asset meets the filter.
    pub(super) fn meets(&self, entry: EntryRef<'_>) -> bool {
        #[cfg(test)]
        ASKED.set(ASKED.get() + 1);
        let row = entry.row();
        if !self.made_up && row.has_no_metadata() {
            return self.filter.matches(&row.facts_of(&self.names));
        }
        let known = Known::of(entry, &row, &self.names);
        let mut seen = Payload::new();
        for name in &self.names {
            if let Some(value) = known.value(name) {
                seen.set(name, value);
            }
        }
        self.filter.matches(&seen)
    }
}

/// One field of many assets, as a [`Matcher`] sees it.
#[derive(Debug)]
pub(super) struct FieldReader<'a> {
    field: &'a str,
    /// The names that it may be under.
    names: Vec<&'a str>,
}

impl<'a> FieldReader<'a> {
    /// Of this field.
    pub(super) fn new(field: &'a str) -> Self {
        Self { field, names: names_of(field).collect() }
    }

    /// Puts what an asset has into a column that is being made.
    pub(super) fn read(&self, asset: u32, entry: EntryRef<'_>, into: &mut ColumnBuilder) {
        let known = Known::of(entry, &entry.row(), &self.names);
        if let Some(value) = self.value(&known) {
            into.push(asset, &value);
        }
        if self.field == LOCATION_FIELD
            && let (Some(lat), Some(lon)) = (known.value("lat"), known.value("lon"))
            && let Some(place) = GeoPoint::of_values(&lat, &lon)
        {
            into.push_own_place(asset, place);
        }
    }

    /// Its value: of the whole name, else inside the object of one of its heads.
    fn value(&self, known: &Known<'_>) -> Option<Value> {
        known.value(self.field).or_else(|| {
            heads(self.field).find_map(|head| {
                let rest = self.field.get(head.len() + 1..)?;
                value_inside(&known.value(head)?, rest).cloned()
            })
        })
    }
}

/// Top-level names that a field may be read from: its own, those before its dots, and of the location those of its numbers.
fn names_of(field: &str) -> impl Iterator<Item = &str> {
    let own = if field == LOCATION_FIELD { &["lat", "lon"][..] } else { &[] };
    heads(field).chain([field]).chain(own.iter().copied())
}

/// What stands before each dot of a name.
fn heads(field: &str) -> impl Iterator<Item = &str> {
    field.match_indices('.').filter_map(|(at, _)| field.get(..at))
}

/// What an asset has under some top-level names.
struct Known<'e> {
    entry: EntryRef<'e>,
    metadata: Payload,
    facts: Payload,
}

impl<'e> Known<'e> {
    fn of(entry: EntryRef<'e>, row: &AssetRowRef<'e>, names: &[&str]) -> Self {
        let (metadata, facts) = (row.metadata_of(names), row.facts_of(names));
        Self { entry, metadata, facts }
    }

    /// The value under one of them: the user's, over what is made up, over what the file says.
    fn value(&self, name: &str) -> Option<Value> {
        let own = self.metadata.field(name).cloned();
        own.or_else(|| made_up(self.entry, name)).or_else(|| self.facts.field(name).cloned())
    }
}

fn made_up(entry: EntryRef<'_>, name: &str) -> Option<Value> {
    let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    if !MADE_UP.contains(&name) {
        return None;
    }
    let sources = if name == "modality" { Vec::new() } else { entry.sources() };
    let first = sources.first();
    match name {
        "modality" => Some(entry.modality().name().into()),
        "path" => Some(text(&first?.path).into()),
        "paths" if first.is_some() => {
            Some(sources.iter().map(|source| text(&source.path)).collect::<Vec<_>>().into())
        }
        "name" => Some(text(first?.path.rsplit(|byte| *byte == b'/').next()?).into()),
        "bytes" => Some(first?.bytes.into()),
        "mtime" => Some(Timestamp::from_nanosecond(first?.mtime_ns).ok()?.to_string().into()),
        _ => None,
    }
}
