//! The ffmpeg of a process that is no worker itself, as for a clip: in a sandbox and under limits of its own.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::Limits;
use crate::sandbox::Sandbox;
use crate::tied::execute;

/// Memory that the ffmpeg of a clip may write: a frame of 120 million pixels and the encoder's dozen.
const CLIP_MEMORY_BYTES: u64 = 4 << 30;

/// Becomes another program as [`execute`] does, which can read this file alone.
pub(super) fn execute_confined(parent: &OsStr, file: &Path, program: &OsStr, args: &[OsString]) -> ExitCode {
    let limits = [
        (Resource::Data, CLIP_MEMORY_BYTES),
        (Resource::Nofile, Limits::MAX_OPEN_FILES),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ];
    let limited = limits.into_iter().all(|(resource, most)| {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).is_ok()
    });
    if !limited || Sandbox::enter().only(file).is_err() {
        return ExitCode::FAILURE;
    }
    execute(parent, program, args)
}
