//! The source rows below the PATHs of a run, loaded at its start, and what they say of a file that was met.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sensorium_types::{AssetId, FailureReason, Payload, ReasonKind, SourceKey, SourceRow, SourceState};

use super::walk::Stamp;

/// Runs that try a file with a retryable failure of its bytes, the first included. One of its path is tried by every
/// run: that costs no more than opening it, and permissions change without a trace in size and time.
pub(crate) const MAX_TRIES: u32 = 3;

/// Rows by path; each with the roots under which the path was indexed.
#[derive(Debug, Default)]
pub(super) struct Rows(HashMap<Vec<u8>, Vec<(Vec<u8>, SourceRow)>>);

/// What the rows say of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Known {
    /// Its bytes must be read.
    Unread {
        /// How many runs have failed on these bytes.
        tries: u32,
    },
    /// It is indexed as this asset, and was not touched since.
    Indexed {
        /// The asset.
        asset: AssetId,
        /// Whether the row of this root says so; else one has to be added.
        own: bool,
    },
    /// It failed, was not touched since, and is not tried again.
    Failed {
        /// Why.
        reason: FailureReason,
        /// How many runs have tried it.
        tries: u32,
        /// Whether the row of this root says so.
        own: bool,
    },
}

impl Rows {
    /// Adds rows; known ones are replaced.
    pub(super) fn extend(&mut self, rows: Vec<(SourceKey, SourceRow)>) {
        for (SourceKey { root, path }, row) in rows {
            let roots = self.0.entry(path).or_default();
            match roots.iter_mut().find(|(known, _)| *known == root) {
                Some(known) => known.1 = row,
                None => roots.push((root, row)),
            }
        }
    }

    /// What is known of a file with this stamp, met below this root.
    pub(super) fn look_up(&self, root: &Path, path: &Path, stamp: Stamp, retry_all: bool) -> Known {
        let roots = self.roots(path);
        let is_own = |other: &[u8]| other == root.as_os_str().as_bytes();
        let same = |row: &SourceRow| row.bytes == stamp.bytes && row.mtime_ns == stamp.mtime_ns;
        let found = roots
            .iter()
            .find(|(other, row)| is_own(other) && same(row))
            .or_else(|| roots.iter().find(|(_, row)| same(row)));
        let Some((other, row)) = found else { return Known::Unread { tries: 0 } };
        match &row.state {
            SourceState::Indexed { asset } => Known::Indexed { asset: asset.clone(), own: is_own(other) },
            SourceState::Failed { reason, tries, .. } => {
                if retry_all || is_of_the_path(reason) || (reason.is_retryable() && *tries < MAX_TRIES) {
                    Known::Unread { tries: *tries }
                } else {
                    Known::Failed { reason: reason.clone(), tries: *tries, own: is_own(other) }
                }
            }
        }
    }

    /// The asset that the path is indexed as, whatever its stamp.
    pub(super) fn indexed_as(&self, path: &Path) -> Option<&AssetId> {
        self.roots(path).iter().find_map(|(_, row)| row.state.asset())
    }

    /// The user's own fields that wait for a path that failed, whatever its stamp.
    pub(super) fn waiting_fields(&self, path: &Path) -> Option<&Payload> {
        self.roots(path).iter().find_map(|(_, row)| match &row.state {
            SourceState::Failed { metadata, .. } if !metadata.is_empty() => Some(metadata),
            SourceState::Failed { .. } | SourceState::Indexed { .. } => None,
        })
    }

    /// The names of the sources of a path that failed.
    pub(super) fn failed_keys(&self, path: &Path) -> Vec<SourceKey> {
        let failed = self.roots(path).iter().filter(|(_, row)| row.state.asset().is_none());
        failed.map(|(root, _)| source_key(root, path)).collect()
    }

    /// The paths in a folder, itself included, that failed, in order.
    pub(super) fn failed_below(&self, folder: &Path) -> Vec<&Path> {
        let failed =
            |roots: &[(Vec<u8>, SourceRow)]| roots.iter().any(|(_, row)| row.state.asset().is_none());
        let mut paths: Vec<&Path> = self
            .iter()
            .map(|(path, roots)| (Path::new(OsStr::from_bytes(path)), roots))
            .filter(|(path, roots)| path.starts_with(folder) && failed(roots))
            .map(|(path, _)| path)
            .collect();
        paths.sort_unstable();
        paths
    }

    /// The names of the sources of a path: that below this root, and those below others, which follow the file too.
    pub(super) fn keys(&self, root: &Path, path: &Path) -> Vec<SourceKey> {
        let own = key(root, path);
        let others = self.roots(path).iter().map(|(root, _)| root.clone()).filter(|root| *root != own.root);
        let others: Vec<SourceKey> = others.map(|root| SourceKey { root, path: own.path.clone() }).collect();
        std::iter::once(own).chain(others).collect()
    }

