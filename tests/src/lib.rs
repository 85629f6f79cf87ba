//! Runs the built `sensorium` command as a user would, for the end-to-end tests in `tests/tests`.
//!
//! The command is named by `SENSORIUM_BIN`, which `make test` sets after `make build`; without it every test fails
//! with a sentence that says so.

mod mutated;
pub mod vectors;
mod zip;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, kill_process};
use serde_json::Value;

pub use mutated::{mutate, small_samples};
/// What [`signal`] sends.
pub use rustix::process::Signal;
pub use zip::{LINK, Zipped, checkpoint, zip};

/// Longer than anything takes that does not hang.
pub const HANG: Duration = Duration::from_secs(600);

/// Lines of [`endless`].
const ENDLESS_LINES: usize = 200_000;

/// A database folder of its own, removed at the end, and the command that works on it.
#[derive(Debug)]
pub struct Sensorium {
    data: tempfile::TempDir,
}

/// What a finished command left.
#[derive(Debug)]
pub struct Finished {
    /// Exit code, `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Standard output as JSON lines.
    pub fn json(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|e| panic!("{e} in {line:?}; stderr: {}", self.stderr))
            })
            .collect()
    }

    /// Fails the test unless the exit code is this one.
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
}

/// The command under test.
///
/// # Panics
/// If `SENSORIUM_BIN` is not set or names no file.
pub fn program() -> PathBuf {
    let path = std::env::var_os("SENSORIUM_BIN")
        .unwrap_or_else(|| panic!("SENSORIUM_BIN is not set: run the tests by `make test`"));
    let path = PathBuf::from(path);
    assert!(path.is_file(), "SENSORIUM_BIN names no file: {}", path.display());
    path
}

/// The repository's `samples/`. Asked when it runs: a target folder may be shared by checkouts, and what is compiled
/// in names the one that built it.
///
/// # Panics
/// If cargo does not run the test.
pub fn samples() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this");
    Path::new(&package).parent().expect("tests/ lies in the repository").join("samples")
}

impl Default for Sensorium {
    fn default() -> Self {
        Self::new()
    }
}

impl Sensorium {
    /// A command with an empty database.
    pub fn new() -> Self {
        Self { data: tempfile::tempdir().expect("temporary folder") }
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// A command ready to run, with this database and nothing of the caller's settings.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(program());
        command
            .args(args)
            .env_remove("SENSORIUM_BUNDLE")
            .env_remove("SENSORIUM_API_KEY")
            .env("SENSORIUM_DATA", self.data.path())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Finished {
        Finished::from(self.command(args).output().expect("the command starts"))
    }

    /// Runs a command that must succeed, and gives its JSON lines.
    pub fn json<S: AsRef<OsStr>>(&self, args: &[S]) -> Vec<Value> {
        let mut args: Vec<&OsStr> = args.iter().map(AsRef::as_ref).collect();
        args.push(OsStr::new("--json"));
        self.run(&args).expect_code(0).json()
    }

    /// Starts a command with its standard output captured.
    pub fn spawn<S: AsRef<OsStr>>(&self, args: &[S]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the command starts")
    }

    /// Starts a server of this database on a free port.
    pub fn serve(&self) -> Served {
        self.serve_with(&[])
    }

    /// The same with more options.
    pub fn serve_with(&self, more: &[&str]) -> Served {
        let mut child = self.spawn(&[&["serve", "--listen", "127.0.0.1:0", "--json"], more].concat());
        let mut first = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut first).expect("a line");
        let ready: Value = serde_json::from_str(&first).expect("the server is ready");
        let address = ready.get("address").and_then(Value::as_str).expect("an address");
        Served { url: format!("http://{address}"), child }
    }

    /// Indexes a folder that must have no failures, and gives the events without the summary.
    pub fn index(&self, folder: &Path) -> Vec<Value> {
        let mut lines = self.json(&[OsStr::new("index"), folder.as_os_str()]);
        let summary = lines.pop().expect("a summary");
        assert_eq!(summary.get("event"), Some(&Value::from("summary")));
        lines
    }
}

/// A server, stopped at the end.
#[derive(Debug)]
pub struct Served {
    /// Where it answers.
    pub url: String,
    child: Child,
}

impl Served {
    /// The process of the server.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A number of its `/proc/PID/status`, as `VmRSS:` in KiB.
    ///
    /// # Panics
    /// If it does not run, or the system tells no such number.
    pub fn status(&self, name: &str) -> u32 {
        let status = fs_err::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
        line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    }

    /// How many descriptors it has open.
    ///
    /// # Panics
    /// If it does not run.
    pub fn descriptors(&self) -> usize {
        fs_err::read_dir(format!("/proc/{}/fd", self.pid())).expect("it runs").count()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        signal(&self.child, Signal::TERM);
        let _ = self.child.wait();
    }
}

/// Media that ffmpeg makes of these arguments.
///
/// # Panics
/// If ffmpeg is not installed, or does not make it.
pub fn made_by_ffmpeg(path: &Path, args: &[&str]) {
    let done = Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-y"]).args(args).arg(path).status();
    assert!(done.expect("ffmpeg is installed").success(), "ffmpeg makes {}", path.display());
}

/// Sends a signal to a child that was not waited for yet.
///
/// # Panics
/// If it cannot be sent.
pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("the child is ours");
}

/// Copies a folder with all that lies in it.
///
/// # Panics
/// If it cannot be copied.
pub fn copy_folder(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).expect("folder");
    for entry in fs_err::read_dir(from).expect("list") {
        let path = entry.expect("entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs_err::copy(&path, &target).expect("copy");
        }
    }
}

/// Writes `z.txt` into the folder, the last of it in order: so many passages that no index run comes to their end while a
/// test looks, however slow the test is beside it.
///
/// # Panics
/// If it cannot be written.
pub fn endless(folder: &Path) -> PathBuf {
    let path = folder.join("z.txt");
    let text: String =
        (0..ENDLESS_LINES).map(|line| format!("line {line} tells of a boat and a bridge\n")).collect();
    fs_err::write(&path, text).expect("file");
    path
}

/// A small seeded generator (SplitMix64), so that a failure can be repeated.
#[derive(Debug)]
pub struct Seeded(pub u64);

impl Seeded {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is above 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next_u64() % end as u64).expect("below a usize")
    }
}
