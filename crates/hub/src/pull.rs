//! The folder of a model, fetched in parts.
//!
//! ```text
//! FOLDER/.source       the hub, the model and the commit that all else here is of
//! FOLDER/.lock         held by the process that fetches
//! FOLDER/config.json   ..what describes the model, written anew by each call
//! FOLDER/*.safetensors whole; before, as *.part, which a later call goes on with
//! ```

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sensorium_fetch::{FetchError, Fetched, Progress, Wanted, fetch_file};
use sha2::{Digest as _, Sha256};

use crate::error::{is_full, may_pass, of_file};
use crate::look::hex;
use crate::{Found, Hub, HubError, Lock, LockedFile};

const SOURCE: &str = ".source";
const HELD: &str = ".lock";
/// What a file's name ends with as long as some of it is missing.
const PART: &str = ".part";
/// Bytes that stay free beside the model.
const MARGIN: u64 = 32 << 20;
/// Tries of one file whose transfers break off, or whose server gives no ranges.
const TRIES: u32 = 4;
/// Bytes that are hashed at a time.
const PIECE_BYTES: usize = 1 << 20;

/// What happens while a model is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// How far it is.
    Progress {
        /// The file.
        file: &'a str,
        /// Bytes of all files of weights that are here, those of earlier calls included.
        received: u64,
        /// Bytes of all files of weights.
        bytes: u64,
    },
    /// A file is here.
    File(&'a LockedFile),
}

