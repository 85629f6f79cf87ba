//! Which sources `--prune` takes away, and when it refuses (CONTRACTS.md section 2).
//!
//! A source is gone when nothing is at its path, or a folder where a file was indexed. A disk that is not mounted looks the same, so that a PATH which is
//! missing or an empty folder is always refused, and without `--force` also a folder below it that is now empty and
//! held rows, and the loss of over half the rows.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sensorium_types::{AssetId, SourceKey};

use super::rows::Rows;
use crate::EngineError;

/// A path that is gone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gone {
    /// The path.
    pub(super) path: PathBuf,
    /// Its sources.
    pub(super) keys: Vec<SourceKey>,
    /// The asset that it was.
    pub(super) asset: Option<AssetId>,
}

/// Finds the sources that are gone, or says why none may be taken away. The rows are all those below the PATHs.
pub(super) fn plan(roots: &[PathBuf], rows: &Rows, force: bool) -> Result<Vec<Gone>, EngineError> {
    for root in roots {
        if is_empty_folder(root) {
            return Err(EngineError::PruneEmptyPath { path: root.clone() });
        }
    }
    let mut gone = Vec::new();
    let mut all = 0;
    for (path, entries) in rows.iter() {
        all += 1;
        let path = Path::new(OsStr::from_bytes(path));
        let asset = entries.iter().find_map(|(_, row)| row.state.asset().cloned());
        if !is_gone(path) && !is_now_a_folder(path, asset.as_ref()) {
            continue;
        }
        let key =
            |root: &Vec<u8>| SourceKey { root: root.clone(), path: path.as_os_str().as_bytes().to_vec() };
        let keys = entries.iter().map(|(root, _)| key(root)).collect();
        gone.push(Gone { path: path.to_path_buf(), keys, asset });
    }
    gone.sort_by(|a, b| a.path.cmp(&b.path));
    if !force {
        if let Some((path, rows)) = emptied_folder(roots, &gone) {
            return Err(EngineError::PruneEmptyFolder { path, rows });
        }
        if gone.len() * 2 > all {
            return Err(EngineError::PruneTooMany { gone: gone.len(), rows: all });
        }
    }
    Ok(gone)
}

/// Whether nothing is at a path, not even a link that leads nowhere. What cannot be looked at may well be there.
pub(crate) fn is_gone(path: &Path) -> bool {
    match fs_err::symlink_metadata(path) {
        Ok(_) => false,
        Err(error) => {
            matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
        }
    }
}

/// Whether a folder lies where a file was indexed.
pub(super) fn is_now_a_folder(path: &Path, was: Option<&AssetId>) -> bool {
    was.is_some() && path.is_dir()
}

fn is_empty_folder(path: &Path) -> bool {
    fs_err::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// The first folder below a PATH that is there, empty, and held sources that are gone, with their number.
fn emptied_folder(roots: &[PathBuf], gone: &[Gone]) -> Option<(PathBuf, usize)> {
    let mut folders: BTreeMap<&Path, usize> = BTreeMap::new();
    for source in gone {
        let below = |folder: &&Path| roots.iter().any(|root| folder.starts_with(root));
        for folder in source.path.ancestors().skip(1).take_while(below) {
            *folders.entry(folder).or_default() += 1;
        }
    }
    folders
        .into_iter()
        .find(|(folder, _)| is_empty_folder(folder))
        .map(|(folder, rows)| (folder.to_path_buf(), rows))
}

#[cfg(test)]
mod tests {
    use sensorium_types::{SourceRow, SourceState};

    use super::super::rows::key;
    use super::*;

    fn rows(root: &Path, names: &[&str]) -> Rows {
        let mut rows = Rows::default();
        let asset = |name: &str| AssetId::new(name).expect("valid");
        rows.extend(
            names
                .iter()
                .map(|name| {
                    let state = SourceState::Indexed { asset: asset(name) };
                    (key(root, &root.join(name)), SourceRow { bytes: 1, mtime_ns: 1, state })
                })
                .collect(),
        );
        rows
    }

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("temporary folder");
        for name in names {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs_err::write(path, b"x").expect("written");
        }
        folder
    }

    #[test]
    fn what_is_gone_is_planned_in_order_of_path() {
        let folder = folder_with(&["a", "b", "c", "d"]);
        let root = folder.path().to_path_buf();
        let rows = rows(&root, &["a", "b", "c", "d", "z", "y"]);
        let gone = plan(std::slice::from_ref(&root), &rows, false).expect("allowed");
        let paths: Vec<_> = gone.iter().map(|gone| gone.path.clone()).collect();
        assert_eq!(paths, [root.join("y"), root.join("z")]);
        assert_eq!(gone[0].asset, AssetId::new("y").ok());
    }

    #[test]
    fn an_empty_path_is_refused_even_with_force() {
        let folder = folder_with(&[]);
        let root = folder.path().to_path_buf();
        for force in [false, true] {
            let planned = plan(std::slice::from_ref(&root), &rows(&root, &["a"]), force);
            assert!(matches!(planned, Err(EngineError::PruneEmptyPath { .. })));
        }
    }

    #[test]
    fn a_folder_that_is_now_empty_is_refused_without_force() {
        let folder = folder_with(&["a", "b", "c", "d", "mount/x"]);
        let root = folder.path().to_path_buf();
        let rows = rows(&root, &["a", "b", "c", "d", "mount/x", "mount/deep/y"]);
        fs_err::remove_file(root.join("mount/x")).expect("removed");
        let planned = plan(std::slice::from_ref(&root), &rows, false);
        let Err(EngineError::PruneEmptyFolder { path, rows: held }) = planned else { panic!("{planned:?}") };
        assert_eq!((path, held), (root.join("mount"), 2));
        assert_eq!(plan(std::slice::from_ref(&root), &rows, true).expect("forced").len(), 2);
        fs_err::remove_dir_all(root.join("mount")).expect("removed");
        assert_eq!(plan(std::slice::from_ref(&root), &rows, false).expect("the folder is gone too").len(), 2);
    }

    #[test]
    fn over_half_is_refused_without_force() {
        let folder = folder_with(&["a", "b"]);
        let root = folder.path().to_path_buf();
        let half = rows(&root, &["a", "b", "y", "z"]);
        assert_eq!(plan(std::slice::from_ref(&root), &half, false).expect("half is allowed").len(), 2);
        let over = rows(&root, &["a", "b", "x", "y", "z"]);
        let planned = plan(std::slice::from_ref(&root), &over, false);
        assert!(matches!(planned, Err(EngineError::PruneTooMany { gone: 3, rows: 5 })));
        assert_eq!(plan(std::slice::from_ref(&root), &over, true).expect("forced").len(), 3);
    }
}
