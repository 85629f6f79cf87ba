//! Which programs a worker may run, and what these read to start.

use std::env;
use std::path::{Path, PathBuf};

use crate::tied::THIS_PROGRAM;

/// Where systems keep programs and libraries.
const SYSTEM: [&str; 9] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store", "/opt/homebrew"];
/// What libraries read to start or to count cores.
const FACTS: [&str; 10] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/dev/urandom",
    "/dev/random",
];
/// What is written to be forgotten.
pub(super) const NOWHERE: &str = "/dev/null";
/// Programs that decoding runs.
const HELPERS: [&str; 2] = ["ffmpeg", "ffprobe"];

/// What may be run and read: folders, and files outside of them.
pub(super) fn run_and_read() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    paths.push(THIS_PROGRAM.into());
    let folders = env::var_os("PATH").unwrap_or_default();
    for helper in HELPERS {
        let found = env::split_paths(&folders).map(|folder| folder.join(helper)).find(|path| path.is_file());
        let Some(program) = found.and_then(|path| path.canonicalize().ok()) else { continue };
        if SYSTEM.iter().any(|folder| program.starts_with(folder)) {
            continue;
        }
        // One that somebody put elsewhere: it, and the libraries beside it.
        let beside = program.parent().and_then(Path::parent).map(|folder| folder.join("lib"));
        paths.extend(beside.filter(|folder| folder.is_dir()));
        paths.push(program);
    }
    paths
}

/// What may be read only.
pub(super) fn read() -> Vec<PathBuf> {
    let libraries = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let folders =
        env::split_paths(&libraries).filter(|folder| folder.is_absolute() && folder.parent().is_some());
    FACTS.iter().chain([&NOWHERE]).map(PathBuf::from).chain(folders).collect()
}
