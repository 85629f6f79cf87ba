//! A network of its own, without interfaces: not even loopback is up.

use rustix::thread::UnshareFlags;

use super::{Given, kernel};

/// Leaves the network.
pub(super) fn leave() -> Given {
    let own = "a network of its own without interfaces";
    // With the right to, no namespace of users is needed, in which root would lose the right to read other users' files.
    if kernel::leave(UnshareFlags::NEWNET).is_ok() {
        return Ok(own.to_owned());
    }
    if rustix::process::geteuid().is_root() {
        return Err(
            "this root may not make a network namespace (the container lacks CAP_SYS_ADMIN)".to_owned()
        );
    }
    match kernel::leave(UnshareFlags::NEWUSER | UnshareFlags::NEWNET) {
        Ok(()) => Ok(own.to_owned()),
        Err(error) => Err(format!("no namespace without privileges: {error}")),
    }
}
