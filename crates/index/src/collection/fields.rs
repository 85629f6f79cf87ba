//! What a filter sees of an asset: the user's metadata, over fields of its first source, over facts of the file.
//!
//! `path`, `paths`, `name`, `bytes` and `mtime` come from the source rows, so a moved file is found where it is now;
//! `modality` comes from the record. None of them is stored twice.

use jiff::Timestamp;
use sensorium_types::{Filter, Payload};
use serde_json::Value;

use super::table::Entry;

/// Fields that are made up from the record and the sources.
const MADE_UP: [&str; 6] = ["path", "paths", "name", "bytes", "mtime", "modality"];

/// Whether an asset meets a filter.
pub(super) fn meets(filter: &Filter, entry: &Entry) -> bool {
    let fields = filter.fields();
    let record = &entry.record;
    let plain = record.metadata.is_empty() && !fields.iter().any(|field| MADE_UP.contains(&head(field)));
    if plain {
        return filter.matches(&record.facts);
    }
    let mut seen = Payload::new();
    for field in fields {
        // A field may be a whole name, or reach into the object of any of its heads.
        let heads = field.match_indices('.').map(|(at, _)| field.get(..at).unwrap_or(field));
        for name in heads.chain([field]) {
            if let Some(value) = value(entry, name) {
                seen.set(name, value);
            }
        }
    }
    filter.matches(&seen)
}

fn head(field: &str) -> &str {
    field.split('.').next().unwrap_or(field)
}

/// The value of a top-level field.
fn value(entry: &Entry, name: &str) -> Option<Value> {
    let record = &entry.record;
    let own = record.metadata.0.get(name).cloned();
    own.or_else(|| made_up(entry, name)).or_else(|| record.facts.0.get(name).cloned())
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
        "mtime" => Some(Timestamp::from_nanosecond(first?.mtime_ns.into()).ok()?.to_string().into()),
        _ => None,
    }
}
