//! The worker's side: limits, then one file after the other from standard input.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use sensorium_types::{FailureReason, ReasonKind};

use super::protocol::{Reply, Request, receive, send};
use crate::sniff::HEAD_BYTES;
use crate::{Decoded, Family, Limits, TowerSpec, audio, image, reason, sniff, text, video};

/// The hidden subcommand that turns the binary into a worker.
pub const WORKER_SUBCOMMAND: &str = "worker-decode";
/// Its argument that makes it run another program instead, tied to its parent's life.
const EXEC: &str = "exec";
/// Exit code for a program that is not there, as a shell has it.
pub(crate) const PROGRAM_MISSING: i32 = 127;

/// The body of the hidden subcommand. `args` are those behind [`WORKER_SUBCOMMAND`].
pub fn worker_main(args: &[OsString]) -> ExitCode {
    if set_parent_process_death_signal(Some(Signal::KILL)).is_err() {
        return ExitCode::FAILURE;
    }
    match args {
        [verb, program, rest @ ..] if verb == EXEC => {
            let error = Command::new(program).args(rest).exec();
            if error.kind() == io::ErrorKind::NotFound {
                return ExitCode::from(127);
            }
            ExitCode::FAILURE
        }
        _ => serve(&mut io::stdin().lock(), &mut io::stdout().lock()),
    }
}

/// A command for another program that the kernel kills when this process dies, by way of this very binary.
pub(crate) fn child_that_dies_with_us(program: &str) -> Command {
    match std::env::current_exe() {
        Ok(binary) if std::env::args_os().nth(1).is_some_and(|arg| arg == WORKER_SUBCOMMAND) => {
            let mut command = Command::new(binary);
            command.args([WORKER_SUBCOMMAND, EXEC, program]);
            command
        }
        Ok(_) | Err(_) => Command::new(program),
    }
}

fn serve(input: &mut impl Read, output: &mut impl Write) -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    let mut limited = false;
    loop {
        let request: Request = match receive(input) {
            Ok(Some(request)) => request,
            Ok(None) => return ExitCode::SUCCESS,
            Err(_) => return ExitCode::FAILURE,
        };
        if !limited {
            if limit(&request.limits).is_err() {
                return ExitCode::FAILURE;
            }
            limited = true;
        }
        let path = Path::new(OsStr::from_bytes(&request.path));
        let decoded = catch_unwind(AssertUnwindSafe(|| decode(path, &request.spec, &request.limits)))
            .unwrap_or_else(|_| Err(reason(ReasonKind::Crashed, "panic")));
        if answer(output, decoded).is_err() {
            return ExitCode::FAILURE;
        }
    }
}

fn answer(output: &mut impl Write, decoded: Result<Decoded, FailureReason>) -> io::Result<()> {
    let decoded = match decoded {
        Ok(decoded) => decoded,
        Err(failed) => return send(output, &Reply::Failed(failed)),
    };
    let facts = serde_json::to_string(&decoded.facts).map_err(io::Error::other)?;
    send(output, &Reply::Head { modality: decoded.modality, mime: decoded.mime, facts })?;
    for part in decoded.parts {
        send(output, &Reply::Part(part))?;
    }
    send(output, &Reply::Done)
}

/// What this process and its children may use from here on.
fn limit(limits: &Limits) -> io::Result<()> {
    let set = |resource, most| {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).map_err(io::Error::from)
    };
    set(Resource::As, limits.max_address_space_bytes)?;
    set(Resource::Cpu, limits.max_cpu_seconds)?;
    set(Resource::Nofile, limits.max_open_files)?;
    set(Resource::Fsize, 0)?;
    set(Resource::Core, 0)
}

/// Opens, sniffs and decodes one file.
fn decode(path: &Path, spec: &TowerSpec, limits: &Limits) -> Result<Decoded, FailureReason> {
    let mut file = open_regular(path)?;
    let bytes = file.metadata().map_err(|error| unreadable(&error))?.len();
    let mut head = Vec::with_capacity(HEAD_BYTES);
    Read::by_ref(&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(|error| unreadable(&error))?;
    if head.is_empty() {
        return Err(reason(ReasonKind::Unsupported, "the file is empty"));
    }
    let sniffed = sniff(&head).ok_or_else(|| reason(ReasonKind::Unsupported, "neither media nor UTF-8 text"))?;
    let most = match sniffed.family {
        Family::Container | Family::Sound => limits.max_stream_bytes,
        Family::Jpeg | Family::MaybeAnimated | Family::Still | Family::Heif => limits.max_bytes,
        Family::Text | Family::Html => limits.max_text_bytes,
    };
    if bytes > most {
        return Err(reason(ReasonKind::TooLarge, format!("{bytes} bytes, at most {most}")));
    }
    let mut whole = || {
        let mut bytes = head.clone();
        Read::by_ref(&mut file).take(most).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        Ok::<_, FailureReason>(bytes)
    };
    match sniffed.family {
        Family::Jpeg => image::decode_jpeg(&whole()?, spec, limits),
        Family::Still => image::decode_still(&whole()?, sniffed.mime, spec, limits),
        Family::MaybeAnimated => {
            let bytes = whole()?;
            if image::is_animated(&bytes, sniffed.mime) && sniffed.mime != "image/webp" {
                return video::decode(path, sniffed.mime, spec, limits);
            }
            image::decode_still(&bytes, sniffed.mime, spec, limits)
        }
        Family::Heif => video::still(path, sniffed.mime, spec, limits),
        Family::Sound => audio::decode(path, sniffed.mime, spec, limits),
        Family::Container => video::decode(path, sniffed.mime, spec, limits),
        Family::Text => text::decode(&whole()?, false, &spec.text, limits),
        Family::Html => text::decode(&whole()?, true, &spec.text, limits),
    }
}

/// Opens without ever blocking on a FIFO, and refuses what is no regular file.
fn open_regular(path: &Path) -> Result<std::fs::File, FailureReason> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
        rustix::io::Errno::NOENT => reason(ReasonKind::Moved, "the file is gone"),
        rustix::io::Errno::NXIO | rustix::io::Errno::NODEV => reason(ReasonKind::Unsupported, "no regular file"),
        _ => reason(ReasonKind::Unreadable, error.to_string()),
    })?;
    let stat = rustix::fs::fstat(file.as_fd()).map_err(|error| reason(ReasonKind::Unreadable, error.to_string()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(reason(ReasonKind::Unsupported, "no regular file"));
    }
    Ok(file.into())
}

fn unreadable(error: &io::Error) -> FailureReason {
    reason(ReasonKind::Unreadable, error.to_string())
}
