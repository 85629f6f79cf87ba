//! The writer's lock: `flock` on `<data>/lock`, with the number of the process inside for the one who is refused.
//! The kernel lets go of it when the process ends, however it ends.

use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};

use crate::error::IndexError;

const FILE: &str = "lock";

/// Held while a database is open for writing.
#[derive(Debug)]
pub(crate) struct WriterLock {
    _file: fs::File,
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
        Ok(Self { _file: file })
    }
}
