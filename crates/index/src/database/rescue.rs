//! A collection whose tables are damaged, or whose list of tables is: what can be read is copied into a new folder,
//! which is repaired like any other and takes the place of the old one in one step.
//!
//! ```text
//! <uuid> ──what can be read──► <uuid>.dropped ─► repair ─► the two change names ─► <uuid>.dropped is removed
//! ```
//!
//! The next writer removes a folder of that ending, so that a crash leaves either the old collection or the new one.

use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use sensorium_types::Problem;

use super::{CollectionInfo, Database, registry};
use crate::error::IndexError;
use crate::storage::{
    ASSET_FILE_KEY, Batch, COLUMN_FILE_KEY, Family, Gap, MARK_FILE, OLD_GRAPH_KEY, Rocks, SEGMENTS_KEY,
    SharedMemory, changed_range, copy_family, gaps, hub_range, rebuild,
};

/// What is wrong with the tables of a collection.
#[derive(Debug)]
pub(super) enum Damage {
    /// Rows of these ranges cannot be read.
    Rows(Vec<Gap>),
    /// RocksDB does not find its tables.
    Tables(IndexError),
}

/// Looks at every row of a collection. `None`: all can be read.
pub(super) fn damage(folder: &Path, memory: &SharedMemory) -> Result<Option<Damage>, IndexError> {
    match Rocks::peek(folder, memory) {
        Ok(rocks) => Ok(Some(gaps(&rocks)?).filter(|gaps| !gaps.is_empty()).map(Damage::Rows)),
        Err(error) => Ok(Some(Damage::Tables(error))),
    }
}

impl Damage {
    /// What is told of it.
    fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Rows(gaps) => gaps.iter().map(problem).collect(),
            Self::Tables(error) => vec![Problem {
                what: error.to_string(),
                place: "list of tables".to_owned(),
                repair: "make it anew from the tables that can be opened".to_owned(),
            }],
        }
    }
}

fn problem(gap: &Gap) -> Problem {
    let Gap { family, what, is_all } = gap;
    let repair = match (family, is_all) {
        (Family::Graph, _) => "drop the graphs and build them again",
        (_, true) => "leave out every row of the family that lies in a table that cannot be opened",
        (_, false) => "leave out the rows that cannot be read, and what hangs on them",
    };
    let place = format!("tables of {}", family.name());
    Problem { what: what.clone(), place, repair: repair.to_owned() }
}

impl Database {
    /// Says what a rescue loses (`dry_run`), or does it and says what it lost. A dry run needs as much room on the disk.
    pub(super) fn rescue(
        &self,
        info: &CollectionInfo,
        damage: &Damage,
        dry_run: bool,
    ) -> Result<Vec<Problem>, IndexError> {
        let folder = registry::root(&self.data).join(&info.uuid);
        let rescued = Folder::new(registry::beside(&self.data, &info.uuid, "rescued"))?;
        let tables = Folder::new(registry::beside(&self.data, &info.uuid, "tables"))?;
        let mut told = damage.problems();
        copy(&folder, &tables.0, &rescued.0, damage, &self.memory)?;
        let mut collection = self.collection(info, true);
        collection.folder.clone_from(&rescued.0);
        let collection = collection.open()?;
        told.extend(collection.repair(false)?);
        drop(collection);
        if !dry_run {
            renameat_with(CWD, &rescued.0, CWD, &folder, RenameFlags::EXCHANGE)
                .map_err(|error| IndexError::file("put the rescued collection in its place", error.into()))?;
            crate::folder::sync(&registry::root(&self.data))
                .map_err(|error| IndexError::file("put the rescued collection in its place", error))?;
        }
        Ok(told)
    }
}

/// A folder that goes with this value.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new(path: PathBuf) -> Result<Self, IndexError> {
        let make = || -> std::io::Result<()> {
            if path.exists() {
                fs::remove_dir_all(&path)?;
            }
            fs::create_dir(&path)
        };
        make().map_err(|error| IndexError::file("make a folder for the rescue", error))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "the next writer removes it");
        }
    }
}

/// Copies what can be read of `from` into `to`. The graph is a cache and stays behind.
fn copy(
    from: &Path,
    tables: &Path,
    to: &Path,
    damage: &Damage,
    memory: &SharedMemory,
) -> Result<(), IndexError> {
    for name in [registry::FILE, MARK_FILE] {
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name))
                .map_err(|error| IndexError::file("copy a file of the collection", error))?;
        }
    }
    let lost_in = |family: Family| match damage {
        Damage::Rows(gaps) => gaps.iter().any(|gap| gap.family == family && gap.is_all),
        Damage::Tables(_) => true,
    };
    let from_rebuilt: Vec<Family> =
        Family::ALL.into_iter().filter(|family| *family != Family::Graph && lost_in(*family)).collect();
    let new = Rocks::create(to, memory)?;
    if from_rebuilt.len() < Family::ALL.len() - 1 {
        let old = Rocks::peek(from, memory)?;
        for family in Family::ALL {
            if family != Family::Graph && !from_rebuilt.contains(&family) {
                copy_family(&old, &new, family)?;
            }
        }
    }
    if !from_rebuilt.is_empty() {
        link_all(from, tables)?;
        rebuild(tables, memory)?;
        let old = Rocks::peek(tables, memory)?;
        for family in from_rebuilt {
            copy_family(&old, &new, family)?;
        }
    }
    let mut batch = Batch::default();
    new.delete(&mut batch, Family::Meta, SEGMENTS_KEY)?;
    new.delete(&mut batch, Family::Meta, OLD_GRAPH_KEY)?;
    // The files of assets and columns stay behind too, and what they would be read with.
    new.delete(&mut batch, Family::Meta, ASSET_FILE_KEY)?;
    new.delete(&mut batch, Family::Meta, COLUMN_FILE_KEY)?;
    let (first, last) = changed_range(0, u64::MAX);
    new.delete_range(&mut batch, Family::Meta, &first, &last)?;
    // Hub values are made anew; those of points that are lost would be told as further damage.
    let (from, to) = hub_range();
    new.delete_range(&mut batch, Family::Meta, from, to)?;
    new.write(batch)?;
    new.flush()
}

/// The files of a folder under second names. RocksDB never changes a table in place, and writes all else anew; its log
/// is only read.
fn link_all(from: &Path, to: &Path) -> Result<(), IndexError> {
    let link = || -> std::io::Result<()> {
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::hard_link(entry.path(), to.join(entry.file_name()))?;
            }
        }
        Ok(())
    };
    link().map_err(|error| IndexError::file("link the tables of the collection", error))
}
