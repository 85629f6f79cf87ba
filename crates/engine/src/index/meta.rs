//! `--meta`: the user's own metadata, joined by path.
//!
//! Rows are JSON objects, one a line, or a table with a header. The field `path` (or `file`, in any case of letters)
//! names the file: absolute, or relative to the indexed PATH or to the metadata file, and however its accents are
//! composed. All other fields are metadata. In a table an empty cell is an absent field, and a cell that reads as a JSON
//! number or boolean is one; numbers that 64 bits or an f64 cannot hold stay text.
//!
//! | file | holds |
//! | --- | --- |
//! | `source.rs` | the bytes of the file, and its lines |
//! | `table.rs` | tables: header, delimiter, quotes |

mod source;
mod table;

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sensorium_types::{Payload, nfc, read_number};
use serde_json::{Map, Value};

use self::source::{Wrong, next_line, open};
use self::table::Table;
use crate::EngineError;
use crate::error::MetadataProblem;

/// Fields that may name the file, in order.
const PATH_FIELDS: [&str; 2] = ["path", "file"];
/// Suffixes of tables; all else is JSON lines.
const TABLE_SUFFIXES: [&str; 3] = ["csv", "tsv", "tab"];

/// Metadata of files, which remembers what of it was asked for.
#[derive(Debug, Default)]
pub struct MetaTable {
    /// The folder of the metadata file.
    folder: PathBuf,
    rows: HashMap<PathBuf, Row>,
    /// Composed forms of the paths that are not ASCII.
    composed: HashMap<String, PathBuf>,
}

#[derive(Debug)]
struct Row {
    metadata: Payload,
    used: AtomicBool,
}

impl MetaTable {
    /// Reads a metadata file.
    ///
    /// # Errors
    /// [`EngineError::Metadata`] names the line that cannot be used.
    pub fn read(path: &Path) -> Result<Self, EngineError> {
        let failed = |source| EngineError::Io { action: "read the metadata file", source };
        let absolute = std::path::absolute(path).map_err(failed)?;
        let folder = absolute.parent().unwrap_or(&absolute).to_path_buf();
        let mut table = Self { folder, ..Self::default() };
        let suffix = path.extension().unwrap_or_default();
        let read = if TABLE_SUFFIXES.iter().any(|table| suffix.eq_ignore_ascii_case(table)) {
            table.read_table(path)
        } else {
            table.read_jsonl(path)
        };
        match read {
            Ok(()) => Ok(table),
            Err(Wrong::Io(source)) => Err(failed(source)),
            Err(Wrong::Line { line, problem }) => {
                Err(EngineError::Metadata { path: path.to_path_buf(), line, problem })
            }
        }
    }

    fn read_jsonl(&mut self, path: &Path) -> Result<(), Wrong> {
        let mut reader = open(path)?;
        let mut line = 1;
        while let Some(text) = next_line(&mut reader, line)? {
            let text = text.trim_start_matches('\u{feff}');
            if !text.trim().is_empty() {
                let Payload(fields) = Payload::from_json(text).map_err(|error| {
                    // The only line that the parser sees is this one.
                    let told = error.to_string().replace("at line 1 column", "at column");
                    Wrong::at(line, MetadataProblem::Json(told))
                })?;
                self.insert(fields).map_err(|problem| Wrong::at(line, problem))?;
            }
            line += 1;
        }
        Ok(())
    }

    fn read_table(&mut self, path: &Path) -> Result<(), Wrong> {
        let Some(mut table) = Table::open(open(path)?)? else { return Ok(()) };
        while let Some(row) = table.next()? {
            let path = path_field(row.cells.iter().map(|(name, _)| name.as_str())).map(str::to_owned);
            let fields = row.cells.into_iter().map(|(name, cell)| {
                let is_path = path.as_deref() == Some(name.as_str());
                (name, if is_path { Value::String(cell) } else { json_of(cell) })
            });
            self.insert(fields.collect()).map_err(|problem| Wrong::at(row.line, problem))?;
        }
        Ok(())
    }

    /// Adds a row; of two rows of one file the later fields win.
    fn insert(&mut self, mut fields: Map<String, Value>) -> Result<(), MetadataProblem> {
        let texts = fields.iter().filter(|(_, value)| value.is_string()).map(|(name, _)| name.as_str());
        let name = path_field(texts).map(str::to_owned);
        let path = match name.and_then(|name| fields.shift_remove(&name)) {
            Some(Value::String(path)) if !path.is_empty() => tidy(Path::new(&path)),
            Some(_) | None => return Err(MetadataProblem::NoPath),
        };
        let metadata = Payload(fields);
        metadata.check_user().map_err(MetadataProblem::Payload)?;
        if let Some(text) = path.to_str().filter(|text| !text.is_ascii()) {
            self.composed.insert(nfc(text).into_owned(), path.clone());
        }
        let row =
            self.rows.entry(path).or_insert_with(|| Row { metadata: Payload::new(), used: false.into() });
        row.metadata.merge(metadata);
        row.metadata.check_user().map_err(MetadataProblem::Payload)
    }

    /// Metadata of a file met below a root: of the row with exactly its name, else with its name in another
    /// composition of accents.
    pub fn get(&self, root: &Path, path: &Path) -> Option<&Payload> {
        if self.rows.is_empty() {
            return None;
        }
        let below = |base: &Path| path.strip_prefix(base).ok();
        // A root that is a file: its folder counts as the root.
        let parent = if path == root { root.parent() } else { None };
        let names = [Some(path), below(root), below(&self.folder), parent.and_then(below)];
        let exact = names.iter().flatten().find_map(|name| self.rows.get(*name));
        let row = exact.or_else(|| names.iter().flatten().find_map(|name| self.row_composed(name)))?;
        row.used.store(true, Ordering::Relaxed);
        Some(&row.metadata)
    }

    fn row_composed(&self, name: &Path) -> Option<&Row> {
        if self.composed.is_empty() {
            return None;
        }
        self.rows.get(self.composed.get(nfc(name.to_str()?).as_ref())?)
    }

    /// Rows that no file took.
    pub fn unused(&self) -> u64 {
        self.rows.values().filter(|row| !row.used.load(Ordering::Relaxed)).count() as u64
    }
}

/// The path without `.` components.
fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|component| *component != Component::CurDir).collect()
}

/// The field that names the file: `path` before `file`, as written before other cases of letters.
fn path_field<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let exact = PATH_FIELDS.iter().find_map(|field| names.clone().find(|name| name == field));
    exact.or_else(|| {
        PATH_FIELDS.iter().find_map(|field| names.clone().find(|name| name.eq_ignore_ascii_case(field)))
    })
}

/// A cell as JSON.
fn json_of(cell: String) -> Value {
    match cell.trim() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        written => read_number(written).map_or(Value::String(cell), Value::Number),
    }
}

#[cfg(test)]
mod tests;
