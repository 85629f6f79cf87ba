//! Nothing is written, and one file is read besides programs and libraries.
//!
//! Two layers: the first, of the process, takes away writing, running and signals; the second, of the thread that decodes a file, all
//! reading but of that file. Rights only ever shrink, so the next file has a thread of its own.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::{Given, programs};

/// The version whose rights are known here; an older kernel gives those that it has.
const KNOWN: ABI = ABI::V7;

/// What is allowed besides a file, opened once: the rules of each file name it again.
#[derive(Debug, Default)]
pub(super) struct Allowed {
    /// To be run and read.
    programs: Vec<PathFd>,
    /// To be read.
    facts: Vec<PathFd>,
}

impl Allowed {
    /// Those that exist. What cannot be opened even so far cannot be read either, and says why by itself.
    fn open() -> Self {
        let opened = |paths: Vec<PathBuf>| paths.iter().filter_map(|path| PathFd::new(path).ok()).collect();
        Self { programs: opened(programs::run_and_read()), facts: opened(programs::read()) }
    }
}

/// Takes from this thread, and from all that it starts, every way to change files, to run what is no program of the system, to use TCP
/// and to signal others.
pub(super) fn shut() -> (Given, Allowed) {
    let allowed = Allowed::open();
    (shut_but_for(&allowed), allowed)
}

fn shut_but_for(allowed: &Allowed) -> Given {
    let shut = || -> Result<RestrictionStatus, RulesetError> {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_write(KNOWN) | AccessFs::Execute)?
            .handle_access(AccessNet::from_all(KNOWN))?
            .scope(Scope::from_all(KNOWN))?
            .create()?;
        let ruleset = allow(ruleset, &allowed.programs, AccessFs::Execute.into())?;
        let nowhere = PathFd::new(programs::NOWHERE).ok();
        allow(ruleset, &nowhere, AccessFs::WriteFile.into())?.restrict_self()
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
pub(super) fn only(file: &Path, allowed: &Allowed) -> io::Result<()> {
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let only = || -> Result<RestrictionStatus, RulesetError> {
        let ruleset = Ruleset::default().handle_access(reading)?.create()?;
        let ruleset = allow(ruleset, &allowed.programs, reading)?;
        let ruleset = allow(ruleset, &allowed.facts, reading)?;
        allow(ruleset, &PathFd::new(file).ok(), AccessFs::ReadFile.into())?.restrict_self()
    };
    match only() {
        Ok(status) if status.ruleset != RulesetStatus::NotEnforced => Ok(()),
        Ok(_) => Err(io::Error::other("Landlock enforced nothing")),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Allows this of what was opened, and of everything below it.
fn allow<'a>(
    mut ruleset: RulesetCreated,
    opened: impl IntoIterator<Item = &'a PathFd>,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    for path in opened {
        ruleset = ruleset.add_rule(PathBeneath::new(path, access))?;
    }
    Ok(ruleset)
}
