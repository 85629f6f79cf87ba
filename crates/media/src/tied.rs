//! Other programs that live no longer than this process.
//!
//! A worker starts them by way of this very binary, which asks the kernel to watch their parent before it becomes them.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{getpid, getppid};

/// The hidden subcommand that turns the binary into a worker. It must be the first argument.
pub const WORKER_SUBCOMMAND: &str = "worker-decode";
/// Its argument that makes it run another program instead, tied to its parent's life: `exec PARENT PROGRAM ARGS..`.
pub(crate) const EXEC: &str = "exec";
/// Exit code for a program that is not there, as a shell has it.
pub(crate) const PROGRAM_MISSING: i32 = 127;

/// Becomes another program, unless the parent has died before the kernel was asked to watch it.
pub(crate) fn execute(parent: &OsStr, program: &OsStr, args: &[OsString]) -> ExitCode {
    let alive =
        getppid().is_some_and(|pid| parent.to_str() == Some(pid.as_raw_nonzero().to_string().as_str()));
    if !alive {
        return ExitCode::FAILURE;
    }
    let error = Command::new(program).args(args).exec();
    if error.kind() == io::ErrorKind::NotFound {
        return ExitCode::from(u8::try_from(PROGRAM_MISSING).unwrap_or(u8::MAX));
    }
    ExitCode::FAILURE
}

/// A command for another program that the kernel kills when this process dies, by way of this very binary. Outside a
/// worker (in tests) it is the plain program.
pub(crate) fn child_that_dies_with_us(program: &str) -> Command {
    let is_worker = std::env::args_os().nth(1).is_some_and(|arg| arg == WORKER_SUBCOMMAND);
    match std::env::current_exe() {
        Ok(binary) if is_worker => {
            let mut command = Command::new(binary);
            command.args([WORKER_SUBCOMMAND, EXEC, &getpid().as_raw_nonzero().to_string(), program]);
            command
        }
        Ok(_) | Err(_) => Command::new(program),
    }
}
