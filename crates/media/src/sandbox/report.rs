//! Whether the sandbox holds, seen from outside: a worker is asked to try what it must not do.

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use serde::{Deserialize, Serialize};

use super::Given;
use crate::tied::{TRY, WORKER_SUBCOMMAND, bare};

/// What a worker found out about its sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReport {
    /// Every layer.
    pub layers: Vec<LayerReport>,
    /// What must go on working within.
    pub needed: Vec<Tried>,
}

/// One layer of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Its name: `network`, `files`, `calls`, `rights` or `descriptors`.
    pub name: String,
    /// How it is in force, or why the kernel did not give it.
    pub given: Given,
    /// What was tried against it. Another layer may refuse that as well.
    pub tried: Vec<Tried>,
}

/// Something that was tried in a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// What.
    pub what: String,
    /// Whether it could be done.
    pub done: bool,
    /// What came of it, in the kernel's words.
    pub answer: String,
}

impl LayerReport {
    /// What should have been refused, and was not.
    pub fn holes(&self) -> impl Iterator<Item = &Tried> {
        self.tried.iter().filter(|tried| tried.done)
    }
}

/// Starts a worker of this program, and lets it try what it must not do: on files that are made for it, and on a port of
/// loopback that is opened for it.
///
/// # Errors
/// If the files cannot be made, the worker cannot be started, or its answer is no report.
pub fn try_sandbox(program: &Path) -> io::Result<SandboxReport> {
    let folder = tempfile::Builder::new().prefix("sensorium-trial-").tempdir()?;
    let [given, other] = ["given.wav", "other.wav"].map(|name| folder.path().join(name));
    for path in [&given, &other] {
        fs_err::write(path, short_wav())?;
    }
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let output = bare(program)
        .args([WORKER_SUBCOMMAND, TRY])
        .args([&given, &other, folder.path()])
        .arg(listener.local_addr()?.to_string())
        .stdin(Stdio::null())
        .output()?;
    serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        io::Error::other(format!("{}, {error}: {}", output.status, said.trim()))
    })
}

/// A tenth of a second of silence.
fn short_wav() -> Vec<u8> {
    const RATE_HZ: u32 = 8_000;
    const BYTES: u32 = RATE_HZ / 10 * 2;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + BYTES).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(RATE_HZ.to_le_bytes());
    wav.extend((RATE_HZ * 2).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(BYTES.to_le_bytes());
    wav.extend((0..BYTES).map(|_| 0));
    wav
}
