//! The writer's lock: `flock` on `<data>/lock`, with the number of the process inside for the one who is refused.
//! The kernel lets go of it when the process ends, however it ends. So the lock alone tells whether a writer lives: a
//! number may have passed to another process, or be our own (a container's first process is always 1).
//!
//! A lock of `flock` belongs to the open file, which a child process shares from its fork until its exec. Closing our
//! descriptor alone would leave the folder locked for so long; so the lock is given back by name.
//!
//! Who only asks whether a writer lives takes a shared lock for an instant: `/proc/locks` shows no lock of another
//! container, and `fcntl` tests locks of another kind. A writer that starts in that instant tries again for a moment.

use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};

use super::registry;
use crate::error::IndexError;

const FILE: &str = "lock";
/// How often a writer tries to take the lock: it may be held by one who asks.
const TRIES: u32 = 10;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest content of a lock: a number and the end of its line.
const MAX_LOCK_BYTES: u64 = 24;

/// Held while a database is open for writing.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: fs::File,
}

impl WriterLock {
    /// Takes the lock of a data folder.
    pub(crate) fn take(data: &Path) -> Result<Self, IndexError> {
        let failed = |error| IndexError::file("lock the data folder", error);
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(data.join(FILE))
            .map_err(failed)?;
        let mut tries = 1;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(PAUSE);
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let mut text = String::new();
                    // A holder whose number cannot be read is still a holder.
                    let _ = file.read_to_string(&mut text);
                    return Err(IndexError::Locked { path: data.to_owned(), pid: text.trim().parse().ok() });
                }
                Err(error) => return Err(failed(error.into())),
            }
        }
        let write = |file: &mut fs::File| -> std::io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(failed)?;
        Ok(Self { file })
    }
}

/// Whether a writer holds a data folder now. `None` where that cannot be told: the lock may not be read, or the file
/// system has no locks.
pub fn has_writer(data: &Path) -> Option<bool> {
    let file = match fs::File::open(data.join(FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(false),
        Err(_) => return None,
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            // What fails here is undone when the file closes.
            let _ = flock(&file, FlockOperation::Unlock);
            Some(false)
        }
        Err(rustix::io::Errno::WOULDBLOCK) => Some(true),
        Err(_) => None,
    }
}

/// Whether a folder is a data folder: it has the lock of one, and a folder of collections.
pub fn is_data_folder(path: &Path) -> bool {
    let lock = path.join(FILE);
    let is_lock = || {
        fs::metadata(&lock).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_LOCK_BYTES)
            // The lock of another user may not be readable; its size will do.
            && fs::read_to_string(&lock)
                .map_or(true, |text| text.trim().chars().all(|letter| letter.is_ascii_digit()))
    };
    registry::root(path).is_dir() && is_lock()
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // What fails here is undone by the kernel when the last descriptor closes.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_between_fork_and_exec_does_not_hold_it() {
        let folder = tempfile::tempdir().expect("has a folder");
        let lock = WriterLock::take(folder.path()).expect("is free");
        let of_the_child = lock.file.file().try_clone().expect("duplicates");
        assert!(matches!(WriterLock::take(folder.path()), Err(IndexError::Locked { .. })));
        drop(lock);
        WriterLock::take(folder.path()).expect("is free again");
        drop(of_the_child);
    }

    #[test]
    fn one_who_asks_sees_the_holder_and_keeps_nobody_out() {
        let folder = tempfile::tempdir().expect("has a folder");
        assert_eq!(has_writer(folder.path()), Some(false), "nobody ever wrote");
        let lock = WriterLock::take(folder.path()).expect("is free");
        assert_eq!(has_writer(folder.path()), Some(true));
        drop(lock);
        assert_eq!(has_writer(folder.path()), Some(false), "the number that is left says nothing");
        // One who asks, in the instant in which a writer starts.
        let asking = fs::File::open(folder.path().join(FILE)).expect("opens");
        flock(&asking, FlockOperation::NonBlockingLockShared).expect("is free");
        assert_eq!(has_writer(folder.path()), Some(false), "others may ask too");
        let starting = std::thread::scope(|scope| {
            let starting = scope.spawn(|| WriterLock::take(folder.path()));
            std::thread::sleep(PAUSE);
            drop(asking);
            starting.join().expect("no panic")
        });
        assert!(starting.is_ok());
    }

    #[test]
    fn data_folders_are_known_by_their_lock_and_collections() {
        let folder = tempfile::tempdir().expect("has a folder");
        fs::create_dir(folder.path().join("collections")).expect("made");
        assert!(!is_data_folder(folder.path()), "no lock");
        fs::write(folder.path().join(FILE), "{\"packages\": []}").expect("written");
        assert!(!is_data_folder(folder.path()), "another program's lock");
        drop(WriterLock::take(folder.path()).expect("is free"));
        assert!(is_data_folder(folder.path()));
    }
}
