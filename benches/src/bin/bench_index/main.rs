//! The Rust side of `make bench-index`: the engine behind a pipe, and the vectors of real media that it is asked about.
//!
//! `sensorium-bench-index engine` answers commands, one JSON object a line, as the peers of `scripts/bench_index/` do;
//! `sensorium-bench-index encode --data FOLDER --out FOLDER [--points N]` writes vectors of the default bundle.
//!
//! | file | holds |
//! | --- | --- |
//! | `engine.rs` | the commands |
//! | `store.rs` | every use of the index crate |
//! | `meter.rs` | processor time and memory of this process |
//! | `raw.rs` | files of little-endian f32 |
//! | `encode.rs` | stages of encoding, each kept once it is whole |
//! | `photos.rs` | crops of photos: which, of what, resumable |
//! | `manifest.rs` | what the data folder holds |

mod encode;
mod engine;
mod manifest;
mod meter;
mod photos;
mod raw;
mod store;

use std::io::Write;
use std::process::ExitCode;

/// Whatever stops a run; it is printed and the run ends.
type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let done = match arguments.next().as_deref() {
        Some("engine") => engine::answer(),
        Some("encode") => encode::run(arguments),
        _ => {
            Err("usage: sensorium-bench-index engine | encode --data FOLDER --out FOLDER [--points N]".into())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// A line on standard error.
fn note(line: &str) {
    // Nobody reads on: nothing is left to be told.
    let _ = writeln!(std::io::stderr(), "{line}");
}
