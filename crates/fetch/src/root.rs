//! Files below a folder that may be read.
//!
//! The kernel itself walks the path below the folder (`openat2` with `RESOLVE_BENEATH`), so that neither a link nor one that is put
//! there meanwhile leads out of it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, open as open_at, openat2};
use rustix::io::Errno;

use crate::request::Policy;
use crate::{Address, FetchError};

/// Opens a file of an allowed folder; gives it with its size.
pub(crate) async fn open(policy: Policy, path: PathBuf) -> Result<(File, u64), FetchError> {
    let place = Address::File(path.clone()).to_string();
    let opened = tokio::task::spawn_blocking(move || open_now(&policy, &path)).await;
    opened.unwrap_or_else(|error| Err(FetchError::File { place, source: io::Error::other(error) }))
}

fn open_now(policy: &Policy, path: &Path) -> Result<(File, u64), FetchError> {
    let address = Address::File(path.to_path_buf()).to_string();
    let not_allowed = || FetchError::NotAllowed { address: address.clone() };
    let (folder, rest) = policy.allowed.folder_of(path).ok_or_else(not_allowed)?;
    let failed = |errno: Errno| match errno {
        Errno::NOENT | Errno::NOTDIR => FetchError::NotFound { address: address.clone(), status: None },
        // A step out of the folder, or past a link that leads elsewhere.
        Errno::XDEV | Errno::LOOP => not_allowed(),
        errno => FetchError::File { place: address.clone(), source: errno.into() },
    };
    let folder = open_at(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let folder = folder.map_err(failed)?;
    // The folder itself is no file, and is told so.
    let rest = if rest.as_os_str().is_empty() { Path::new(".") } else { rest };
    // One that waits for a writer is not waited for.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let opened = openat2(&folder, rest, flags, Mode::empty(), resolve).map_err(failed)?;
    let facts = fstat(&opened).map_err(failed)?;
    if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
        return Err(FetchError::Answer { address, what: "it is no file with bytes of its own" });
    }
    let file = File::from(opened);
    if lies_in(&file, &policy.closed).map_err(|source| FetchError::File { place: address.clone(), source })? {
        return Err(not_allowed());
    }
    Ok((file, u64::try_from(facts.st_size).unwrap_or(0)))
}

/// Whether an open file lies in one of these folders, wherever links led.
fn lies_in(file: &File, folders: &[PathBuf]) -> io::Result<bool> {
    use std::os::fd::AsRawFd as _;
    use std::os::unix::ffi::OsStringExt as _;
    if folders.is_empty() {
        return Ok(false);
    }
    let own = rustix::fs::readlinkat(CWD, format!("/proc/self/fd/{}", file.as_raw_fd()), Vec::new())?;
    let own = PathBuf::from(std::ffi::OsString::from_vec(own.into_bytes()));
    let without_links = |folder: &PathBuf| fs_err::canonicalize(folder).unwrap_or_else(|_| folder.clone());
    Ok(folders.iter().map(without_links).any(|folder| own.starts_with(folder)))
}
