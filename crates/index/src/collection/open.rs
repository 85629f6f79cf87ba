//! Opening, creating and refreshing a collection, and what was lost while it was closed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fs_err as fs;
use sensorium_types::{HubBank, SpaceInfo};

use super::core::{Core, CoreParts, Writer};
use super::load::{Ask, Loaded, Strictness, load, read_meta};
use super::segment_file;
use super::{Collection, asset_files, audit, column_files};
use crate::assets::AssetFile;
use crate::columns::ColumnFile;
use crate::error::IndexError;
use crate::failpoint::pass;
use crate::options::Tuning;
use crate::storage::{
    Access, Batch, COLUMN_FILE_KEY, FORMAT, Family, HighWater, LOSS_KEY, LossRow, META_KEY, MetaRow,
    OLD_GRAPH_KEY, Recovery, Rocks, Row as _, SEGMENTS_KEY, STATE_KEY, SegmentsRow, SharedMemory, WriterLock,
    chunk_range, has_writer,
};

/// How often a reader looks again when what it read does not fit together: the writer was at work.
const READ_TRIES: u32 = 8;
/// Pause between two looks.
const READ_PAUSE: Duration = Duration::from_millis(15);

/// How a collection is opened.
#[derive(Debug)]
pub(crate) struct OpenCollection<'a> {
    /// The data folder of the database.
    pub(crate) data: PathBuf,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Its name, as the registry has it.
    pub(crate) name: String,
    /// Its space, as the registry has it.
    pub(crate) space: SpaceInfo,
    /// As the writer or beside it.
    pub(crate) access: Access,
    /// When graphs are built and walked.
    pub(crate) tuning: Tuning,
    /// The bank of hub values, of whatever space.
    pub(crate) hubs: Option<Arc<dyn HubBank>>,
    /// The storage engine's memory.
    pub(crate) memory: &'a SharedMemory,
    /// The writer's lock of the database; none for a reader.
    pub(crate) lock: Option<Arc<WriterLock>>,
    /// Whether rows that do not fit together are passed over, as `repair` needs it.
    pub(crate) lenient: bool,
}

impl OpenCollection<'_> {
    /// Opens it.
    pub(crate) fn open(self) -> Result<Collection, IndexError> {
        let mark = HighWater::read(&self.folder)
            .map_err(|error| IndexError::file("read the high-water mark", error))?;
        if self.access == Access::Read {
            self.check_tables()?;
        }
        let rocks = Rocks::open(&self.folder, self.access, Recovery::Strict, self.memory)?;
        let read_only = self.access == Access::Read;
        // Values are of one space: another's points stay as they are.
        let hubs = self.hubs.filter(|hubs| hubs.space_revision() == self.space.revision);
        let bank = hubs.as_ref().map(|hubs| hubs.id());
        let (folder, checked_at_open_bytes) = (&self.folder, self.tuning.checked_at_open_bytes);
        let ask = Ask { folder, space: &self.space, bank, checked_at_open_bytes, distrusted: &[] };
        let strictness = if self.lenient { Strictness::Lenient } else { Strictness::Strict };
        let mut loaded = match self.access {
            Access::Write => load_checked(&rocks, ask, strictness)?,
            Access::Read => load_beside_writer(&rocks, ask)?,
        };
        let mut loss = read_loss(&rocks)?;
        let mark = match self.access {
            Access::Read => None,
            Access::Write => {
                loss = note_loss(&rocks, &mut loaded, mark.unwrap_or(0), loss, &self.name)?;
                pass("open, loaded");
                sweep(&rocks, &loaded)?;
                upgrade(&rocks, self.lenient)?;
                pass("open, graphs swept");
                segment_file::sweep(&self.folder, &loaded.view.segment_rows().segments);
                AssetFile::sweep(&self.folder, asset_files::stored(&rocks)?);
                ColumnFile::sweep(&self.folder, column_files::stored(&rocks)?);
                pass("open, files swept");
                Some(HighWater::open(&self.folder)?)
            }
        };
        let Loaded { view, .. } = loaded;
        let core = Core::new(CoreParts {
            name: self.name,
            folder: self.folder,
            space: self.space,
            tuning: self.tuning,
            hubs,
            rocks,
            read_only,
            lenient: self.lenient,
            lock: self.lock,
            writer: Writer::new(view.clone(), mark),
            view,
            loss,
        });
        audit::restore(&core)?;
        Ok(Collection::new(core))
    }
}

