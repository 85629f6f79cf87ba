//! Media bytes kept below the data folder: `<data>/media/ab/cd/HASH` (CONTRACTS.md section 3).
//!
//! A copy is on stable storage before the asset that names it, so that an asset never lacks its copy. What no asset
//! names (left by a crash, or by a delete) is swept when a writer opens the data folder.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use sensorium_types::{ContentHash, HashedFile};

use crate::EngineError;

/// Folder of the copies.
const FOLDER: &str = "media";
/// Ending of a copy that is being written.
const UNFINISHED: &str = "part";

/// Where the copy of these bytes lies.
pub(crate) fn path(data_dir: &Path, hash: &ContentHash) -> PathBuf {
    let hex = hash.to_hex();
    let (first, second) = (hex.get(..2).unwrap_or_default(), hex.get(2..4).unwrap_or_default());
    data_dir.join(FOLDER).join(first).join(second).join(&hex)
}

/// Keeps bytes; returns when they and their name are on stable storage.
pub(crate) fn keep(data_dir: &Path, hash: &ContentHash, bytes: &[u8]) -> Result<(), EngineError> {
    let path = path(data_dir, hash);
    if path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == bytes.len() as u64) {
        return Ok(());
    }
    write(&path, |file| file.write_all(bytes))
        .map_err(|source| EngineError::Io { action: "keep a copy of the media", source })
}

/// Keeps the bytes of a file; returns when they and their name are on stable storage.
pub(crate) fn keep_file(data_dir: &Path, file: &HashedFile) -> Result<(), EngineError> {
    let path = path(data_dir, &file.hash);
    if path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == file.bytes) {
        return Ok(());
    }
    let copy = |to: &mut std::fs::File| {
        let (mut from, _) = fs_err::File::open(&file.path)?.into_parts();
        let copied = std::io::copy(&mut from, to)?;
        if copied == file.bytes { Ok(()) } else { Err(std::io::Error::other("the file has another length")) }
    };
    write(&path, copy).map_err(|source| EngineError::Io { action: "keep a copy of the media", source })
}

fn write(
    path: &Path,
    content: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs_err::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().suffix(UNFINISHED).tempfile_in(folder)?;
    content(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The name, and those of the two folders above, which may be new.
    for folder in path.ancestors().skip(1).take(4) {
        fs_err::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Whether there are copies at all.
pub(crate) fn has_any(data_dir: &Path) -> bool {
    fs_err::read_dir(data_dir.join(FOLDER)).is_ok_and(|mut entries| entries.next().is_some())
}

/// Takes away every copy that none of these hashes names. Returns how many went.
pub(crate) fn sweep(data_dir: &Path, named: &HashSet<ContentHash>) -> Result<usize, EngineError> {
    let failed = |source| EngineError::Io { action: "sweep media copies", source };
    let mut swept = 0;
    let mut folders = vec![(data_dir.join(FOLDER), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs_err::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() && depth < 2 {
                folders.push((path, depth + 1));
            } else if kind.is_file() && !is_named(&path, named) {
                fs_err::remove_file(path).map_err(failed)?;
                swept += 1;
            }
        }
    }
    Ok(swept)
}

fn is_named(path: &Path, named: &HashSet<ContentHash>) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.parse::<ContentHash>().ok())
        .is_some_and(|hash| named.contains(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_kept_by_hash_and_orphans_are_swept() {
        let folder = tempfile::tempdir().expect("temporary folder");
        assert!(!has_any(folder.path()));
        let (kept, orphan) = (ContentHash::of(b"kept"), ContentHash::of(b"orphan"));
        keep(folder.path(), &kept, b"kept").expect("kept");
        keep(folder.path(), &kept, b"kept").expect("kept twice");
        keep(folder.path(), &orphan, b"orphan").expect("kept");
        let unfinished = path(folder.path(), &kept).with_file_name("x.part");
        fs_err::write(&unfinished, b"half").expect("written");
        let hex = kept.to_hex();
        assert!(path(folder.path(), &kept).ends_with(format!("media/{}/{}/{hex}", &hex[..2], &hex[2..4])));
        assert!(has_any(folder.path()));
        assert_eq!(sweep(folder.path(), &HashSet::from([kept])).expect("swept"), 2);
        assert_eq!(fs_err::read(path(folder.path(), &kept)).expect("still there"), b"kept");
        assert!(!path(folder.path(), &orphan).exists() && !unfinished.exists());
    }
}
