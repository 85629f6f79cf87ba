//! The folder in which a model comes to be.
//!
//! ```text
//! FOLDER/.source       where all else here is from
//! FOLDER/.lock         held by the process that fetches
//! FOLDER/config.json   ..what describes the model, written anew by each call
//! FOLDER/*.safetensors whole; before, as *.part, which a later call goes on with
//! ```

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sensorium_fetch::{FetchError, Fetched};
use sha2::{Digest as _, Sha256};

use crate::error::{is_full, of_file};
use crate::look::hex;
use crate::{HubError, LockedFile};

const SOURCE: &str = ".source";
const HELD: &str = ".lock";
/// What a file's name ends with as long as some of it is missing.
const PART: &str = ".part";
/// Bytes that stay free beside the model.
const MARGIN: u64 = 32 << 20;
/// Bytes that are hashed at a time.
const PIECE_BYTES: usize = 1 << 20;

/// A folder that no other process works in as long as this is held.
#[derive(Debug)]
pub(crate) struct Folder<'a> {
    pub(crate) path: &'a Path,
    _held: File,
}

impl<'a> Folder<'a> {
    /// Takes a folder, which is made, and takes away what is from elsewhere than `source`.
    pub(crate) fn hold(path: &'a Path, source: &str) -> Result<Self, HubError> {
        let failed = |source| HubError::Io { action: "prepare the folder", source };
        fs_err::create_dir_all(path).map_err(failed)?;
        let file = fs_err::File::create(path.join(HELD)).map_err(failed)?.into_file();
        let held = match file.try_lock() {
            Ok(()) => file,
            Err(TryLockError::WouldBlock) => return Err(HubError::Busy { folder: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        };
        settle(path, source).map_err(failed)?;
        Ok(Self { path, _held: held })
    }

    /// Writes a file that is here whole.
    pub(crate) fn write(&self, name: &str, bytes: &[u8], named_by_hub: bool) -> Result<LockedFile, HubError> {
        let path = self.path.join(name);
        let written = fs_err::write(&path, bytes).and_then(|()| fs_err::File::open(&path)?.sync_all());
        written.map_err(|source| failed_write(name, &path, source))?;
        let fetched = Fetched { bytes: bytes.len() as u64, sha256: Sha256::digest(bytes).into() };
        Ok(locked(name, fetched, named_by_hub))
    }

    /// Bytes that are here of a file, be it whole or a part.
    pub(crate) fn here(&self, name: &str) -> u64 {
        let length = |path: PathBuf| fs_err::metadata(path).map_or(0, |facts| facts.len());
        length(self.path.join(name)).max(length(part(&self.path.join(name))))
    }

    /// Refuses what will not fit.
    pub(crate) fn room(&self, missing: u64) -> Result<(), HubError> {
        room_in(self.path, missing)
    }
}

/// The same in a folder that somebody else holds.
pub(crate) fn room_in(folder: &Path, missing: u64) -> Result<(), HubError> {
    let failed =
        |errno: rustix::io::Errno| HubError::Io { action: "ask for free room", source: errno.into() };
    let facts = rustix::fs::statvfs(folder).map_err(failed)?;
    let free = facts.f_bavail.saturating_mul(facts.f_frsize);
    if missing > 0 && free < missing.saturating_add(MARGIN) {
        return Err(HubError::NoRoom {
            folder: folder.to_owned(),
            needed: missing.saturating_add(MARGIN),
            free,
        });
    }
    Ok(())
}

/// Takes away what is from elsewhere.
fn settle(folder: &Path, source: &str) -> io::Result<()> {
    let noted = folder.join(SOURCE);
    if fs_err::read_to_string(&noted).is_ok_and(|known| known == source) {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != HELD) {
            fs_err::remove_file(path)?;
        }
    }
    fs_err::write(&noted, source)
}

pub(crate) fn failed_write(name: &str, path: &Path, source: io::Error) -> HubError {
    if is_full(&source) {
        return of_file(name, FetchError::File { place: path.display().to_string(), source });
    }
    HubError::Io { action: "write a file of the model", source }
}

pub(crate) fn locked(name: &str, fetched: Fetched, named_by_hub: bool) -> LockedFile {
    let Fetched { bytes, sha256 } = fetched;
    LockedFile { name: name.to_owned(), bytes, sha256: hex(&sha256), named_by_hub }
}

/// Where the part of a file lies.
pub(crate) fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    name.into()
}

/// A file that an earlier call fetched whole. One whose hash is not named is known by its length: it got its name when it was whole.
pub(crate) async fn whole(path: &Path, bytes: Option<u64>, sha256: Option<[u8; 32]>) -> Option<Fetched> {
    let found = fs_err::metadata(path).ok()?.len();
    if bytes.is_some_and(|bytes| bytes != found) {
        return None;
    }
    let own = path.to_owned();
    let hash = tokio::task::spawn_blocking(move || sha256_of(&own)).await.ok()?.ok()?;
    let fetched = Fetched { bytes: found, sha256: hash };
    sha256.is_none_or(|wanted| wanted == hash).then_some(fetched)
}

pub(crate) fn sha256_of(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = fs_err::File::open(path)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE_BYTES]);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(piece.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use sensorium_types::ErrorKind;

    use super::*;

    #[test]
    fn what_will_not_fit_is_refused_before_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::hold(folder.path(), "a").unwrap();
        folder.room(0).unwrap();
        folder.room(1).unwrap();
        for missing in [1 << 60, u64::MAX] {
            let error = folder.room(missing).unwrap_err();
            assert!(
                matches!(error, HubError::NoRoom { needed, free, .. } if needed >= missing && free < missing)
            );
            assert_eq!(error.kind(), ErrorKind::Overloaded);
        }
    }

    #[test]
    fn one_process_fetches_at_a_time_and_keeps_what_is_of_its_source() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("a");
        let held = Folder::hold(&own, "one").unwrap();
        held.write("config.json", b"{}", false).unwrap();
        assert!(matches!(Folder::hold(&own, "one"), Err(HubError::Busy { .. })));
        drop(held);
        assert_eq!(Folder::hold(&own, "one").unwrap().here("config.json"), 2);
        assert_eq!(Folder::hold(&own, "other").unwrap().here("config.json"), 0);
    }

    #[tokio::test]
    async fn a_file_is_here_only_if_it_is_the_one_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert_eq!(whole(&path, Some(3), None).await, None);
        fs_err::write(&path, b"abc").unwrap();
        let sha256: [u8; 32] = Sha256::digest(b"abc").into();
        let fetched = Some(Fetched { bytes: 3, sha256 });
        assert_eq!(whole(&path, Some(3), Some(sha256)).await, fetched);
        assert_eq!(whole(&path, None, Some(sha256)).await, fetched);
        assert_eq!(whole(&path, Some(3), None).await, fetched);
        assert_eq!(whole(&path, Some(4), None).await, None);
        assert_eq!(whole(&path, Some(3), Some([0; 32])).await, None);
    }
}
