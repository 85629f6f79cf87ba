//! When the file of assets is written anew, and its publication.
//!
//! ```text
//! many changed ─► copy of the view ─► file (no lock) ─► one batch: meta/assets, notes of what it holds ─► sync ─► new view ─► older files
//! ```
//!
//! A crash before the one batch leaves a file that nobody names; the next open sweeps it. What changes while it is written stays in
//! memory, and its notes in RocksDB.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sensorium_types::AssetId;

use super::column_making;
use super::core::Core;
use super::hubs;
use super::task::{Task, start};
use super::view::View;
use crate::assets::{AssetFile, Making, Names};
use crate::error::IndexError;
use crate::failpoint::pass;
use crate::storage::{
    ASSET_FILE_KEY, AssetFileRow, AssetOffset, Batch, Family, NOTED_KEY, PointOffset, Rocks, Row as _,
    changed_range,
};

/// One in so many assets may have changed before the file is written anew: so it is written some eight times while a collection
/// grows threefold, and an eighth of the assets are in memory at most.
const CHANGED_SHARE: usize = 8;
/// For each change to an asset that is due, so many notes may wait to be read at the next open.
const NOTES: u64 = 4;

static TASK: Task = Task {
    name: "index-assets",
    job: |core| &core.asset_files.job,
    run: |core| {
        if let Err(error) = write_due(core) {
            tracing::warn!(collection = %core.name, %error, "write the file of assets");
        }
    },
    // One that failed is tried again after the next change.
    is_due: |_| false,
};

/// What names the file in use.
pub(super) fn stored(rocks: &Rocks) -> Result<Option<AssetFileRow>, IndexError> {
    let row = rocks.get(Family::Meta, ASSET_FILE_KEY)?;
    Ok(row.and_then(|bytes| AssetFileRow::decode(&bytes).ok()))
}

/// Whether so much changed since the file was written that it is written anew.
fn is_due(core: &Core, view: &View) -> bool {
    let least = core.tuning.asset_file_changes;
    let since = view.state.operations.saturating_sub(view.assets.file().map_or(0, |file| file.operation()));
    let many = least.max(view.assets.file().map_or(0, |file| file.len()) / CHANGED_SHARE);
    view.assets.changed() >= many || since >= (many as u64).saturating_mul(NOTES)
}

/// Writes the file in the background if that is due.
pub(super) fn consider(core: &Core) {
    let writable = || core.check_writable("write the file of assets").is_ok();
    if !core.lenient && is_due(core, &core.view()) && writable() {
        start(core, &TASK);
    }
}

fn write_due(core: &Core) -> Result<(), IndexError> {
    while !core.closing.load(Ordering::Relaxed) && is_due(core, &core.view()) {
        let published = write(core)?;
        if !published {
            break;
        }
    }
    Ok(())
}

/// Writes the file of assets anew if anything changed since, unless the collection is too small to have one.
pub(super) fn seal(core: &Core) -> Result<(), IndexError> {
    let assets = &core.view().assets;
    if assets.changed() > 0 && assets.len() >= core.tuning.asset_file_changes {
        write(core)?;
    }
    Ok(())
}

/// Writes the file of assets and puts it to use; `false` if the collection was read anew meanwhile.
fn write(core: &Core) -> Result<bool, IndexError> {
    let _one_at_a_time = core.asset_files.writing.lock();
    // All that it has is on disk: the lock is held from the write of a group to its sync.
    let view = core.writer.lock().view.clone();
    core.check_writable("write the file of assets")?;
    let values = |point: PointOffset| view.hubs.get(point);
    let making = Making {
        table: &view.assets,
        operation: view.state.operations,
        hubs: core.bank().filter(|_| hubs::is_complete(core, &view)).map(|bank| (bank, values)),
    };
    let row = making.write(&core.folder)?;
    pass("file of assets, written");
    let file = AssetFile::open(&core.folder, row)
        .map_err(|what| IndexError::damaged("the file of assets that was just written", what))?;
    let published = publish(core, &view, row, Arc::new(file))?;
    if published {
        column_making::follow(core);
    }
    Ok(published)
}

fn publish(core: &Core, made_of: &View, row: AssetFileRow, file: Arc<AssetFile>) -> Result<bool, IndexError> {
    let mut writer = core.writer.lock();
    core.check_writable("write the file of assets")?;
    let Some((table, since)) = writer.view.assets.rebased(&made_of.assets, Arc::clone(&file)) else {
        return Ok(false);
    };
    let before = stored(&core.rocks)?;
    let mut batch = Batch::default();
    core.rocks.put(&mut batch, Family::Meta, ASSET_FILE_KEY, &row.encode()?)?;
    // Also in a collection of a program that noted nothing: all of it is in the file, or noted since it was read.
    core.rocks.put(&mut batch, Family::Meta, NOTED_KEY, &writer.view.noted().encode()?)?;
    let (from, to) = changed_range(0, row.operation.saturating_add(1));
    core.rocks.delete_range(&mut batch, Family::Meta, &from, &to)?;
    core.rocks.write(batch).inspect_err(|error| core.poison(error))?;
    let gone = since.iter().filter_map(|since| Some((since.gone.clone()?, None)));
    let now = since.iter().filter_map(|since| Some((since.now.clone()?, Some(since.asset))));
    let names: Vec<(AssetId, Option<AssetOffset>)> = gone.chain(now).collect();
    writer.view.assets = table;
    // Views of before go on with the names that they have.
    writer.view.names = Arc::new(Names::new(Some(file), names.into_iter().collect()));
    writer.written = true;
    writer.sync_and_publish(core)?;
    pass("file of assets, published");
    // Readers that ask an old file have it mapped; the one before stays for those that are about to.
    AssetFile::sweep(&core.folder, before.into_iter().chain([row]));
    Ok(true)
}
