//! What a run of `index` is asked to do.

use std::path::PathBuf;

/// Files and folders to bring in.
#[derive(Debug, Clone, Default)]
pub struct IndexRequest {
    /// Files and folders. Relative ones are taken from the current folder.
    pub paths: Vec<PathBuf>,
    /// Only files that one of these globs matches (none: all). A glob without `/` is matched against the name, another
    /// against the path below the PATH given.
    pub include: Vec<String>,
    /// No files or folders that one of these globs matches.
    pub exclude: Vec<String>,
    /// Take away the sources below the paths whose files are gone.
    pub prune: bool,
    /// Prune even where it looks like an unmounted disk.
    pub force: bool,
    /// JSONL or CSV with the user's own metadata, joined by its field `path` (or `file`).
    pub meta: Option<PathBuf>,
    /// Try every file again that failed before or was indexed with a warning, whatever the reason and however often it
    /// was tried.
    pub retry_all: bool,
    /// Only these files and folders below the paths, as they are walked (none: all).
    pub only: Vec<PathBuf>,
}
