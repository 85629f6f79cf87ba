//! `server.json`: which process serves a data folder, and where (CONTRACTS.md section 5).
//!
//! One process writes a data folder. A server that holds one leaves this file, so that commands find their way to it.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::EngineError;

/// Name of the file in the data folder.
const FILE_NAME: &str = "server.json";

/// A server that holds a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Its process.
    pub pid: u32,
    /// Where it listens, for instance `127.0.0.1:7700`.
    pub address: String,
    /// Version of the protocol that it speaks.
    pub protocol: u32,
}

/// The server that holds the data folder, if one does. A file left by a process that is gone counts for nothing.
pub fn running_server(data_dir: &Path) -> Option<ServerInfo> {
    let bytes = fs_err::read(file(data_dir)).ok()?;
    let info: ServerInfo = serde_json::from_slice(&bytes).ok()?;
    is_alive(info.pid).then_some(info)
}

/// Says that a server holds the data folder. The file appears whole.
///
/// # Errors
/// [`EngineError::Io`] if it cannot be written.
pub fn write_server_info(data_dir: &Path, info: &ServerInfo) -> Result<(), EngineError> {
    let failed = |source| EngineError::Io { action: "write server.json", source };
    let text = serde_json::to_vec(info).map_err(|error| failed(std::io::Error::other(error)))?;
    fs_err::create_dir_all(data_dir).map_err(failed)?;
    let temporary = data_dir.join(format!("{FILE_NAME}.{}", info.pid));
    fs_err::write(&temporary, text).map_err(failed)?;
    fs_err::rename(&temporary, file(data_dir)).map_err(failed)
}

/// Takes the file away, if it speaks of the process `pid`.
pub fn remove_server_info(data_dir: &Path, pid: u32) {
    let path = file(data_dir);
    let ours = fs_err::read(&path)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<ServerInfo>(&bytes).ok())
        .is_some_and(|info| info.pid == pid);
    if ours && let Err(error) = fs_err::remove_file(&path) {
        tracing::warn!(%error, "remove server.json");
    }
}

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE_NAME)
}

/// Whether a process with this id runs; one of another user counts.
fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    match test_kill_process(pid) {
        Ok(()) => true,
        Err(error) => error == rustix::io::Errno::PERM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_found_while_it_lives() {
        let folder = tempfile::tempdir().expect("temporary folder");
        assert_eq!(running_server(folder.path()), None);
        let mine = ServerInfo { pid: std::process::id(), address: "127.0.0.1:7700".to_owned(), protocol: 1 };
        write_server_info(folder.path(), &mine).expect("written");
        assert_eq!(running_server(folder.path()), Some(mine.clone()));
        remove_server_info(folder.path(), mine.pid + 1);
        assert_eq!(running_server(folder.path()), Some(mine.clone()));
        remove_server_info(folder.path(), mine.pid);
        assert_eq!(running_server(folder.path()), None);
    }

    #[test]
    fn a_file_of_a_dead_process_or_damaged_counts_for_nothing() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut child = std::process::Command::new("true").spawn().expect("starts");
        let pid = child.id();
        child.wait().expect("ends");
        let info = ServerInfo { pid, address: "127.0.0.1:1".to_owned(), protocol: 1 };
        write_server_info(folder.path(), &info).expect("written");
        assert_eq!(running_server(folder.path()), None);
        fs_err::write(folder.path().join(FILE_NAME), b"{").expect("written");
        assert_eq!(running_server(folder.path()), None);
    }
}
