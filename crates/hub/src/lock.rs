//! What was fetched, for the record: it lies beside the bundle.

use serde::{Deserialize, Serialize};

/// Its file.
pub const LOCK_FILE: &str = "hub.lock.json";
/// The version of what is written.
const FORMAT: u32 = 1;

/// The files of a model as they came from a hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    format: u32,
    /// The hub.
    pub endpoint: String,
    /// The model.
    pub id: String,
    /// The revision that was asked for.
    pub revision: String,
    /// The commit that the hub resolved it to.
    pub commit: String,
    /// All files that were fetched.
    pub files: Vec<LockedFile>,
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

impl Lock {
    pub(crate) fn new([endpoint, id, revision, commit]: [&str; 4], files: Vec<LockedFile>) -> Self {
        let [endpoint, id, revision, commit] = [endpoint, id, revision, commit].map(str::to_owned);
        Self { format: FORMAT, endpoint, id, revision, commit, files }
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
        let lock = Lock::new(["https://hub.example.org", "a/b", "main", "0123"], vec![file]);
        assert_eq!(serde_json::from_str::<Lock>(&lock.text()).unwrap(), lock);
        let keys: serde_json::Value = serde_json::from_str(&lock.text()).unwrap();
        let keys: Vec<&String> = keys.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["format", "endpoint", "id", "revision", "commit", "files"]);
    }
}
