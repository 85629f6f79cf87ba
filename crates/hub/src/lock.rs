//! What was fetched, for the record: it lies beside the bundle.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// Its file.
pub const LOCK_FILE: &str = "hub.lock.json";
/// The version of what is written.
const FORMAT: u32 = 1;

/// The files of a model as they came from a hub, an index of packages, or a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    format: u32,
    /// The hub or the index; none of a folder.
    pub endpoint: Option<String>,
    /// The model, `pypi:NAME`, or the folder.
    pub id: String,
    /// The revision that was asked for, or the version.
    pub revision: Option<String>,
    /// The commit that the hub resolved it to, or the SHA-256 of the package.
    pub commit: Option<String>,
    /// All files that were fetched or read.
    pub files: Vec<LockedFile>,
    /// What was made of pickled weights, and is kept in their place.
    pub converted: Option<Converted>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Whether the hub named this hash; else it is that of what came.
    pub named_by_hub: bool,
}

/// Safetensors that were made of pickled weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Converted {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// The files that it was made of, which `files` has with their hashes.
    pub from: Vec<String>,
}

impl Lock {
    /// Of `[hub, id, revision, commit]`.
    pub(crate) fn new([endpoint, id, revision, commit]: [String; 4], files: Vec<LockedFile>) -> Self {
        let [endpoint, revision, commit] = [endpoint, revision, commit].map(Some);
        Self { format: FORMAT, endpoint, id, revision, commit, files, converted: None }
    }

    /// Of a folder of this machine.
    pub(crate) fn of_folder(folder: &Path, files: Vec<LockedFile>) -> Self {
        let id = folder.display().to_string();
        Self { format: FORMAT, endpoint: None, id, revision: None, commit: None, files, converted: None }
    }

    pub(crate) fn with_converted(self, converted: Converted) -> Self {
        Self { converted: Some(converted), ..self }
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        // A struct of texts and numbers is always JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_tells_where_its_files_came_from() {
        let file = LockedFile { name: "a".to_owned(), bytes: 1, sha256: "00".to_owned(), named_by_hub: true };
        let source = ["https://hub.example.org", "a/b", "main", "0123"].map(str::to_owned);
        let lock = Lock::new(source, vec![file]);
        assert_eq!(serde_json::from_str::<Lock>(&lock.text()).unwrap(), lock);
        let keys: serde_json::Value = serde_json::from_str(&lock.text()).unwrap();
        let keys: Vec<&String> = keys.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["format", "endpoint", "id", "revision", "commit", "files", "converted"]);
    }
}
