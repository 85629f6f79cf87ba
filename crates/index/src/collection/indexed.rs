//! Fields that are indexed because somebody asked for it: each has a column as long as it stays in the list, whether filters name it or
//! not.

use std::sync::Arc;

use sensorium_types::{FieldIndex, FieldIndexState, nfc};

use super::column_making;
use super::core::Core;
use crate::columns::{MAX_FIELD_NAME_BYTES, MAX_INDEXED_FIELDS};
use crate::error::IndexError;
use crate::storage::IndexedRow;

/// Indexes a field, or no longer; `false` if it was so already. A field that is indexed has its column, if it fits, when this
/// returns.
pub(super) fn set(core: &Core, field: &str, wanted: bool) -> Result<bool, IndexError> {
    core.check_writable("index a field")?;
    // As names are compared.
    let field = nfc(field);
    let bytes = field.len();
    if wanted && !(1..=MAX_FIELD_NAME_BYTES).contains(&bytes) {
        return Err(IndexError::FieldName { bytes, limit: MAX_FIELD_NAME_BYTES });
    }
    let is_new = note(core, &field, wanted)?;
    if is_new || wanted {
        column_making::make_due(core, is_new);
    }
    Ok(is_new)
}

/// Notes it on disk; `false` if it was so already.
fn note(core: &Core, field: &str, wanted: bool) -> Result<bool, IndexError> {
    let mut writer = core.writer.lock();
    core.check_writable("index a field")?;
    let mut row = IndexedRow::clone(&writer.view.indexed);
    match (row.fields.binary_search_by(|known| known.as_str().cmp(field)), wanted) {
        (Ok(_), true) | (Err(_), false) => return Ok(false),
        (Ok(at), false) => drop(row.fields.remove(at)),
        (Err(_), true) if row.fields.len() >= MAX_INDEXED_FIELDS => {
            return Err(IndexError::TooManyFields { limit: MAX_INDEXED_FIELDS });
        }
        (Err(at), true) => row.fields.insert(at, field.to_owned()),
    }
    writer.put_indexed(core, Arc::new(row))?;
    Ok(true)
}

/// Fields that are indexed, and those that have a column because filters named them, in order of name.
pub(super) fn list(core: &Core) -> Vec<FieldIndex> {
    let view = core.view();
    let columns = view.columns.columns();
    let asked = view.indexed.fields.iter().map(|field| {
        let bytes = columns.size(field);
        let state = match bytes {
            Some(_) => FieldIndexState::Ready,
            None if core.columns.is_too_large(field) => FieldIndexState::TooLarge,
            None => FieldIndexState::Waiting,
        };
        FieldIndex { field: field.clone(), asked: true, state, bytes: bytes.unwrap_or(0) as u64 }
    });
    let others =
        columns.sizes().filter(|(field, _)| !view.indexed.has(field)).map(|(field, bytes)| FieldIndex {
            field: field.to_owned(),
            asked: false,
            state: FieldIndexState::Ready,
            bytes: bytes as u64,
        });
    let mut all: Vec<_> = asked.chain(others).collect();
    all.sort_by(|left, right| left.field.cmp(&right.field));
    all
}
