//! Calls to the kernel that no library offers as safe.

#![expect(unsafe_code, reason = "close_range and unshare have no safe form")]

use std::io;

use rustix::thread::UnshareFlags;

/// Closes all descriptors from this one on.
///
/// Who calls it must own none of them, or never use it again.
pub(super) fn close_from(first: libc::c_uint) -> io::Result<()> {
    // SAFETY: no memory is touched. Descriptors are closed at the start of a worker, which has opened none: those from 3 on
    // are leaks of whoever started it, and no object of this process stands for them.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Leaves namespaces for new ones. Descriptors stay shared: only flags of namespaces are to be given.
pub(super) fn leave(namespaces: UnshareFlags) -> io::Result<()> {
    let of_namespaces = namespaces.difference(UnshareFlags::FILES);
    // SAFETY: unsafe for `FILES` alone, which would part the threads' descriptors; it is taken out.
    unsafe { rustix::thread::unshare_unsafe(of_namespaces) }.map_err(io::Error::from)
}
