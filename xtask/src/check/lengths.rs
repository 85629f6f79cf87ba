//! How long our Rust files are: the shape that STYLE.md aims at.

use std::path::{Path, PathBuf};

use anyhow::Result;

const FOLDERS: [&str; 6] = ["crates", "models", "xtask", "tests", "benches", "fuzz"];
/// Nine files in ten are shorter.
const LONG: usize = 500;
/// No file is longer.
const TOO_LONG: usize = 1_000;

pub(super) struct Lengths {
    /// Shortest first.
    files: Vec<(usize, PathBuf)>,
}

/// Counts the lines of every Rust file.
pub(super) fn measure(root: &Path) -> Result<Lengths> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut paths)?;
    }
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let lines = fs_err::read_to_string(&path)?.lines().count();
        files.push((lines, path.strip_prefix(root).unwrap_or(&path).to_owned()));
    }
    files.sort();
    Ok(Lengths { files })
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                collect(&path, paths)?;
            }
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}

impl Lengths {
    pub(super) fn report(&self) -> String {
        let total: usize = self.files.iter().map(|(lines, _)| lines).sum();
        let median = self.files.get(self.files.len() / 2).map_or(0, |(lines, _)| *lines);
        let mut report = format!("{} Rust files, {total} lines, median {median}", self.files.len());
        for (lines, path) in self.files.iter().rev().filter(|(lines, _)| *lines >= LONG) {
            report.push_str(&format!("\n  {lines} lines: {}", path.display()));
        }
        report
    }

    pub(super) fn check(&self) -> Vec<String> {
        let long = self.files.iter().filter(|(lines, _)| *lines >= LONG).count();
        let mut complaints: Vec<String> = self
            .files
            .iter()
            .filter(|(lines, _)| *lines > TOO_LONG)
            .map(|(lines, path)| format!("{} has {lines} lines, more than {TOO_LONG}", path.display()))
            .collect();
        if long * 10 > self.files.len() {
            complaints.push(format!("{long} of {} files have {LONG} lines or more", self.files.len()));
        }
        complaints
    }
}
