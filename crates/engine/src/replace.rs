//! Files that are there as they were or as they are to be, never in part.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Readable by its owner alone.
pub const OWNER_ONLY: u32 = 0o600;
/// Readable by everybody, as far as the process's mask lets it be.
pub const FOR_ALL: u32 = 0o666;

/// Replaces a file, or makes it, with these permissions where it is new: written under another name, synced, renamed. It is on disk when
/// this returns. Who calls sees to it that nobody else does at the same time.
///
/// # Errors
/// If any of that fails; the file is then as it was.
pub fn replace_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    // One that was left may have other permissions.
    match fs_err::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs_err::rename(new, path)?;
    match path.parent() {
        Some(folder) => fs_err::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_permissions_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.json");
        fs_err::write(folder.path().join("keys.json.new"), "left, for all to read").expect("written");
        for text in ["one", "two"] {
            replace_file(&path, text.as_bytes(), OWNER_ONLY).expect("replaced");
            assert_eq!(fs_err::read_to_string(&path).expect("read"), text);
        }
        let mode = fs_err::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, OWNER_ONLY);
        assert_eq!(fs_err::read_dir(folder.path()).expect("a folder").count(), 1);
        let nowhere = folder.path().join("none").join("file");
        assert!(replace_file(&nowhere, b"", FOR_ALL).is_err());
    }
}
