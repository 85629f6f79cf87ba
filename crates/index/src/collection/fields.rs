//! What a filter sees of an asset: the user's metadata, over fields of its first source, over facts of the file.
//!
//! `path`, `paths`, `name`, `bytes` and `mtime` come from the source rows, so a moved file is found where it is now;
//! `modality` comes from the record. None of them is stored twice.

use std::borrow::Cow;

use jiff::Timestamp;
use sensorium_types::{Filter, Payload, value_inside};
use serde_json::Value;

use super::table::Entry;

/// Fields that are made up from the record and the sources.
const MADE_UP: [&str; 6] = ["path", "paths", "name", "bytes", "mtime", "modality"];

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
            // A field may be a whole name, or reach into the object of any of its heads.
            names.extend(heads(field).chain([field]));
        }
        let made_up = names.iter().any(|name| MADE_UP.contains(name));
        Self { filter, names, made_up }
    }

    /// Whether an asset meets the filter.
    pub(super) fn meets(&self, entry: &Entry) -> bool {
        if !self.made_up && entry.record.metadata.is_empty() {
            return self.filter.matches(&entry.record.facts);
        }
        let mut seen = Payload::new();
        for name in &self.names {
            if let Some(value) = value(entry, name) {
                seen.set(name, value.into_owned());
            }
        }
        self.filter.matches(&seen)
    }
}

/// One field of many assets, as a [`Matcher`] sees it.
#[derive(Debug)]
pub(super) struct FieldReader<'a> {
    field: &'a str,
}

impl<'a> FieldReader<'a> {
    /// Of this field.
    pub(super) const fn new(field: &'a str) -> Self {
        Self { field }
    }

    /// Its value: of the whole name, else inside the object of one of its heads.
    pub(super) fn read<'e>(&self, entry: &'e Entry) -> Option<Cow<'e, Value>> {
        value(entry, self.field).or_else(|| {
            heads(self.field).find_map(|head| {
                let rest = self.field.get(head.len() + 1..)?;
                match value(entry, head)? {
                    Cow::Borrowed(object) => value_inside(object, rest).map(Cow::Borrowed),
                    Cow::Owned(object) => value_inside(&object, rest).cloned().map(Cow::Owned),
                }
            })
        })
    }
}

/// What stands before each dot of a name.
fn heads(field: &str) -> impl Iterator<Item = &str> {
    field.match_indices('.').filter_map(|(at, _)| field.get(..at))
}

/// The value of a top-level field.
fn value<'e>(entry: &'e Entry, name: &str) -> Option<Cow<'e, Value>> {
    let record = &entry.record;
    let own = record.metadata.field(name).map(Cow::Borrowed);
    own.or_else(|| made_up(entry, name).map(Cow::Owned))
        .or_else(|| record.facts.field(name).map(Cow::Borrowed))
}

fn made_up(entry: &Entry, name: &str) -> Option<Value> {
    let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let first = entry.sources.first();
    match name {
        "modality" => Some(entry.record.modality.name().into()),
        "path" => Some(text(&first?.key.path).into()),
        "paths" if first.is_some() => {
            Some(entry.sources.iter().map(|source| text(&source.key.path)).collect::<Vec<_>>().into())
        }
        "name" => Some(text(first?.key.path.rsplit(|byte| *byte == b'/').next()?).into()),
        "bytes" => Some(first?.bytes.into()),
        "mtime" => Some(Timestamp::from_nanosecond(first?.mtime_ns).ok()?.to_string().into()),
        _ => None,
    }
}
