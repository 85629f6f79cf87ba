//! Other programs that live no longer than this process, in the sandbox of a worker.
//!
//! They are started by way of this very binary, which asks the kernel to watch their parent before it becomes them. Those of a worker
//! inherit its sandbox; those of any other process of the `sensorium` program (the ffmpeg of a clip) enter one of their own first.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

/// The hidden subcommand that turns the binary into a worker. It must be the first argument.
pub const WORKER_SUBCOMMAND: &str = "worker-decode";
/// Its argument that makes it run another program instead, tied to its parent's life: `exec PARENT PROGRAM ARGS..`.
pub(crate) const EXEC: &str = "exec";
/// As [`EXEC`], for who is in no sandbox: `confined PARENT FILE PROGRAM ARGS..`; the program reads that file alone.
pub(crate) const CONFINED: &str = "confined";
/// Its argument that makes it try what its sandbox must refuse: `try GIVEN OTHER FOLDER ADDRESS`.
pub(crate) const TRY: &str = "try";
/// This program, also when its file has been replaced since.
pub(crate) const THIS_PROGRAM: &str = "/proc/self/exe";
/// Exit code for a program that is not there, as a shell has it.
pub(crate) const PROGRAM_MISSING: i32 = 127;
/// Exit code for a program that may not be run, as a shell has it.
pub(crate) const PROGRAM_REFUSED: i32 = 126;
/// Variables that a worker and what it runs may see. All else, keys of services among it, stays with who starts them.
pub(crate) const KEPT_VARIABLES: [&str; 7] =
    ["PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "RUST_BACKTRACE"];
/// Whether this binary can start itself as a worker.
static IS_WORKER_PROGRAM: AtomicBool = AtomicBool::new(false);

/// Says that the binary of this process calls [`worker_main`](crate::worker_main) for [`WORKER_SUBCOMMAND`]. From then on every
/// ffmpeg that this process runs by itself, as for a clip, is confined to its file as those of workers are.
pub fn this_is_the_worker_program() {
    IS_WORKER_PROGRAM.store(true, Ordering::Relaxed);
}

/// Asks the kernel to kill this process when its parent dies. A new namespace of users forgets that, so it comes after.
pub(crate) fn die_with_parent() -> bool {
    set_parent_process_death_signal(Some(Signal::KILL)).is_ok()
}

/// Becomes another program, unless the parent has died before the kernel was asked to watch it.
pub(crate) fn execute(parent: &OsStr, program: &OsStr, args: &[OsString]) -> ExitCode {
    let alive =
        getppid().is_some_and(|pid| parent.to_str() == Some(pid.as_raw_nonzero().to_string().as_str()));
    if !die_with_parent() || !alive {
        return ExitCode::FAILURE;
    }
    let error = Command::new(program).args(args).exec();
    let code = if error.kind() == io::ErrorKind::NotFound {
        PROGRAM_MISSING
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        PROGRAM_REFUSED
    } else {
        return ExitCode::FAILURE;
    };
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// A command without variables that nobody decoding needs.
pub(crate) fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.envs(KEPT_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

/// A command for another program that the kernel kills when this process dies, and that reads no file but this one, by way of this
/// very binary. In a worker the file is that of its thread. In a test it is the plain program.
pub(crate) fn child_that_dies_with_us(program: &str, file: Option<&Path>) -> Command {
    let is_worker = std::env::args_os().nth(1).is_some_and(|arg| arg == WORKER_SUBCOMMAND);
    if !is_worker && !IS_WORKER_PROGRAM.load(Ordering::Relaxed) {
        return Command::new(program);
    }
    let mut command = bare(THIS_PROGRAM);
    let us = getpid().as_raw_nonzero().to_string();
    if is_worker {
        command.args([WORKER_SUBCOMMAND, EXEC, &us, program]);
    } else {
        let file = file.unwrap_or(Path::new(""));
        command.args([WORKER_SUBCOMMAND, CONFINED, &us]).arg(file).arg(program);
    }
    command
}
