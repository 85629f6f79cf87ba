//! No privilege is left, and no program that is run brings any.

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};

use super::Given;

/// Gives up all capabilities but root's to read the files of others, for good.
pub(super) fn give_up() -> Given {
    let given_up = || -> rustix::io::Result<bool> {
        set_no_new_privs(true)?;
        // In a namespace of users of its own a worker is not root, and its capabilities there are good for nothing.
        let may_keep = if rustix::process::geteuid().is_root() {
            CapabilitySet::DAC_READ_SEARCH
        } else {
            CapabilitySet::empty()
        };
        let kept = capabilities(None)?.permitted.intersection(may_keep);
        set_capabilities(
            None,
            CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() },
        )?;
        Ok(kept.is_empty())
    };
    match given_up() {
        Ok(true) => Ok("none".to_owned()),
        Ok(false) => Ok("none but to read the files of others, as root".to_owned()),
        Err(error) => Err(format!("capabilities: {error}")),
    }
}
