//! The writer's lock: `flock` on `<data>/lock`, with the number of the process inside for the one who is refused.
//! The kernel lets go of it when the process ends, however it ends.
//!
//! A lock of `flock` belongs to the open file, which a child process shares from its fork until its exec. Closing our
//! descriptor alone would leave the folder locked for so long; so the lock is given back by name.

use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};

use crate::error::IndexError;

const FILE: &str = "lock";

/// Held while a database is open for writing.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: fs::File,
}

impl WriterLock {
    /// Takes the lock of a data folder.
    pub(super) fn take(data: &Path) -> Result<Self, IndexError> {
        let failed = |error| IndexError::file("lock the data folder", error);
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(data.join(FILE))
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                // A holder whose number cannot be read is still a holder.
                let _ = file.read_to_string(&mut text);
                return Err(IndexError::Locked { path: data.to_owned(), pid: text.trim().parse().ok() });
            }
            Err(error) => return Err(failed(error.into())),
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
}
