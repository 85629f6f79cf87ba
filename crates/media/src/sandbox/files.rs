//! Nothing is written, and one file is read besides programs and libraries.
//!
//! Two layers: the first, of the process, takes away writing, running and signals; the second, of the thread that decodes a file, all
//! reading but of that file. Rights only ever shrink, so the next file has a thread of its own.

use std::io;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::{Given, programs};

/// The version whose rights are known here; an older kernel gives those that it has.
const KNOWN: ABI = ABI::V7;

/// Takes from this thread, and from all that it starts, every way to change files, to run what is no program of the system, to use TCP
/// and to signal others.
pub(super) fn shut() -> Given {
    let shut = || -> Result<RestrictionStatus, RulesetError> {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_write(KNOWN) | AccessFs::Execute)?
            .handle_access(AccessNet::from_all(KNOWN))?
            .scope(Scope::from_all(KNOWN))?
            .create()?;
        let ruleset = allow(ruleset, programs::run_and_read(), AccessFs::Execute.into())?;
        allow(ruleset, [programs::NOWHERE], AccessFs::WriteFile.into())?.restrict_self()
    };
    let RestrictionStatus { ruleset, landlock, .. } = shut().map_err(|error| error.to_string())?;
    let version = match landlock {
        LandlockStatus::Available { effective_abi, .. } => format!("Landlock {effective_abi}"),
        LandlockStatus::NotEnabled => return Err("Landlock is not enabled in this kernel (lsm=)".to_owned()),
        LandlockStatus::NotImplemented => {
            return Err("the kernel has no Landlock (Linux 5.13 has it)".to_owned());
        }
    };
    match ruleset {
        RulesetStatus::FullyEnforced => Ok(version),
        RulesetStatus::PartiallyEnforced => {
            Ok(format!("{version}, which lacks rights that newer kernels have"))
        }
        RulesetStatus::NotEnforced => Err(format!("{version} enforces nothing")),
    }
}

/// Takes from this thread, and from all that it starts, the reading of everything but this file, programs and libraries.
pub(super) fn only(file: &Path) -> io::Result<()> {
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let only = || -> Result<RestrictionStatus, RulesetError> {
        let ruleset = Ruleset::default().handle_access(reading)?.create()?;
        let ruleset = allow(ruleset, programs::run_and_read(), reading)?;
        let ruleset = allow(ruleset, programs::read(), reading)?;
        allow(ruleset, [file], AccessFs::ReadFile.into())?.restrict_self()
    };
    match only() {
        Ok(status) if status.ruleset != RulesetStatus::NotEnforced => Ok(()),
        Ok(_) => Err(io::Error::other("Landlock enforced nothing")),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Allows this of those paths that exist.
fn allow(
    mut ruleset: RulesetCreated,
    paths: impl IntoIterator<Item = impl AsRef<Path>>,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    for path in paths {
        // What cannot be opened even so far cannot be read either, and says why by itself.
        let Ok(opened) = PathFd::new(path) else { continue };
        ruleset = ruleset.add_rule(PathBeneath::new(opened, access))?;
    }
    Ok(ruleset)
}
