//! The worker's side: limits, then one file after the other from standard input.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use sensorium_types::ReasonKind;

use super::protocol::{Reply, Request, Told, receive, send};
use crate::deadline::Deadline;
use crate::decode::decode;
use crate::sink::{Output, Sink};
use crate::tied::{EXEC, execute};
use crate::{Limits, reason};

/// The body of the hidden subcommand: decodes files that standard input names until it closes. A binary that links
/// this crate calls it when its first argument is [`WORKER_SUBCOMMAND`](crate::WORKER_SUBCOMMAND), before it reads any other.
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
