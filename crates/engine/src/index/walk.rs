//! Folders to files (CONTRACTS.md section 2).
//!
//! Symlinked files and folders are followed, each folder once by device and inode; paths are shown as walked. Dotfiles,
//! empty and unsupported files are met like any other. Only `stat` is called here, so that a FIFO never blocks.

use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use sensorium_media::Cancel;
use sensorium_types::{FailureReason, ReasonKind};

use super::globs::Selection;
use crate::data_folder::is_data_folder;

/// Identity of a file or folder on this machine.
type Inode = (u64, u64);

/// A file that was met.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Met {
    /// The PATH under which it was met.
    pub(super) root: PathBuf,
    /// Its path as walked.
    pub(super) path: PathBuf,
    /// What it is.
    pub(super) what: What,
}

/// What was met.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// A regular file.
    File(Stamp),
    /// A FIFO, a socket or a device.
    Special(Stamp, &'static str),
    /// A file or folder that cannot be looked at, or a folder of which an entry cannot.
    Unreadable(FailureReason),
    /// A folder whose entries are all known now; they are met after it.
    Folder,
    /// Another data folder of sensorium, which is not walked.
    DataFolder,
}

/// Size and time of a file: while both stay, its bytes count as unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Size in bytes.
    pub(crate) bytes: u64,
    /// Modification time in nanoseconds since 1970.
    pub(crate) mtime_ns: i128,
}

impl Stamp {
    /// The stamp of a file.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        // No time that a file can have is out of range, so two times are never taken for one.
        let mtime_ns = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        Self { bytes: metadata.len(), mtime_ns }
    }
}

/// A walk over PATHs.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    selection: &'a Selection,
    cancel: &'a Cancel,
    /// Files and folders that are not walked: the data folder, the metadata file.
    left_out: HashSet<Inode>,
    /// Folders walked.
    entered: HashSet<Inode>,
    /// Files met, where more than one PATH may lead to one.
    met: Option<HashSet<PathBuf>>,
}

impl<'a> Walk<'a> {
    /// A walk that leaves out these files and folders.
    pub(super) fn new(selection: &'a Selection, left_out: &[&Path], cancel: &'a Cancel) -> Self {
        let left_out =
            left_out.iter().filter_map(|path| fs_err::metadata(path).ok()).map(|m| inode(&m)).collect();
        Self { selection, cancel, left_out, entered: HashSet::new(), met: None }
    }

    /// Walks the PATHs in order and hands each file to `meet`, until that says `false`.
    pub(super) fn run(&mut self, roots: &[PathBuf], meet: &mut dyn FnMut(Met) -> bool) {
        self.met = (roots.len() > 1).then(HashSet::new);
        for root in roots {
            if !self.visit(root, root, meet) {
                return;
            }
        }
    }

    /// Walks what lies at `start`. Returns whether to go on. Folders wait on a stack of our own, so that no depth of
    /// folders overflows the thread's.
    fn visit(&mut self, root: &Path, start: &Path, meet: &mut dyn FnMut(Met) -> bool) -> bool {
        let mut waiting = vec![start.to_path_buf()];
        while let Some(path) = waiting.pop() {
            if self.cancel.is_cancelled() {
                return false;
            }
            let mut is_folder = false;
            let what = match fs_err::metadata(&path) {
                Err(error) => What::Unreadable(unreadable(&error)),
                Ok(metadata) if self.left_out.contains(&inode(&metadata)) => continue,
                Ok(metadata) if metadata.is_dir() => {
                    is_folder = true;
                    match self.enter(root, &path, &metadata) {
                        Ok(Entered::Not) => continue,
                        Ok(Entered::DataFolder) => What::DataFolder,
                        Ok(Entered::Folder(children, fault)) => {
                            waiting.extend(children.into_iter().rev());
                            fault.map_or(What::Folder, |error| What::Unreadable(unreadable(&error)))
                        }
                        Err(error) => What::Unreadable(unreadable(&error)),
                    }
                }
                Ok(metadata) if metadata.is_file() => What::File(Stamp::of(&metadata)),
                Ok(metadata) => What::Special(Stamp::of(&metadata), special(&metadata)),
            };
            // Folders were chosen when they were entered, and are entered once.
            if !is_folder && !self.is_new(root, &path) {
                continue;
            }
            if !meet(Met { root: root.to_path_buf(), path, what }) {
                return false;
            }
        }
        true
    }

    /// What is in a folder, unless it was walked already or is not wanted.
    fn enter(&mut self, root: &Path, path: &Path, metadata: &Metadata) -> std::io::Result<Entered> {
        let below = path.strip_prefix(root).unwrap_or(path);
        if !self.selection.enters_folder(path, below) || !self.entered.insert(inode(metadata)) {
            return Ok(Entered::Not);
        }
        if is_data_folder(path) {
            return Ok(Entered::DataFolder);
        }
        let (children, fault) = children(fs_err::read_dir(path)?.map(|entry| {
            let entry = entry?;
            let rank = match entry.file_type() {
                Ok(kind) if kind.is_dir() => 1,
                Ok(kind) if kind.is_symlink() => 2,
                Ok(_) | Err(_) => 0,
            };
            Ok((rank, entry.path()))
        }));
        Ok(Entered::Folder(children, fault))
    }

    /// Whether a file is selected and was not met before.
    fn is_new(&mut self, root: &Path, path: &Path) -> bool {
        let below = match path.strip_prefix(root) {
            Ok(below) if !below.as_os_str().is_empty() => below,
            Ok(_) | Err(_) => path.file_name().map_or(path, Path::new),
        };
        self.selection.takes_file(path, below)
            && self.met.as_mut().is_none_or(|met| met.insert(path.to_path_buf()))
    }
}

/// What came of entering a folder.
enum Entered {
    /// It was walked before, or is not wanted.
    Not,
    /// It is another data folder.
    DataFolder,
    /// Its children, and why some are missing.
    Folder(Vec<PathBuf>, Option<std::io::Error>),
}

/// The children of a folder in order of name, files before folders, real folders before links to them; and the first
/// error. An entry that cannot be read costs itself, not its neighbours.
fn children(
    entries: impl Iterator<Item = std::io::Result<(u8, PathBuf)>>,
) -> (Vec<PathBuf>, Option<std::io::Error>) {
    let (mut found, mut fault) = (Vec::new(), None);
    for entry in entries {
        match entry {
            Ok(child) => found.push(child),
            Err(error) => {
                fault.get_or_insert(error);
            }
        }
    }
    found.sort_unstable();
    (found.into_iter().map(|(_, path)| path).collect(), fault)
}

fn inode(metadata: &Metadata) -> Inode {
    (metadata.dev(), metadata.ino())
}

/// Why a file cannot be looked at.
pub(crate) fn unreadable(error: &std::io::Error) -> FailureReason {
    let kind = error.kind();
    let detail = if kind == std::io::ErrorKind::NotFound {
        "it is not there, or a link to nothing".to_owned()
    } else if kind == std::io::ErrorKind::PermissionDenied {
        "no permission to read it".to_owned()
    } else {
        // Without the path, which stands beside the reason.
        let bare = |code| std::io::Error::from_raw_os_error(code).to_string();
        error.raw_os_error().map_or_else(|| error.to_string(), bare)
    };
    FailureReason::new(ReasonKind::Unreadable, detail)
}

fn special(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests;
