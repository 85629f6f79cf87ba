//! [`Complaints`]: the standard error of a child.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ChildStderr;

/// What a child writes to its standard error, of which the beginning is kept. It is taken as it comes, so that the child never waits
/// for a reader of it.
#[derive(Debug)]
pub(crate) struct Complaints {
    pipe: Option<ChildStderr>,
    kept: Vec<u8>,
    most_bytes: usize,
}

impl Complaints {
    /// Those of a child, of which so many bytes are kept at most.
    pub(crate) const fn new(pipe: Option<ChildStderr>, most_bytes: usize) -> Self {
        Self { pipe, kept: Vec::new(), most_bytes }
    }

    /// Where they come from, to be polled; none once the child has closed it.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Takes some; blocks if there are none.
    pub(crate) fn listen(&mut self) {
        let Some(pipe) = self.pipe.as_mut() else { return };
        let mut some = [0_u8; 1024];
        match pipe.read(&mut some) {
            Ok(count) if count > 0 => {
                let room = self.most_bytes.saturating_sub(self.kept.len());
                self.kept.extend(some.iter().take(count.min(room)));
            }
            Ok(_) | Err(_) => self.pipe = None,
        }
    }

    /// What is kept of them so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}
