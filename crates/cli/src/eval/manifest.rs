//! Rows of a manifest: one JSON object a line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::EvalError;

/// The split that takes every row but those held out.
const ALL: &str = "ALL";
/// The split of rows that are neither trained on nor in a gallery.
const HELD: &str = "held";

/// A row. Fields that no task reads are left out.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Row {
    /// The file, relative to the manifest.
    pub(super) file: PathBuf,
    /// What people say of it.
    #[serde(default)]
    pub(super) captions: Vec<String>,
    /// What it is.
    #[serde(default)]
    pub(super) label: Option<String>,
    /// Where it comes from.
    #[serde(default)]
    pub(super) source: Option<String>,
    /// Which part of the data it belongs to.
    #[serde(default)]
    pub(super) split: Option<String>,
    /// The image that a video was made of, relative to the manifest.
    #[serde(default)]
    pub(super) still: Option<PathBuf>,
}

/// The rows of a split.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manifest {
    /// The folder that files are relative to.
    pub(super) folder: PathBuf,
    /// The rows.
    pub(super) rows: Vec<Row>,
}

impl Manifest {
    /// Reads the rows of a split.
    pub(super) fn read(path: &Path, split: &str) -> Result<Self, EvalError> {
        let text = fs_err::read_to_string(path).map_err(|source| EvalError::Read { source })?;
        let path = std::path::absolute(path).map_err(|source| EvalError::Read { source })?;
        let folder = path.parent().unwrap_or(Path::new("/")).to_path_buf();
        Ok(Self { folder, rows: rows(&text, &path, split)? })
    }
}

fn rows(text: &str, path: &Path, split: &str) -> Result<Vec<Row>, EvalError> {
    let mut rows = Vec::new();
    let mut known = BTreeSet::new();
    for (line, json) in text.lines().enumerate().filter(|(_, json)| !json.trim().is_empty()) {
        let row: Row = serde_json::from_str(json).map_err(|source| EvalError::Row {
            path: path.to_path_buf(),
            line: line + 1,
            source,
        })?;
        let of_row = row.split.clone().unwrap_or_default();
        let is_taken = if split == ALL { of_row != HELD } else { of_row == split };
        known.insert(of_row);
        if is_taken {
            rows.push(row);
        }
    }
    if rows.is_empty() {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(EvalError::NoSplit { path: path.to_path_buf(), split: split.to_owned(), known });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"file": "a.jpg", "captions": ["a dog"], "label": null, "source": "s", "split": "dev"}

{"file": "b.ogg", "captions": [], "label": "dog", "seconds": 1.5, "split": "train"}
{"file": "c.jpg", "split": "held"}
"#;

    fn files(split: &str) -> Vec<PathBuf> {
        rows(TEXT, Path::new("/m.jsonl"), split).expect("rows").into_iter().map(|row| row.file).collect()
    }

    #[test]
    fn splits_choose_rows_and_all_takes_every_one_but_held() {
        assert_eq!(files("dev"), [Path::new("a.jpg")]);
        assert_eq!(files("held"), [Path::new("c.jpg")]);
        assert_eq!(files("ALL"), [Path::new("a.jpg"), Path::new("b.ogg")]);
    }

    #[test]
    fn mistakes_are_named() {
        let error = rows(TEXT, Path::new("/m.jsonl"), "test").expect_err("no such split");
        assert_eq!(error.to_string(), "/m.jsonl: no row has the split \"test\"; there are: dev, held, train");
        assert_eq!(error.exit(), crate::failure::Exit::Usage);
        let error = rows("{}", Path::new("/m.jsonl"), "dev").expect_err("no file");
        assert!(error.to_string().starts_with("/m.jsonl:1:"));
    }
}