    /// Every path with its rows, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[(Vec<u8>, SourceRow)])> {
        self.0.iter().map(|(path, roots)| (path.as_slice(), roots.as_slice()))
    }

    fn roots(&self, path: &Path) -> &[(Vec<u8>, SourceRow)] {
        self.0.get(path.as_os_str().as_bytes()).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The name of a source.
pub(super) fn key(root: &Path, path: &Path) -> SourceKey {
    source_key(root.as_os_str().as_bytes(), path)
}

fn source_key(root: &[u8], path: &Path) -> SourceKey {
    SourceKey { root: root.to_vec(), path: path.as_os_str().as_bytes().to_vec() }
}

/// Whether a failure is one of the path rather than of the bytes.
pub(crate) fn is_of_the_path(reason: &FailureReason) -> bool {
    match reason.kind {
        ReasonKind::Moved | ReasonKind::Unreadable => true,
        ReasonKind::Unsupported
        | ReasonKind::Corrupt
        | ReasonKind::TooLarge
        | ReasonKind::TimedOut
        | ReasonKind::DecoderMissing
        | ReasonKind::Crashed => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { bytes: 5, mtime_ns: 7 };

    fn rows(state: SourceState) -> Rows {
        let mut rows = Rows::default();
        let row = SourceRow { bytes: STAMP.bytes, mtime_ns: STAMP.mtime_ns, state };
        rows.extend(vec![(key(Path::new("/m"), Path::new("/m/a")), row)]);
        rows
    }

    fn failed(kind: ReasonKind, tries: u32) -> Rows {
        rows(SourceState::failed(FailureReason::new(kind, ""), tries))
    }

    fn look_up(rows: &Rows, stamp: Stamp, retry_all: bool) -> Known {
        rows.look_up(Path::new("/m"), Path::new("/m/a"), stamp, retry_all)
    }

    #[test]
    fn a_file_is_read_again_when_its_size_or_time_changed() {
        let asset = AssetId::new("a").expect("valid");
        let rows = rows(SourceState::Indexed { asset: asset.clone() });
        assert_eq!(look_up(&rows, STAMP, false), Known::Indexed { asset: asset.clone(), own: true });
        for changed in [Stamp { bytes: 6, ..STAMP }, Stamp { mtime_ns: 8, ..STAMP }] {
            assert_eq!(look_up(&rows, changed, false), Known::Unread { tries: 0 });
        }
        let other = rows.look_up(Path::new("/"), Path::new("/m/a"), STAMP, false);
        assert_eq!(other, Known::Indexed { asset, own: false }, "another root's row will do");
        let unknown = rows.look_up(Path::new("/m"), Path::new("/m/b"), STAMP, false);
        assert_eq!(unknown, Known::Unread { tries: 0 });
    }

    #[test]
    fn retryable_failures_are_tried_three_times() {
        for (kind, tries, again) in [
            (ReasonKind::TimedOut, 1, true),
            (ReasonKind::Crashed, 2, true),
            (ReasonKind::DecoderMissing, 3, false),
            (ReasonKind::Corrupt, 1, false),
            (ReasonKind::Unsupported, 1, false),
            (ReasonKind::Unreadable, 30, true),
            (ReasonKind::Moved, 30, true),
        ] {
            let rows = failed(kind, tries);
            let known = look_up(&rows, STAMP, false);
            assert_eq!(matches!(known, Known::Unread { .. }), again, "{kind:?} after {tries}");
            assert_eq!(look_up(&rows, STAMP, true), Known::Unread { tries }, "--retry tries all");
            let changed = Stamp { bytes: 6, ..STAMP };
            assert_eq!(look_up(&rows, changed, false), Known::Unread { tries: 0 }, "a change begins anew");
        }
    }

    #[test]
    fn fields_wait_for_a_failed_path_whatever_its_stamp() {
        let mut metadata = Payload::new();
        metadata.set("year", 2020);
        let reason = FailureReason::new(ReasonKind::Corrupt, "");
        let rows = rows(SourceState::Failed { reason, tries: 1, metadata: metadata.clone() });
        assert_eq!(rows.waiting_fields(Path::new("/m/a")), Some(&metadata));
        assert_eq!(rows.waiting_fields(Path::new("/m/b")), None);
        assert_eq!(rows.failed_below(Path::new("/m")), [Path::new("/m/a")]);
        assert!(rows.failed_below(Path::new("/m/b")).is_empty());
    }

    #[test]
    fn rows_of_other_roots_follow_the_file() {
        let mut rows = failed(ReasonKind::Corrupt, 1);
        let row = SourceRow {
            bytes: 5,
            mtime_ns: 7,
            state: SourceState::Indexed { asset: AssetId::new("a").expect("valid") },
        };
        rows.extend(vec![(key(Path::new("/"), Path::new("/m/a")), row)]);
        let keys = rows.keys(Path::new("/m"), Path::new("/m/a"));
        let roots: Vec<&[u8]> = keys.iter().map(|key| key.root.as_slice()).collect();
        assert_eq!(roots, [b"/m".as_slice(), b"/"]);
        assert_eq!(rows.indexed_as(Path::new("/m/a")).map(AssetId::as_str), Some("a"));
        assert_eq!(rows.failed_keys(Path::new("/m/a")), [key(Path::new("/m"), Path::new("/m/a"))]);
        assert_eq!(rows.iter().count(), 1);
    }
}
