//! What a worker tries against its own sandbox, as code that has taken over a decoder would.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use rustix::process::getppid;
use rustix::thread::UnshareFlags;

use super::report::{LayerReport, SandboxReport, Tried};
use super::{Sandbox, kernel};
use crate::tied::{KEPT_VARIABLES, PROGRAM_MISSING, TRY, child_that_dies_with_us};

/// How long an answer from the network is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Enters the sandbox, tries everything, and writes a [`SandboxReport`] to standard output.
pub(crate) fn trial(args: &[OsString]) -> Option<ExitCode> {
    let [verb, given, other, folder, address] = args else { return None };
    if verb != TRY {
        return None;
    }
    let (given, other, folder) = (Path::new(given), Path::new(other), Path::new(folder));
    let sandbox = Sandbox::enter();
    let network = network(address);
    let calls = calls(given);
    let descriptors = vec![descriptors()];
    let rights = rights();
    let within = || -> io::Result<_> {
        sandbox.only(given)?;
        Ok((files(given, other, folder), needed(given), network_by_ffmpeg(address)))
    };
    let within = std::thread::scope(|scope| scope.spawn(within).join());
    let Ok(Ok((files, needed, by_ffmpeg))) = within else { return Some(ExitCode::FAILURE) };
    let layers = sandbox.layers().into_iter().map(|(name, layer)| {
        let tried = match name {
            "network" => network.iter().chain(&by_ffmpeg).cloned().collect(),
            "files" => files.clone(),
            "calls" => calls.clone(),
            "rights" => rights.clone(),
            _ => descriptors.clone(),
        };
        LayerReport { name: name.to_owned(), given: layer.clone(), tried }
    });
    let report = SandboxReport { layers: layers.collect(), needed };
    let told = serde_json::to_vec(&report).map_err(io::Error::other);
    let written = told.and_then(|told| io::stdout().write_all(&told));
    Some(if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tried<T>(what: &str, outcome: io::Result<T>) -> Tried {
    let (done, answer) = match outcome {
        Ok(_) => (true, "done".to_owned()),
        Err(error) => (false, error.to_string()),
    };
    Tried { what: what.to_owned(), done, answer }
}

fn network(address: &OsStr) -> Vec<Tried> {
    let to = address.to_str().and_then(|address| address.parse::<SocketAddr>().ok());
    let to = to.ok_or_else(|| io::Error::other("no address"));
    vec![
        tried("connect to loopback", to.and_then(|to| TcpStream::connect_timeout(&to, PATIENCE))),
        tried("listen for datagrams", UdpSocket::bind(("127.0.0.1", 0))),
    ]
}

fn network_by_ffmpeg(address: &OsStr) -> Option<Tried> {
    let address = address.to_str()?;
    let read = ["-rw_timeout", "2000000", "-i", &format!("tcp://{address}")].map(OsString::from);
    ffmpeg("connect to loopback by ffmpeg", &read)
}

fn calls(given: &Path) -> Vec<Tried> {
    let open = fs_err::metadata(given).map(|metadata| metadata.permissions().mode() | 0o666);
    let set = open.and_then(|mode| fs_err::set_permissions(given, std::fs::Permissions::from_mode(mode)));
    vec![
        tried("make a pair of sockets", UnixStream::pair()),
        tried("make a namespace of users", kernel::leave(UnshareFlags::NEWUSER)),
        tried("make a namespace of mounts", kernel::leave(UnshareFlags::NEWNS)),
        tried("change the mode of a file", set),
    ]
}

/// Whether anything can be read or written through a descriptor besides the three pipes. The sandbox holds some of its own that name
/// places and open nothing.
fn descriptors() -> Tried {
    let usable = fs_err::read_dir("/proc/self/fd").map(|entries| {
        let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        numbers.filter(|number| *number > 2 && opens_something(*number)).count()
    });
    let found = usable.and_then(|usable| match usable {
        0 => Err(io::Error::other("there is none")),
        _ => Ok(usable),
    });
    tried("use a descriptor that was left open", found)
}

/// Whether a descriptor that is still open is no mere name of a place. That of the listing itself is closed by now, or lists.
fn opens_something(number: u32) -> bool {
    let lists =
        fs_err::read_link(format!("/proc/self/fd/{number}")).is_ok_and(|target| target.ends_with("fd"));
    let facts = fs_err::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags =
        facts.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    !lists && flags.is_some_and(|flags| flags & libc::O_PATH.cast_unsigned() == 0)
}

fn rights() -> Vec<Tried> {
    let parent = getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    let kept = |name: &OsString| KEPT_VARIABLES.iter().any(|kept| name == kept);
    let more = std::env::vars_os().map(|(name, _)| name).find(|name| !kept(name));
    let what = "see a variable that no decoder needs";
    let more = match more {
        Some(name) => {
            Tried { what: what.to_owned(), done: true, answer: name.to_string_lossy().into_owned() }
        }
        None => tried::<()>(what, Err(io::Error::other("there are none"))),
    };
    vec![
        tried("read the environment of who started it", fs_err::read(format!("/proc/{parent}/environ"))),
        tried("read the memory of who started it", fs_err::File::open(format!("/proc/{parent}/mem"))),
        more,
    ]
}

fn files(given: &Path, other: &Path, folder: &Path) -> Vec<Tried> {
    let mut append = fs_err::OpenOptions::new();
    append.append(true);
    let all = [
        Some(tried("read another file", fs_err::read(other))),
        Some(tried("list a folder", fs_err::read_dir(folder))),
        Some(tried("list the root folder", fs_err::read_dir("/"))),
        Some(tried("make a file", fs_err::write(folder.join("made"), b"x"))),
        Some(tried("make a folder", fs_err::create_dir(folder.join("folder")))),
        Some(tried("write to the file that was given", append.open(given))),
        Some(tried("remove another file", fs_err::remove_file(other))),
        ffmpeg("read another file by ffmpeg", &["-i".into(), other.into()]),
        {
            let made = folder.join("made.wav");
            ffmpeg("make a file by ffmpeg", &["-i".into(), given.into(), "-y".into(), made.into()])
        },
    ];
    all.into_iter().flatten().collect()
}

fn needed(given: &Path) -> Vec<Tried> {
    let by_ffmpeg = ffmpeg("read the file that was given by ffmpeg", &["-i".into(), given.into()]);
    let by_itself = tried("read the file that was given", fs_err::read(given));
    [Some(by_itself), by_ffmpeg].into_iter().flatten().collect()
}

/// Tries something by ffmpeg; nothing where it is not installed. What has no output of its own is decoded to nowhere.
fn ffmpeg(what: &str, args: &[OsString]) -> Option<Tried> {
    let mut command = child_that_dies_with_us("ffmpeg", None);
    command.args(["-nostdin", "-v", "error"]).args(args);
    if !args.iter().any(|arg| arg == "-y") {
        command.args(["-f", "null", "-"]);
    }
    let output = command.stdin(Stdio::null()).output();
    if let Ok(output) = &output
        && output.status.code() == Some(PROGRAM_MISSING)
    {
        return None;
    }
    let done = output.and_then(|output| {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("{} {said}", output.status)))
        }
    });
    Some(tried(what, done))
}
