//! The worker's side: limits, then one file after the other from standard input.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::process::{
    Resource, Rlimit, Signal, getpid, getppid, set_parent_process_death_signal, setrlimit,
};
use sensorium_types::ReasonKind;

use super::protocol::{Reply, Request, Told, receive, send};
use crate::deadline::Deadline;
use crate::decode::decode;
use crate::sink::{Output, Sink};
use crate::{Limits, reason};

/// The hidden subcommand that turns the binary into a worker. It must be the first argument.
pub const WORKER_SUBCOMMAND: &str = "worker-decode";
/// Its argument that makes it run another program instead, tied to its parent's life: `exec PARENT PROGRAM ARGS..`.
const EXEC: &str = "exec";
/// Exit code for a program that is not there, as a shell has it.
pub(crate) const PROGRAM_MISSING: i32 = 127;

/// The body of the hidden subcommand: decodes files that standard input names until it closes. A binary that links
/// this crate calls it when its first argument is [`WORKER_SUBCOMMAND`], before it reads any other.
pub fn worker_main() -> ExitCode {
    // The kernel kills this process when its parent dies; what a decoder calls inherits nothing of that and asks again.
    if set_parent_process_death_signal(Some(Signal::KILL)).is_err() {
        return ExitCode::FAILURE;
    }
    let args: Vec<OsString> = std::env::args_os().skip(2).collect();
    match args.as_slice() {
        [] => serve(&mut io::stdin().lock(), &mut io::stdout().lock()),
        [verb, parent, program, rest @ ..] if verb == EXEC => execute(parent, program, rest),
        _ => ExitCode::FAILURE,
    }
}

/// Becomes another program, unless the parent has died before the kernel was asked to watch it.
fn execute(parent: &OsStr, program: &OsStr, args: &[OsString]) -> ExitCode {
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

fn serve(input: &mut impl Read, output: &mut impl Write) -> ExitCode {
    let mut limited = false;
    loop {
        let request: Request = match receive(input) {
            Ok(Some(request)) => request,
            Ok(None) => return ExitCode::SUCCESS,
            Err(_) => return ExitCode::FAILURE,
        };
        if !limited && limit(&request.limits).is_err() {
            return ExitCode::FAILURE;
        }
        limited = true;
        if answer(&request, output).is_err() {
            return ExitCode::FAILURE;
        }
    }
}

/// Decodes one file; its parts are sent as they come.
fn answer(request: &Request, output: &mut impl Write) -> io::Result<()> {
    let Request { path, spec, limits, threads, time } = request;
    let path = Path::new(OsStr::from_bytes(path));
    let mut emit = |put| {
        let reply = match put {
            Output::Begun(head) => Told::try_from(head).map(Reply::Begun),
            Output::Part(part) => Ok(Reply::Part(part)),
        };
        let gone = |error: io::Error| reason(ReasonKind::Crashed, error.to_string());
        reply.and_then(|reply| send(output, &reply)).map_err(gone)
    };
    let mut sink = Sink::new(&mut emit, limits.max_parts);
    let at_most = (*threads, Deadline::within(*time));
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(path, at_most, (spec, limits), &mut sink)));
    match decoded {
        Ok(Ok(head)) => send(output, &Reply::Done(head.try_into()?)),
        Ok(Err(failed)) => send(output, &Reply::Failed(failed)),
        Err(_) => send(output, &Reply::Failed(reason(ReasonKind::Crashed, "panic"))),
    }
}

/// What this process and its children may use from here on.
fn limit(limits: &Limits) -> io::Result<()> {
    let set = |resource, most| {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).map_err(io::Error::from)
    };
    set(Resource::Data, limits.max_memory_bytes)?;
    set(Resource::As, limits.max_address_space_bytes)?;
    set(Resource::Cpu, limits.max_cpu_seconds)?;
    set(Resource::Nofile, limits.max_open_files)?;
    set(Resource::Fsize, 0)?;
    set(Resource::Core, 0)
}