impl OpenCollection<'_> {
    /// A reader passes over tables that it cannot open, as if what they hold had never been written. So they are opened strictly
    /// first, where nobody writes meanwhile. What a power loss left torn would be read as if it were whole: it is mended as a writer does.
    fn check_tables(&self) -> Result<(), IndexError> {
        let nobody_writes = || has_writer(&self.data) == Some(false);
        if !nobody_writes() {
            return Ok(());
        }
        if Rocks::is_torn(&self.folder, self.memory)? {
            match WriterLock::take(&self.data) {
                Ok(_lock) => Rocks::mend_torn(&self.folder, self.memory)?,
                // A writer that came meanwhile mends it, or has.
                Err(IndexError::Locked { .. }) => return Ok(()),
                Err(_) => {
                    let what = "a crash left its end torn, and this user may not mend it";
                    return Err(IndexError::damaged(format!("the log of {}", self.folder.display()), what));
                }
            }
        }
        match Rocks::check(&self.folder, self.memory) {
            Err(error) if nobody_writes() => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Makes the RocksDB of a new collection.
pub(crate) fn create(
    folder: &Path,
    name: &str,
    space: &SpaceInfo,
    memory: &SharedMemory,
) -> Result<(), IndexError> {
    let rocks = Rocks::create(folder, memory)?;
    pass("storage, made");
    let meta = MetaRow::new(name, space);
    let mut batch = Batch::default();
    rocks.put(&mut batch, Family::Meta, META_KEY, &meta.encode()?)?;
    rocks.write(batch)?;
    rocks.sync()
}

/// The name and space of a collection whose registration is missing; `None` if it was never finished.
pub(crate) fn adopt(folder: &Path, memory: &SharedMemory) -> Result<Option<(String, SpaceInfo)>, IndexError> {
    let rocks = Rocks::open(folder, Access::Write, Recovery::Strict, memory)?;
    let meta = read_meta(&rocks.view(), &folder.display().to_string())?;
    Ok(meta.map(|meta| (meta.name, meta.space)))
}

/// How many changes a collection with a damaged log would lose: those known to be on disk against those that are left
/// before the damage. Nothing is changed.
pub(crate) fn preview_lost(folder: &Path, memory: &SharedMemory) -> Result<LossRow, IndexError> {
    let known = HighWater::read(folder)
        .map_err(|error| IndexError::file("read the high-water mark", error))?
        .unwrap_or(0);
    let rocks = Rocks::peek(folder, memory)?;
    let state = rocks.get(Family::Sys, STATE_KEY)?;
    let kept = match state {
        None => 0,
        Some(bytes) => {
            crate::storage::StateRow::decode(&bytes)
                .map_err(|what| IndexError::damaged(format!("{} sys", folder.display()), what))?
                .operations
        }
    };
    Ok(LossRow { kept, known: known.max(kept) })
}

/// Opens a collection whose log is damaged and drops the log from the damage on.
pub(crate) fn restore(folder: &Path, memory: &SharedMemory) -> Result<(), IndexError> {
    let rocks = Rocks::open(folder, Access::Write, Recovery::DropDamaged, memory)?;
    rocks.flush()
}

fn load_checked(rocks: &Rocks, ask: Ask<'_>, strictness: Strictness) -> Result<Loaded, IndexError> {
    let view = rocks.view();
    let place = rocks.path().display().to_string();
    if read_meta(&view, &place)?.is_none() && strictness == Strictness::Strict {
        return Err(IndexError::damaged(place, "meta/collection is missing"));
    }
    load(&view, ask, strictness)
}

fn load_beside_writer(rocks: &Rocks, ask: Ask<'_>) -> Result<Loaded, IndexError> {
    let mut tries = 1;
    loop {
        let loaded = rocks.catch_up().and_then(|()| load_checked(rocks, ask, Strictness::Strict));
        match loaded {
            Err(IndexError::Damaged { .. } | IndexError::Storage { .. }) if tries < READ_TRIES => {
                tries += 1;
                std::thread::sleep(READ_PAUSE);
            }
            Ok(_) | Err(_) => return loaded,
        }
    }
}

fn read_loss(rocks: &Rocks) -> Result<Option<LossRow>, IndexError> {
    let bytes = rocks.get(Family::Sys, LOSS_KEY)?;
    Ok(bytes.and_then(|bytes| LossRow::decode(&bytes).ok()))
}

/// Compares what came back with the high-water mark, and keeps a loss until `repair` takes note of it.
fn note_loss(
    rocks: &Rocks,
    loaded: &mut Loaded,
    known: u64,
    before: Option<LossRow>,
    name: &str,
) -> Result<Option<LossRow>, IndexError> {
    let kept = loaded.view.state.operations;
    if kept >= known {
        return Ok(before);
    }
    tracing::error!(collection = name, kept, known, "acknowledged changes are gone: the log was cut short");
    let loss = LossRow { kept: before.map_or(kept, |before| before.kept.min(kept)), known };
    loaded.view.state.operations = known;
    let mut batch = Batch::default();
    rocks.put(&mut batch, Family::Sys, LOSS_KEY, &loss.encode()?)?;
    rocks.put(&mut batch, Family::Sys, STATE_KEY, &loaded.view.state.encode()?)?;
    // They may be of changes that are gone.
    rocks.delete(&mut batch, Family::Meta, COLUMN_FILE_KEY)?;
    batch.counts_from(known);
    rocks.write(batch)?;
    rocks.sync()?;
    Ok(Some(loss))
}

/// Notes that the collection has today's format. Its graphs are caches, so nothing else changes: what an earlier format had is
/// swept, and segments are built as points of tails are. A run that is cut off is taken up by the next.
fn upgrade(rocks: &Rocks, lenient: bool) -> Result<(), IndexError> {
    let meta = read_meta(&rocks.view(), &rocks.path().display().to_string())?;
    let Some(meta) = meta.filter(|meta| meta.format < FORMAT && !lenient) else { return Ok(()) };
    let mut batch = Batch::default();
    rocks.put(&mut batch, Family::Meta, META_KEY, &MetaRow { format: FORMAT, ..meta }.encode()?)?;
    rocks.write(batch)?;
    rocks.sync()
}

/// Takes away graphs that were never put to use.
fn sweep(rocks: &Rocks, loaded: &Loaded) -> Result<(), IndexError> {
    if loaded.stray_generations.is_empty() && !loaded.segments_differ {
        return Ok(());
    }
    let mut batch = Batch::default();
    for generation in &loaded.stray_generations {
        let (from, to) = chunk_range(*generation);
        rocks.delete_range(&mut batch, Family::Graph, &from, &to)?;
    }
    if loaded.segments_differ {
        rocks.delete(&mut batch, Family::Meta, OLD_GRAPH_KEY)?;
        rocks.put(&mut batch, Family::Meta, SEGMENTS_KEY, &loaded.view.segment_rows().encode()?)?;
    }
    rocks.write(batch)
}

/// Reads what the writer wrote since, and shows it.
pub(super) fn refresh(core: &Core) -> Result<(), IndexError> {
    if !core.read_only {
        return Ok(());
    }
    // Held so that two refreshes, or one and a walk of `verify`, do not cross.
    let mut writer = core.writer.lock();
    core.rocks.catch_up()?;
    let state = core.rocks.get(Family::Sys, STATE_KEY)?;
    let segments = core.rocks.get(Family::Meta, SEGMENTS_KEY)?;
    let as_known = {
        let known = &writer.view;
        let same_state = match state {
            Some(bytes) => crate::storage::StateRow::decode(&bytes).ok() == Some(known.state),
            None => known.state == crate::storage::StateRow::default(),
        };
        let found = segments
            .map_or_else(SegmentsRow::default, |bytes| SegmentsRow::decode(&bytes).unwrap_or_default());
        same_state && same_segments(&found, &known.segment_rows())
    };
    if as_known {
        return Ok(());
    }
    read_anew(core, &mut writer)?;
    *core.loss.lock() = read_loss(&core.rocks)?;
    Ok(())
}

/// Reads the whole collection again beside its writer.
pub(super) fn read_anew(core: &Core, writer: &mut Writer) -> Result<(), IndexError> {
    let distrusted = core.distrusted.lock().clone();
    let loaded = load_beside_writer(&core.rocks, ask_of(core, &distrusted))?;
    writer.view = loaded.view;
    core.publish(writer.view.clone());
    Ok(())
}

fn ask_of<'a>(core: &'a Core, distrusted: &'a [u64]) -> Ask<'a> {
    Ask {
        folder: &core.folder,
        space: &core.space,
        bank: core.bank(),
        checked_at_open_bytes: core.tuning.checked_at_open_bytes,
        distrusted,
    }
}

/// Whether two rows name the same segments, in whatever order.
fn same_segments(left: &SegmentsRow, right: &SegmentsRow) -> bool {
    left.segments.len() == right.segments.len()
        && left.segments.iter().all(|segment| right.segments.contains(segment))
}

/// Reads the whole collection again after it was changed behind its back.
pub(super) fn reload(core: &Core, writer: &mut Writer, strictness: Strictness) -> Result<(), IndexError> {
    let loaded = load_checked(&core.rocks, ask_of(core, &[]), strictness)?;
    writer.view = loaded.view;
    core.publish(writer.view.clone());
    Ok(())
}

/// Bytes of all files of a collection.
pub(super) fn folder_bytes(folder: &Path) -> Result<u64, IndexError> {
    let failed = |error| IndexError::file("read the collection's folder", error);
    let files = |folder: &Path| -> Result<u64, IndexError> {
        let mut bytes = 0;
        for file in fs::read_dir(folder).map_err(failed)? {
            // A file that went away in the meantime counts nothing.
            let metadata = file.map_err(failed)?.metadata();
            bytes += metadata.map_or(0, |metadata| if metadata.is_file() { metadata.len() } else { 0 });
        }
        Ok(bytes)
    };
    let caches = [folder.join(segment_file::FOLDER), AssetFile::folder(folder), ColumnFile::folder(folder)];
    let caches = caches.iter().filter(|folder| folder.is_dir()).map(|folder| files(folder));
    caches.sum::<Result<u64, _>>().and_then(|bytes| Ok(bytes + files(folder)?))
}
