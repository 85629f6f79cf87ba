//! A server as users start it: the program, on a free port.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sensorium_client::Client;

use crate::worker_program;

/// A server of a data folder on a free port, killed at the end.
#[derive(Debug)]
pub struct Server {
    /// Where it answers.
    pub url: String,
    child: Child,
}

impl Server {
    /// Starts it.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(data: &Path) -> Self {
        let mut child = Command::new(worker_program())
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut first = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut first).expect("a line");
        let ready: serde_json::Value = serde_json::from_str(&first).expect("the server is ready");
        let address = ready.get("address").and_then(serde_json::Value::as_str).expect("an address");
        Self { url: format!("http://{address}"), child }
    }

    /// A client of it.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn client(&self) -> Client {
        Client::connect(&self.url).await.expect("connects")
    }

    /// Memory of its own, which no file stands behind.
    pub fn anonymous_mb(&self) -> f64 {
        let status = fs_err::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .and_then(|kib| kib.trim().parse::<f64>().ok());
        kib.unwrap_or(f64::NAN) / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
