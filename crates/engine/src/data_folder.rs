//! The files of a data folder by which others know it (CONTRACTS.md section 5): the lock of its writer, and the folder of its collections.

use std::path::Path;

use fs_err as fs;

/// The file that the writer locks; it holds the number of its process.
const LOCK: &str = "lock";
/// The folder of the collections.
const COLLECTIONS: &str = "collections";
/// Longest content of a lock: a number and the end of its line.
const MAX_LOCK_BYTES: u64 = 24;

/// Whether a folder is a data folder: it has the lock of one, and a folder of collections.
pub(crate) fn is_data_folder(path: &Path) -> bool {
    let lock = path.join(LOCK);
    let is_lock = || {
        fs::metadata(&lock).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_LOCK_BYTES)
            // The lock of another user may not be readable; its size will do.
            && fs::read_to_string(&lock)
                .map_or(true, |text| text.trim().chars().all(|letter| letter.is_ascii_digit()))
    };
    path.join(COLLECTIONS).is_dir() && is_lock()
}

#[cfg(test)]
mod tests {
    use sensorium_index::{Database, OpenOptions};

    use super::*;

    fn write(data: &Path) -> Database {
        Database::open(data, OpenOptions::default()).expect("opens")
    }

    #[test]
    fn data_folders_are_known_by_their_lock_and_collections() {
        let folder = tempfile::tempdir().expect("has a folder");
        fs::create_dir(folder.path().join(COLLECTIONS)).expect("made");
        assert!(!is_data_folder(folder.path()), "no lock");
        fs::write(folder.path().join(LOCK), "{\"packages\": []}").expect("written");
        assert!(!is_data_folder(folder.path()), "another program's lock");
        drop(write(folder.path()));
        assert!(is_data_folder(folder.path()));
    }
}
