//! `server.json`: which process serves a data folder, and where (CONTRACTS.md section 5).
//!
//! One process writes a data folder. A server that holds one leaves this file, so that commands find their way to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};
use sensorium_store::Storage;
use serde::{Deserialize, Serialize};

use crate::EngineError;
use crate::replace::{FOR_ALL, replace_file};

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
    /// Whether it is to be spoken to by TLS.
    #[serde(default)]
    pub tls: bool,
}

impl ServerInfo {
    /// The URL at which it is reached from this machine.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let address = match self.address.parse::<SocketAddr>() {
            // It listens on every address of the machine; one of them is loopback.
            Ok(address) if address.ip().is_unspecified() => {
                let ip: IpAddr = match address.ip() {
                    IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                    IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
                };
                SocketAddr::new(ip, address.port()).to_string()
            }
            Ok(_) | Err(_) => self.address.clone(),
        };
        format!("{scheme}://{address}")
    }
}

/// What `server.json` of a data folder comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// No server is announced.
    No,
    /// A server holds the folder.
    By(ServerInfo),
    /// The file was left by a server that is gone.
    Left(PathBuf),
}

/// Whether a server holds the data folder. The writer's lock tells whether it lives; its process number counts only
/// where the lock cannot be asked, and never if it is our own.
pub fn served(storage: &dyn Storage, data_dir: &Path) -> Served {
    let path = file(data_dir);
    let Ok(bytes) = fs_err::read(&path) else { return Served::No };
    let Ok(info) = serde_json::from_slice::<ServerInfo>(&bytes) else { return Served::Left(path) };
    let by_number = || info.pid != std::process::id() && is_alive(info.pid);
    if storage.has_writer(data_dir).unwrap_or_else(by_number) { Served::By(info) } else { Served::Left(path) }
}

/// The server that holds the data folder, if one does.
pub fn running_server(storage: &dyn Storage, data_dir: &Path) -> Option<ServerInfo> {
    match served(storage, data_dir) {
        Served::By(info) => Some(info),
        Served::No | Served::Left(_) => None,
    }
}

/// Says that a server holds the data folder. The file appears whole.
///
/// # Errors
/// [`EngineError::Io`] if it cannot be written.
pub fn write_server_info(data_dir: &Path, info: &ServerInfo) -> Result<(), EngineError> {
    let failed = |source| EngineError::Io { action: "write server.json", source };
    let text = serde_json::to_vec(info).map_err(|error| failed(std::io::Error::other(error)))?;
    fs_err::create_dir_all(data_dir).map_err(failed)?;
    replace_file(&file(data_dir), &text, FOR_ALL).map_err(failed)
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

/// Takes away what a server left that is gone. Only for who holds the writer's lock, and so knows that it is.
pub(crate) fn clear(data_dir: &Path) {
    match fs_err::remove_file(file(data_dir)) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, "remove server.json"),
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
    use sensorium_index::{Database, OpenOptions};
    use sensorium_store_embedded::Embedded;

    use super::*;

    fn announce(data_dir: &Path, pid: u32) -> ServerInfo {
        let info = ServerInfo { pid, address: "127.0.0.1:7700".to_owned(), protocol: 1, tls: false };
        write_server_info(data_dir, &info).expect("written");
        info
    }

    #[test]
    fn a_server_of_every_address_is_reached_by_loopback() {
        let url =
            |address: &str, tls| ServerInfo { pid: 1, address: address.to_owned(), protocol: 1, tls }.url();
        assert_eq!(url("127.0.0.1:7700", false), "http://127.0.0.1:7700");
        assert_eq!(url("0.0.0.0:7700", true), "https://127.0.0.1:7700");
        assert_eq!(url("[::]:7700", true), "https://[::1]:7700");
        let before = serde_json::from_str::<ServerInfo>(r#"{"pid":1,"address":"127.0.0.1:1","protocol":1}"#);
        assert_eq!(before.map(|info| info.tls).ok(), Some(false));
    }

    fn writer(data_dir: &Path) -> Database {
        Database::open(data_dir, OpenOptions::default()).expect("opens")
    }

    #[test]
    fn a_server_lives_as_long_as_it_holds_the_lock() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (data, own) = (folder.path(), std::process::id());
        assert_eq!(served(&Embedded, data), Served::No);
        let holder = writer(data);
        // The same number in another container.
        let info = announce(data, own);
        assert_eq!(served(&Embedded, data), Served::By(info.clone()));
        remove_server_info(data, own + 1);
        assert_eq!(running_server(&Embedded, data), Some(info));
        drop(holder);
        assert_eq!(served(&Embedded, data), Served::Left(data.join(FILE_NAME)), "killed: the lock is free");
        assert_eq!(running_server(&Embedded, data), None);
        remove_server_info(data, own);
        assert_eq!(served(&Embedded, data), Served::No);
    }

    #[test]
    fn a_process_that_lives_is_no_server_where_the_lock_is_free() {
        let folder = tempfile::tempdir().expect("temporary folder");
        // Process 1 lives always.
        announce(folder.path(), 1);
        assert_eq!(running_server(&Embedded, folder.path()), None);
        drop(writer(folder.path()));
        assert_eq!(running_server(&Embedded, folder.path()), None);
        fs_err::write(folder.path().join(FILE_NAME), b"{").expect("written");
        assert_eq!(running_server(&Embedded, folder.path()), None, "a damaged file counts for nothing");
    }

    #[test]
    fn where_the_lock_cannot_be_asked_the_number_tells() {
        let folder = tempfile::tempdir().expect("temporary folder");
        // No file system gives a lock on a link that leads to itself.
        std::os::unix::fs::symlink("lock", folder.path().join("lock")).expect("linked");
        let other = announce(folder.path(), std::os::unix::process::parent_id());
        assert_eq!(running_server(&Embedded, folder.path()), Some(other));
        announce(folder.path(), std::process::id());
        assert_eq!(running_server(&Embedded, folder.path()), None, "our own number is never another's");
        let mut child = std::process::Command::new("true").spawn().expect("starts");
        child.wait().expect("ends");
        announce(folder.path(), child.id());
        assert_eq!(running_server(&Embedded, folder.path()), None);
    }
}
