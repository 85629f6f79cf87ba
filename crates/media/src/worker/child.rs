//! The worker's side: limits, then one file after the other from standard input.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};
use sensorium_types::ReasonKind;

use super::confined::execute_confined;
use super::protocol::{Reply, Request, Told, receive, send};
use crate::deadline::Deadline;
use crate::decode::decode;
use crate::sandbox::{Sandbox, trial};
use crate::sink::{Output, Sink};
use crate::tied::{CONFINED, EXEC, die_with_parent, execute};
use crate::{Limits, reason};

/// Stack of the thread that decodes a file, as much as a main thread has.
const STACK_BYTES: usize = 8 << 20;

/// The body of the hidden subcommand: decodes files that standard input names until it closes. A binary that links
/// this crate calls it when its first argument is [`WORKER_SUBCOMMAND`](crate::WORKER_SUBCOMMAND), before it reads any other.
pub fn worker_main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(2).collect();
    match args.as_slice() {
        [] => {
            let sandbox = Sandbox::enter();
            // The kernel kills this process when its parent dies; what a decoder calls inherits nothing of that and asks again.
            if !die_with_parent() {
                return ExitCode::FAILURE;
            }
            serve(&sandbox, &mut io::stdin().lock(), &mut io::stdout())
        }
        [verb, parent, program, rest @ ..] if verb == EXEC => execute(parent, program, rest),
        [verb, parent, file, program, rest @ ..] if verb == CONFINED => {
            execute_confined(parent, Path::new(file), program, rest)
        }
        other => trial(other).unwrap_or(ExitCode::FAILURE),
    }
}

fn serve(sandbox: &Sandbox, input: &mut impl Read, output: &mut (impl Write + Send)) -> ExitCode {
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
        // What a thread may no longer read it never may again, so each file has one.
        let answered = std::thread::scope(|scope| {
            let decoder = std::thread::Builder::new().stack_size(STACK_BYTES);
            let running = decoder.spawn_scoped(scope, || answer(sandbox, &request, output))?;
            running.join().unwrap_or_else(|_| Err(io::Error::other("a panic")))
        });
        if answered.is_err() {
            return ExitCode::FAILURE;
        }
    }
}

/// Decodes one file; its parts are sent as they come.
fn answer(sandbox: &Sandbox, request: &Request, output: &mut impl Write) -> io::Result<()> {
    let Request { path, spec, limits, threads, stops } = request;
    let path = Path::new(OsStr::from_bytes(path));
    if let Err(error) = sandbox.only(path) {
        return send(output, &Reply::Failed(reason(ReasonKind::Crashed, format!("its sandbox: {error}"))));
    }
    let mut emit = |put| {
        let reply = match put {
            Output::Begun(head) => Told::try_from(head).map(Reply::Begun),
            Output::Part(part) => Ok(Reply::Part(part)),
            Output::GoesOn => Ok(Reply::GoesOn),
        };
        let gone = |error: io::Error| reason(ReasonKind::Crashed, error.to_string());
        reply.and_then(|reply| send(output, &reply)).map_err(gone)
    };
    let deadline = stops.map_or_else(Deadline::never, |(stall, time)| Deadline::within(stall, time));
    let mut sink = Sink::new(&mut emit, limits.max_parts, deadline);
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(path, *threads, (spec, limits), &mut sink)));
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
