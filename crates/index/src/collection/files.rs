//! The upkeep of segment files: every byte of large ones is compared with its checksums once after each open, and files that are missing or
//! damaged are written anew from RocksDB, without building a graph again. Searches go on meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::core::Core;
use super::load::Strictness;
use super::open::reload;
use super::sealed::Sealed;
use super::segment_file;
use super::segments::SegmentKind;
use crate::cache_file;
use crate::error::IndexError;

/// Starts the upkeep in the background of a writer.
pub(super) fn consider(core: &Arc<Core>) {
    let has_segments = core.view().all_segments().any(|segments| !segments.parts.is_empty());
    if core.lenient || !has_segments || core.check_writable("write files of segments").is_err() {
        return;
    }
    let shared = Arc::clone(core);
    let spawned = std::thread::Builder::new().name("index-files".to_owned()).spawn(move || {
        if let Err(error) = keep(&shared) {
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
    let is_closing = || core.closing.load(Ordering::Relaxed);
    let mut damaged = false;
    // Segments in memory have no file that could be used, and small files were checked when they were mapped.
    let view = core.view();
    let mapped = view.all_segments().flat_map(|segments| &segments.parts);
    let mapped = mapped.map(|part| &part.sealed).filter(|sealed| sealed.owned_bytes() == 0);
    for row in mapped.map(|sealed| sealed.stored()) {
        let path = segment_file::path(&core.folder, row.generation);
        if is_closing() {
            return Ok(());
        }
        if !cache_file::is_checked_at_open(&path, &segment_file::KIND)
            && let Err(what) = segment_file::check(&core.folder, row, is_closing)
            && !is_closing()
        {
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

/// Writes the file of a segment that lies in memory, and puts the two in its place.
fn write_anew(core: &Core, kind: SegmentKind, sealed: &Sealed) -> Result<(), IndexError> {
    let mapped = Arc::new(segment_file::write(&core.folder, sealed)?);
    let mut writer = core.writer.lock();
    let parts = &mut writer.view.segments_mut(kind).parts;
    if let Some(part) = parts.iter_mut().find(|part| part.sealed.generation() == mapped.generation()) {
        part.sealed = mapped;
    }
    core.check_writable("write files of segments")?;
    core.publish(writer.view.clone());
    Ok(())
}
