//! [`Recorder`]: builds the library that records, and runs programs under it.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::log::Log;

const SOURCE: &str = include_str!("recorder.c");
/// The variable that names the control file, for a program that makes its own disk full.
const CONTROL: &str = "SENSORIUM_DISK_CONTROL";
const ENOSPC: i64 = 28;
const EROFS: i64 = 30;

/// What the disk takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Everything.
    Unbounded,
    /// So many bytes, then "no space left on device".
    Bytes(u32),
    /// Nothing: "read-only file system".
    ReadOnly,
}

impl Room {
    /// Sets what the disk of this program takes, from inside of it.
    ///
    /// # Panics
    /// If it does not run under a [`Recorder`].
    pub fn set_here(self) {
        let control = std::env::var_os(CONTROL).expect("runs under a recorder");
        self.write(Path::new(&control));
    }

    fn write(self, control: &Path) {
        let (room, error) = match self {
            Self::Unbounded => (-1, 0),
            Self::Bytes(bytes) => (i64::from(bytes), ENOSPC),
            Self::ReadOnly => (0, EROFS),
        };
        let numbers = [room.to_le_bytes(), error.to_le_bytes()].concat();
        let file = fs_err::OpenOptions::new().write(true).create(true).truncate(false).open(control);
        file.and_then(|file| file.file().write_all_at(&numbers, 0)).expect("the control file is written");
    }
}

/// A library that records, its log, and the control of its disk.
#[derive(Debug)]
pub struct Recorder {
    folder: TempDir,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// Builds the library with the C compiler that building the program needs.
    ///
    /// # Panics
    /// If it cannot be built.
    pub fn new() -> Self {
        let folder = TempDir::new().expect("the temporary folder can be written");
        let source = folder.path().join("recorder.c");
        fs_err::write(&source, SOURCE).expect("the temporary folder can be written");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let recorder = Self { folder };
        let built = Command::new(compiler)
            .args(["-O1", "-shared", "-fPIC", "-pthread", "-o"])
            .arg(recorder.library())
            .arg(&source)
            .output()
            .expect("the C compiler starts");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Room::Unbounded.write(&recorder.control());
        recorder
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("recorder.so")
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    fn records(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Makes a command be recorded in what it does below a folder, which is empty when the first command starts, and in
    /// what it says on its standard output. Commands run one after another.
    pub fn attach(&self, command: &mut Command, root: &Path) {
        let root = root.canonicalize().expect("the folder is there");
        command
            .env("LD_PRELOAD", self.library())
            .env("SENSORIUM_DISK_ROOT", root)
            .env("SENSORIUM_DISK_LOG", self.records())
            .env(CONTROL, self.control());
    }

    /// Sets what the disk takes from now on.
    pub fn room(&self, room: Room) {
        room.write(&self.control());
    }

    /// What was recorded so far.
    ///
    /// # Panics
    /// If something happened that cannot be followed.
    pub fn log(&self) -> Log {
        Log::read(&fs_err::read(self.records()).expect("something was recorded"))
    }
}
