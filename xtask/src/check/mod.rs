//! `cargo xtask check`: what DESIGN and STYLE promise about the workspace, from `cargo metadata` and the files.
//!
//! Every check gives its complaints as sentences; one complaint fails the run, after all have been said.

mod arrows;
mod circles;
mod duplicates;
mod lengths;
mod libraries;
mod licences;
mod links;
mod metadata;

use std::path::Path;

use anyhow::{Result, bail};

/// Runs every check.
pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = metadata::read(root)?;
    let lengths = lengths::measure(root)?;
    println!("{}", lengths.report());
    let checks = [
        ("arrows between our crates", arrows::check(&metadata)),
        ("circles of modules", circles::check(root)?),
        ("heavy libraries in their one crate", libraries::check(&metadata)),
        ("one version of each", duplicates::check(&metadata)),
        ("licences", licences::check(&metadata)),
        ("lengths of files", lengths.check()),
        ("links", links::check(root)?),
    ];
    let mut complaints = 0;
    for (name, found) in checks {
        println!("{name}: {}", if found.is_empty() { "good" } else { "not good" });
        for complaint in &found {
            println!("  {complaint}");
        }
        complaints += found.len();
    }
    if complaints > 0 {
        bail!("{complaints} complaints");
    }
    Ok(())
}
