//! The files that a run would meet, for who brings them in by another way.

use std::path::PathBuf;

use sensorium_types::{FailureReason, IndexRequest, ReasonKind};

use super::globs::Selection;
use super::start::absolute;
use super::walk::{Walk, What};
use crate::{Cancel, EngineError};

/// Something that was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A regular file.
    File {
        /// The PATH that it was met below.
        root: PathBuf,
        /// Its path as walked.
        path: PathBuf,
    },
    /// A file or folder that cannot be used.
    Unusable {
        /// Its path as walked.
        path: PathBuf,
        /// Why not.
        reason: FailureReason,
    },
    /// Another data folder of sensorium, which is not walked.
    DataFolder(PathBuf),
}

/// Walks the PATHs of a request as `index` does.
///
/// # Errors
/// If a PATH is missing or a glob cannot be read.
pub fn find(request: &IndexRequest) -> Result<Vec<Found>, EngineError> {
    let IndexRequest { paths, include, exclude, meta, .. } = request;
    let roots = paths.iter().map(|path| absolute(path)).collect::<Result<Vec<_>, _>>()?;
    let selection = Selection::new(include, exclude, Vec::new())?;
    let left_out: Vec<_> = meta.iter().map(PathBuf::as_path).collect();
    let cancel = Cancel::new();
    let mut found = Vec::new();
    Walk::new(&selection, &left_out, &cancel).run(&roots, &mut |met| {
        let (root, path) = (met.root, met.path);
        found.extend(match met.what {
            What::File(_) => Some(Found::File { root, path }),
            What::Special(_, kind) => {
                let reason = FailureReason::new(ReasonKind::Unsupported, kind);
                Some(Found::Unusable { path, reason })
            }
            What::Unreadable(reason) => Some(Found::Unusable { path, reason }),
            What::Folder => None,
            What::DataFolder => Some(Found::DataFolder(path)),
        });
        true
    });
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_would_meet_is_found() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let root = folder.path();
        for name in ["a/b/z.png", "a/y.jpg", "x.jpg", "meta.csv", "old/collections/c/CURRENT", "old/lock"] {
            let path = root.join(name);
            fs_err::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs_err::write(path, b"1").expect("written");
        }
        std::os::unix::fs::symlink("nowhere", root.join("gone.jpg")).expect("linked");
        let paths = vec![root.to_path_buf()];
        let mut request =
            IndexRequest { paths, meta: Some(root.join("meta.csv")), ..IndexRequest::default() };
        let names = |request: &IndexRequest| {
            let found = find(request).expect("walked").into_iter();
            let names = found.map(|found| match found {
                Found::File { path, .. } => path.strip_prefix(root).expect("below").display().to_string(),
                Found::Unusable { path, reason } => {
                    format!("{}: {}", path.strip_prefix(root).expect("below").display(), reason.kind.label())
                }
                Found::DataFolder(path) => {
                    format!("{}/", path.strip_prefix(root).expect("below").display())
                }
            });
            names.collect::<Vec<_>>()
        };
        assert_eq!(names(&request), ["x.jpg", "a/y.jpg", "a/b/z.png", "old/", "gone.jpg: unreadable"]);
        request.include = vec!["a/*.jpg".to_owned()];
        assert_eq!(names(&request), ["a/y.jpg", "old/"]);
        request.paths = vec![root.join("absent")];
        assert!(matches!(find(&request), Err(EngineError::PathMissing { .. })));
    }
}
