//! What admins do: a line of JSON for each call that needs an admin, in `<data>/audit.jsonl`, whether it was let in or not.
//!
//! At 16 MiB the file becomes `audit.jsonl.1`, in the place of the one before.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::json;

use super::Caller;

const FILE: &str = "audit.jsonl";
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The log of a data folder.
#[derive(Debug)]
pub(crate) struct AuditLog {
    path: PathBuf,
    one_at_a_time: Mutex<()>,
}

impl AuditLog {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE), one_at_a_time: Mutex::default() }
    }

    /// Takes note of a call. One that cannot be written is told in the server's log.
    pub(crate) fn note(&self, caller: &Caller, call: &str, code: &str) {
        let who = match caller {
            Caller::Anyone => json!("anyone"),
            Caller::Nobody(_) => json!(null),
            Caller::Key(key) => json!(key.id),
        };
        let line = json!({ "time": Timestamp::now().to_string(), "key": who, "call": call, "code": code });
        if let Err(error) = self.write(&line.to_string()) {
            tracing::error!(%error, %line, "the audit log cannot be written");
        }
    }

    fn write(&self, line: &str) -> std::io::Result<()> {
        let _guard = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        if fs_err::metadata(&self.path).is_ok_and(|facts| facts.len() >= MAX_BYTES) {
            fs_err::rename(&self.path, self.path.with_extension("jsonl.1"))?;
        }
        let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        writeln!(file, "{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_makes_room_and_lines_are_json() {
        let data = tempfile::tempdir().expect("a folder");
        let log = AuditLog::new(data.path());
        log.note(&Caller::Anyone, "KeysService/ListKeys", "0");
        log.note(&Caller::Nobody("why"), "a \"call\"", "16");
        let text = fs_err::read_to_string(data.path().join(FILE)).expect("reads");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(
            lines.iter().map(|line| &line["key"]).collect::<Vec<_>>(),
            [&json!("anyone"), &json!(null)]
        );
        let file = std::fs::OpenOptions::new().write(true).open(data.path().join(FILE)).expect("opens");
        file.set_len(MAX_BYTES).expect("grows");
        log.note(&Caller::Anyone, "x", "0");
        assert!(fs_err::metadata(data.path().join(FILE)).expect("there").len() < 1000);
        assert!(data.path().join("audit.jsonl.1").exists());
    }
}
