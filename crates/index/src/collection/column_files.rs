//! When columns are written into their file, and its publication.
//!
//! ```text
//! columns of other fields, or a newer file of assets ─► file ─► one batch: meta/columns ─► sync ─► older files
//! ```
//!
//! At the next open what changed since is read from the notes that the file of assets leaves, so columns are of use only if they are
//! no older than that. A collection that is too small to have a file of assets has none of columns.

use std::sync::Arc;

use super::core::Core;
use crate::columns::{ColumnFile, Columns};
use crate::error::IndexError;
use crate::failpoint::pass;
use crate::storage::{Batch, COLUMN_FILE_KEY, ColumnFileRow, Family, Rocks, Row as _};

/// What names the file in use.
pub(super) fn stored(rocks: &Rocks) -> Result<Option<ColumnFileRow>, IndexError> {
    let row = rocks.get(Family::Meta, COLUMN_FILE_KEY)?;
    Ok(row.and_then(|bytes| ColumnFileRow::decode(&bytes).ok()))
}

/// Writes the columns in use if their file has others. Called by the one who makes columns.
pub(super) fn keep(core: &Core) {
    let is_writer = !core.read_only && !core.lenient && !core.is_poisoned();
    if let Some(columns) = due(core).filter(|_| is_writer)
        && let Err(error) = write(core, &columns)
    {
        tracing::warn!(collection = %core.name, %error, "write the file of columns");
    }
}

/// Columns that are to be written.
fn due(core: &Core) -> Option<Arc<Columns>> {
    let view = core.view();
    let (columns, newest) = (view.columns.shared(), view.assets.file()?.operation());
    let kept = core.columns.kept.lock();
    let is_kept = kept.as_ref().is_some_and(|(operation, fields)| {
        *operation >= newest && columns.sizes().map(|(field, _)| field).eq(fields.iter().map(String::as_str))
    });
    (!is_kept && !columns.is_empty() && columns.operation() >= newest).then_some(columns)
}

fn write(core: &Core, columns: &Arc<Columns>) -> Result<(), IndexError> {
    let row = columns.write(&core.folder)?;
    pass("file of columns, written");
    let mut writer = core.writer.lock();
    core.check_writable("write the file of columns")?;
    let is_in_use = Arc::ptr_eq(&writer.view.columns.shared(), columns);
    if !is_in_use {
        return Ok(());
    }
    let before = stored(&core.rocks)?;
    let mut batch = Batch::default();
    core.rocks.put(&mut batch, Family::Meta, COLUMN_FILE_KEY, &row.encode()?)?;
    core.rocks.write(batch).inspect_err(|error| core.poison(error))?;
    writer.written = true;
    writer.sync_and_publish(core)?;
    drop(writer);
    pass("file of columns, published");
    let fields = columns.sizes().map(|(field, _)| field.to_owned()).collect();
    *core.columns.kept.lock() = Some((row.operation, fields));
    // The one before stays for readers that are about to map it.
    ColumnFile::sweep(&core.folder, before.into_iter().chain([row]));
    Ok(())
}
