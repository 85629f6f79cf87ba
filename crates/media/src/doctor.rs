//! Whether the programs that decoding calls are installed, and what keeps decoders from doing anything else.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::sandbox::{LayerReport, SandboxReport, Tried, try_sandbox};

/// A finding of `sensorium doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, or what to do.
    pub detail: String,
}

/// Looks for the programs that decoding calls, and at what keeps a worker of this program from doing anything else.
pub fn doctor(worker_program: &Path) -> Vec<Check> {
    let mut checks = programs();
    match try_sandbox(worker_program) {
        Ok(report) => checks.extend(sandbox(&report)),
        Err(error) => {
            let detail = format!("a decoding worker cannot be tried: {error}");
            checks.push(Check { name: "sandbox".to_owned(), ok: false, detail });
        }
    }
    checks
}

fn programs() -> Vec<Check> {
    ["ffmpeg", "ffprobe"]
        .into_iter()
        .map(|name| {
            let version = Command::new(name).arg("-version").stderr(Stdio::null()).output();
            match version {
                Ok(output) if output.status.success() => {
                    let text = String::from_utf8_lossy(&output.stdout);
                    Check { name: name.to_owned(), ok: true, detail: text.lines().next().unwrap_or_default().to_owned() }
                }
                Ok(_) | Err(_) => {
                    let detail = "not found: videos, HEIC and some audio files fail as `decoder missing`; install the \
                                  Debian package ffmpeg";
                    Check { name: name.to_owned(), ok: false, detail: detail.to_owned() }
                }
            }
        })
        .collect()
}

/// A row for each layer. One that the kernel does not give is told, and is no fault: decoding works without.
fn sandbox(report: &SandboxReport) -> Vec<Check> {
    let mut checks: Vec<Check> = report.layers.iter().map(layer).collect();
    let broken: Vec<String> = report.needed.iter().filter(|tried| !tried.done).map(told).collect();
    if !broken.is_empty() {
        let detail = format!("decoding does not work within it: {}", broken.join("; "));
        checks.push(Check { name: "sandbox".to_owned(), ok: false, detail });
    }
    checks
}

fn layer(layer: &LayerReport) -> Check {
    let holes: Vec<String> = layer.holes().map(told).collect();
    let (ok, detail) = match (&layer.given, holes.is_empty()) {
        (Ok(how), true) => (true, how.clone()),
        // It is said to be in force, and is not: that is wrong.
        (Ok(how), false) => (false, format!("{how}; and yet a worker can: {}", holes.join("; "))),
        (Err(why), true) => (true, format!("not in force: {why}; other layers refuse what it would")),
        (Err(why), false) => (true, format!("NOT in force: {why}; a worker can: {}", holes.join("; "))),
    };
    Check { name: format!("sandbox: {}", layer.name), ok, detail }
}

fn told(tried: &Tried) -> String {
    format!("{} ({})", tried.what, tried.answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_wrong_only_where_it_is_said_to_hold_and_does_not() {
        let tried = |done| Tried { what: "read".to_owned(), done, answer: "so".to_owned() };
        let check = |given: Result<&str, &str>, done| {
            let given = given.map(str::to_owned).map_err(str::to_owned);
            layer(&LayerReport { name: "files".to_owned(), given, tried: vec![tried(done)] })
        };
        let found = [(Ok("held"), false), (Ok("held"), true), (Err("old"), false), (Err("old"), true)]
            .map(|(given, done)| check(given, done));
        assert_eq!(found.each_ref().map(|check| check.ok), [true, false, true, true]);
        assert!(found.iter().all(|check| check.name == "sandbox: files"));
        assert_eq!(
            found.last().map(|check| check.detail.as_str()),
            Some("NOT in force: old; a worker can: read (so)")
        );
        let report = SandboxReport { layers: Vec::new(), needed: vec![tried(false)] };
        assert_eq!(sandbox(&report).iter().map(|check| check.ok).collect::<Vec<_>>(), [false]);
    }
}
