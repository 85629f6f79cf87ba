//! The upkeep of segment files. What of large ones was not compared with its checksums at open, the vectors, is compared once after
//! each open. A writer goes on searching meanwhile, and writes files that are missing or damaged anew from RocksDB, without
//! building a graph again. One who only reads cannot mend a file: it compares no vector with a query before all of its file holds, and reads a
//! segment whose file does not from its rows.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sensorium_types::Cancel;

use super::check::check;
use super::core::Core;
use super::load::Strictness;
use super::open::{read_anew, reload};
use super::sealed::Sealed;
use super::segment_file;
use super::segments::{SegmentKind, Segments};
use super::view::View;
use crate::cache_file;
use crate::error::IndexError;

/// Time between two looks of one who waits for files to be compared at whether he is still to.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Starts the upkeep in the background.
pub(super) fn consider(core: &Arc<Core>) {
    let has_segments = core.view().all_segments().any(|segments| !segments.parts.is_empty());
    let is_due = if core.read_only { !is_checked(&core.view()) } else { has_segments && !core.is_poisoned() };
    if core.lenient || !is_due {
        return;
    }
    let shared = Arc::clone(core);
    let spawned = std::thread::Builder::new().name("index-files".to_owned()).spawn(move || {
        let closing = Cancel::new();
        let done = if shared.read_only { trusted(&shared, &closing).map(drop) } else { keep(&shared) };
        if let Err(error) = done.or_else(|error| if is_closing(&shared) { Ok(()) } else { Err(error) }) {
            tracing::warn!(collection = %shared.name, %error, "keep the files of segments");
        }
    });
    match spawned {
        Ok(thread) => *core.checker.lock() = Some(thread),
        Err(error) => tracing::warn!(%error, "start the upkeep of segment files"),
    }
}

/// Checks the files, and writes those that are missing.
fn keep(core: &Core) -> Result<(), IndexError> {
    let _no_build = core.building.lock();
    let is_closing = || is_closing(core);
    let mut damaged = false;
    let view = core.view();
    for sealed in unchecked(&view) {
        if is_closing() {
            return Ok(());
        }
        if let Err(what) = sealed.check(is_closing) {
            let path = segment_file::path(&core.folder, sealed.generation());
            tracing::warn!(path = %path.display(), what, "write the damaged file of a segment anew");
            cache_file::remove(&path);
            damaged = true;
        }
    }
    if damaged {
        reload(core, &mut core.writer.lock(), Strictness::Strict)?;
    }
    for kind in SegmentKind::ALL {
        for part in &core.view().segments(kind).parts {
            if is_closing() {
                return Ok(());
            }
            if part.sealed.owned_bytes() > 0 {
                write_anew(core, kind, &part.sealed)?;
            }
        }
    }
    Ok(())
}

/// The collection as it is now, to compare vectors in: for one who only reads, with files of segments that hold throughout. One that
/// does not is named, and its segment read from its rows.
///
/// # Errors
/// If the caller gave up, or the collection cannot be read anew.
pub(super) fn trusted(core: &Core, cancel: &Cancel) -> Result<Arc<View>, IndexError> {
    loop {
        let view = core.view();
        if !core.read_only || is_checked(&view) {
            return Ok(view);
        }
        let Some(_one_at_a_time) = core.checking.try_lock_for(LOOK_EVERY) else {
            check(cancel)?;
            continue;
        };
        let stop = || cancel.is_cancelled() || is_closing(core);
        let mut damaged = Vec::new();
        for sealed in unchecked(&view) {
            if let Err(what) = sealed.check(stop) {
                let path = segment_file::path(&core.folder, sealed.generation());
                tracing::warn!(path = %path.display(), what, "read a segment from its rows, for its file is damaged");
                damaged.push(sealed.generation());
            }
            check(cancel)?;
            if is_closing(core) {
                return Ok(Arc::clone(&view));
            }
        }
        if !damaged.is_empty() {
            core.distrusted.lock().extend(damaged);
            read_anew(core, &mut core.writer.lock())?;
        }
    }
}

fn is_closing(core: &Core) -> bool {
    core.closing.load(Ordering::Relaxed)
}

/// Segments whose files were not compared with all of their checksums yet.
fn unchecked(view: &View) -> impl Iterator<Item = &Sealed> {
    let parts = view.all_segments().flat_map(|segments: &Segments| &segments.parts);
    parts.map(|part| &*part.sealed).filter(|sealed| !sealed.is_checked())
}

fn is_checked(view: &View) -> bool {
    unchecked(view).next().is_none()
}

/// Writes the file of a segment that lies in memory, and puts the two in its place.
fn write_anew(core: &Core, kind: SegmentKind, sealed: &Sealed) -> Result<(), IndexError> {
    let mapped = Arc::new(segment_file::write(&core.folder, sealed, &core.tuning)?);
    let mut writer = core.writer.lock();
    let parts = &mut writer.view.segments_mut(kind).parts;
    if let Some(part) = parts.iter_mut().find(|part| part.sealed.generation() == mapped.generation()) {
        part.sealed = mapped;
    }
    core.check_writable("write files of segments")?;
    core.publish(writer.view.clone());
    Ok(())
}