impl Hub {
    /// Brings the files of a model into a folder, which is made. What an earlier call for the same commit left there is gone on with, whatever
    /// ended it. Dropping it keeps what came.
    ///
    /// # Errors
    /// [`HubError`]
    pub async fn fetch(
        &self,
        found: &Found,
        folder: &Path,
        mut tell: impl FnMut(Event<'_>),
    ) -> Result<Lock, HubError> {
        let _held = hold(folder)?;
        self.settle_source(found, folder)
            .map_err(|source| HubError::Io { action: "prepare the folder", source })?;
        let mut files = describe(found, folder)?;
        for file in &files {
            tell(Event::File(file));
        }
        let all: u64 = found.weights.iter().map(|(_, bytes, _)| bytes).sum();
        room(folder, missing(found, folder))?;
        let mut before = 0;
        for (name, bytes, sha256) in &found.weights {
            let mut progress = |told: Progress| {
                tell(Event::Progress { file: name, received: before + told.received, bytes: all });
            };
            let path = folder.join(name);
            let fetched = match here(&path, *bytes, *sha256).await {
                Some(fetched) => {
                    progress(Progress { received: fetched.bytes, total: Some(fetched.bytes) });
                    fetched
                }
                None => self.file(found, (name, *bytes, *sha256), &path, &mut progress).await?,
            };
            before += fetched.bytes;
            let file = locked(name, fetched, sha256.is_some());
            tell(Event::File(&file));
            files.push(file);
        }
        let source = [self.endpoint(), found.id.as_str(), found.revision.as_str(), &found.commit];
        Ok(Lock::new(source, files))
    }

    /// Takes away what is of another hub, model or commit.
    fn settle_source(&self, found: &Found, folder: &Path) -> io::Result<()> {
        let source = format!("{}\n{}\n{}\n", self.endpoint(), found.id, found.commit);
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

    /// Fetches a file of weights, and tries again what may pass.
    async fn file(
        &self,
        found: &Found,
        (name, bytes, sha256): (&str, u64, Option<[u8; 32]>),
        path: &Path,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Fetched, HubError> {
        let address = self.file_address(&found.id, &found.commit, name);
        let failed = |source| self.of_model(&found.id, &found.commit, Some(name), source);
        let mut last = None;
        for _ in 0..TRIES {
            let request = self.large(&address, bytes).map_err(failed)?;
            let wanted = Wanted { request, path: path.to_owned(), sha256, bytes: Some(bytes) };
            match fetch_file(self.client(), wanted, &mut *progress).await {
                Ok(fetched) => return Ok(fetched),
                Err(error) if may_pass(&error) => {
                    if matches!(error, FetchError::Answer { .. }) {
                        // It gives no ranges, or others than were asked for: the next try begins anew.
                        let _ = fs_err::remove_file(part(path));
                    }
                    last = Some(error);
                }
                Err(error) => return Err(failed(error)),
            }
        }
        let never =
            || FetchError::Connection { address: address.clone(), what: "it was not tried".to_owned() };
        Err(of_file(name, last.unwrap_or_else(never)))
    }
}

/// Keeps others away for as long as it is held.
fn hold(folder: &Path) -> Result<File, HubError> {
    let failed = |source| HubError::Io { action: "prepare the folder", source };
    fs_err::create_dir_all(folder).map_err(failed)?;
    let file = fs_err::File::create(folder.join(HELD)).map_err(failed)?.into_file();
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(HubError::Busy { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Writes what describes the model.
fn describe(found: &Found, folder: &Path) -> Result<Vec<LockedFile>, HubError> {
    let mut files = Vec::with_capacity(found.described.len());
    for (name, bytes) in &found.described {
        let path = folder.join(name);
        let written = fs_err::write(&path, bytes).and_then(|()| fs_err::File::open(&path)?.sync_all());
        written.map_err(|source| failed_write(name, &path, source))?;
        let fetched = Fetched { bytes: bytes.len() as u64, sha256: Sha256::digest(bytes).into() };
        files.push(locked(name, fetched, found.hashes.contains_key(name)));
    }
    Ok(files)
}

fn failed_write(name: &str, path: &Path, source: io::Error) -> HubError {
    if is_full(&source) {
        return of_file(name, FetchError::File { place: path.display().to_string(), source });
    }
    HubError::Io { action: "write what describes the model", source }
}

fn locked(name: &str, fetched: Fetched, named_by_hub: bool) -> LockedFile {
    let Fetched { bytes, sha256 } = fetched;
    LockedFile { name: name.to_owned(), bytes, sha256: hex(&sha256), named_by_hub }
}

/// Where the part of a file lies.
fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    name.into()
}

/// Bytes of the weights that are not here yet.
fn missing(found: &Found, folder: &Path) -> u64 {
    let length = |path: PathBuf| fs_err::metadata(path).map_or(0, |facts| facts.len());
    let here = |name: &str| length(folder.join(name)).max(length(part(&folder.join(name))));
    found.weights.iter().map(|(name, bytes, _)| bytes.saturating_sub(here(name))).sum()
}

/// Refuses what will not fit.
fn room(folder: &Path, missing: u64) -> Result<(), HubError> {
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

/// A file that an earlier call fetched whole. One whose hash the hub does not name is known by its length: it got its name when it was whole.
async fn here(path: &Path, bytes: u64, sha256: Option<[u8; 32]>) -> Option<Fetched> {
    if fs_err::metadata(path).ok()?.len() != bytes {
        return None;
    }
    let own = path.to_owned();
    let found = tokio::task::spawn_blocking(move || sha256_of(&own)).await.ok()?.ok()?;
    let fetched = Fetched { bytes, sha256: found };
    sha256.is_none_or(|wanted| wanted == found).then_some(fetched)
}

fn sha256_of(path: &Path) -> io::Result<[u8; 32]> {
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
        room(folder.path(), 0).unwrap();
        room(folder.path(), 1).unwrap();
        for missing in [1 << 60, u64::MAX] {
            let error = room(folder.path(), missing).unwrap_err();
            assert!(
                matches!(error, HubError::NoRoom { needed, free, .. } if needed >= missing && free < missing)
            );
            assert_eq!(error.kind(), ErrorKind::Overloaded);
        }
    }

    #[test]
    fn one_process_fetches_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("a");
        let held = hold(&own).unwrap();
        assert!(matches!(hold(&own), Err(HubError::Busy { .. })));
        drop(held);
        hold(&own).unwrap();
    }

    #[tokio::test]
    async fn a_file_is_here_only_if_it_is_the_one_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert_eq!(here(&path, 3, None).await, None);
        fs_err::write(&path, b"abc").unwrap();
        let sha256: [u8; 32] = Sha256::digest(b"abc").into();
        assert_eq!(here(&path, 3, Some(sha256)).await, Some(Fetched { bytes: 3, sha256 }));
        assert_eq!(here(&path, 3, None).await, Some(Fetched { bytes: 3, sha256 }));
        assert_eq!(here(&path, 4, None).await, None);
        assert_eq!(here(&path, 3, Some([0; 32])).await, None);
    }
}
