//! `--meta`: the user's own metadata, joined by path.
//!
//! Rows are JSON objects, one a line, or CSV with a header. The field `path` (or `file`) names the file: absolute, or
//! relative to the indexed PATH or to the metadata file. All other fields are metadata. In CSV an empty cell is an
//! absent field, and a cell that reads as a JSON number or boolean is one.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sensorium_types::Payload;
use serde_json::{Map, Value};

use crate::EngineError;
use crate::error::MetadataProblem;

/// Fields that may name the file, in order.
const PATH_FIELDS: [&str; 2] = ["path", "file"];

/// Metadata of files, which remembers what of it was asked for.
#[derive(Debug, Default)]
pub struct MetaTable {
    /// The folder of the metadata file.
    folder: PathBuf,
    rows: HashMap<PathBuf, Row>,
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
        let mut table = Self { folder, rows: HashMap::new() };
        let is_csv = path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("csv"));
        if is_csv {
            table.read_csv(path)?
        } else {
            table.read_jsonl(path)?
        }
        Ok(table)
    }

    fn read_jsonl(&mut self, path: &Path) -> Result<(), EngineError> {
        let failed = |source| EngineError::Io { action: "read the metadata file", source };
        let file = fs_err::File::open(path).map_err(failed)?;
        for (line, text) in (1_u64..).zip(BufReader::new(file).lines()) {
            let wrong = |problem| EngineError::Metadata { path: path.to_path_buf(), line, problem };
            let text = text.map_err(failed)?;
            let text = text.trim_start_matches('\u{feff}');
            if text.trim().is_empty() {
                continue;
            }
            let fields: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
                // The only line that the parser sees is this one.
                wrong(MetadataProblem::Json(error.to_string().replace("at line 1 column", "at column")))
            })?;
            self.insert(fields).map_err(wrong)?;
        }
        Ok(())
    }

    fn read_csv(&mut self, path: &Path) -> Result<(), EngineError> {
        let failed = |source| EngineError::Io { action: "read the metadata file", source };
        let file = fs_err::File::open(path).map_err(failed)?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(BufReader::new(file));
        let wrong = |line, problem| EngineError::Metadata { path: path.to_path_buf(), line, problem };
        let not_csv = |error: csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            wrong(line, MetadataProblem::Csv(error.to_string()))
        };
        let header = reader.headers().map_err(not_csv)?.clone();
        for record in reader.records() {
            let record = record.map_err(not_csv)?;
            let line = record.position().map_or(1, csv::Position::line);
            let fields = header
                .iter()
                .zip(&record)
                .map(|(name, cell)| (name.trim_start_matches('\u{feff}').trim(), cell))
                .filter(|(name, cell)| !name.is_empty() && !cell.is_empty())
                .map(|(name, cell)| (name.to_owned(), csv_value(name, cell)))
                .collect();
            self.insert(fields).map_err(|problem| wrong(line, problem))?;
        }
        Ok(())
    }

    /// Adds a row; of two rows of one file the later fields win.
    fn insert(&mut self, mut fields: Map<String, Value>) -> Result<(), MetadataProblem> {
        let name = PATH_FIELDS.into_iter().find(|name| fields.get(*name).is_some_and(Value::is_string));
        let path = match name.and_then(|name| fields.shift_remove(name)) {
            Some(Value::String(path)) if !path.is_empty() => tidy(Path::new(&path)),
            Some(_) | None => return Err(MetadataProblem::NoPath),
        };
        let metadata = Payload(fields);
        metadata.check_user().map_err(MetadataProblem::Payload)?;
        let row =
            self.rows.entry(path).or_insert_with(|| Row { metadata: Payload::new(), used: false.into() });
        row.metadata.merge(&metadata);
        row.metadata.check_user().map_err(MetadataProblem::Payload)
    }

    /// Metadata of a file met below a root.
    pub fn get(&self, root: &Path, path: &Path) -> Option<&Payload> {
        if self.rows.is_empty() {
            return None;
        }
        let relative = |base: &Path| path.strip_prefix(base).ok().and_then(|below| self.rows.get(below));
        // A root that is a file: its folder counts as the root.
        let row = self
            .rows
            .get(path)
            .or_else(|| relative(root))
            .or_else(|| relative(&self.folder))
            .or_else(|| if path == root { relative(root.parent()?) } else { None })?;
        row.used.store(true, Ordering::Relaxed);
        Some(&row.metadata)
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

/// A cell as JSON. The path stays text, whatever it looks like.
fn csv_value(name: &str, cell: &str) -> Value {
    if PATH_FIELDS.contains(&name) {
        return Value::from(cell);
    }
    match serde_json::from_str::<Value>(cell) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        Ok(Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_)) | Err(_) => Value::from(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, text: &str) -> (tempfile::TempDir, Result<MetaTable, EngineError>) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join(name);
        fs_err::write(&path, text).expect("written");
        let table = MetaTable::read(&path);
        (folder, table)
    }

    fn year(payload: Option<&Payload>) -> Option<i64> {
        payload.and_then(|payload| payload.get("year")).and_then(Value::as_i64)
    }

    #[test]
    fn rows_join_by_absolute_path_root_and_folder_of_the_file() {
        let text = concat!(
            "{\"path\": \"/m/a.jpg\", \"year\": 1}\n\n",
            "{\"file\": \"./sub/b.jpg\", \"year\": 2}\n",
            "{\"path\": \"beside.jpg\", \"year\": 3}\n",
            "{\"path\": \"never.jpg\", \"year\": 4}\n",
        );
        let (folder, table) = table("meta.jsonl", text);
        let table = table.expect("read");
        let root = Path::new("/m");
        assert_eq!(year(table.get(root, Path::new("/m/a.jpg"))), Some(1));
        assert_eq!(year(table.get(root, Path::new("/m/sub/b.jpg"))), Some(2));
        assert_eq!(year(table.get(root, &folder.path().join("beside.jpg"))), Some(3));
        let lone = Path::new("/n/beside.jpg");
        assert_eq!(year(table.get(lone, lone)), Some(3), "beside a PATH that is a file");
        assert_eq!(table.get(root, Path::new("/m/other.jpg")), None);
        assert!(table.get(root, Path::new("/m/a.jpg")).is_some_and(|payload| payload.get("path").is_none()));
        assert_eq!(table.unused(), 1);
    }

    #[test]
    fn csv_cells_become_numbers_booleans_and_text() {
        let text = "\u{feff}path,year,good,title,code,none\n\"a, b.jpg\",2020,true,\"A \"\"b\"\"\",007,\n";
        let (_folder, table) = table("meta.csv", text);
        let table = table.expect("read");
        let row = table.get(Path::new("/m"), Path::new("/m/a, b.jpg")).expect("joined");
        let expected = serde_json::json!({"year": 2020, "good": true, "title": "A \"b\"", "code": "007"});
        assert_eq!(Value::Object(row.0.clone()), expected);
    }

    #[test]
    fn a_wrong_row_is_named_by_its_line() {
        for (name, text, at) in [
            ("meta.jsonl", "{\"path\": \"a\"}\n[1]\n", 2),
            ("meta.jsonl", "{\"year\": 1}\n", 1),
            ("meta.jsonl", "{\"path\": \"a\", \"_x\": 1}\n", 1),
            ("meta.csv", "name,year\na,1\n", 2),
        ] {
            let (_folder, table) = table(name, text);
            assert!(matches!(table, Err(EngineError::Metadata { line, .. }) if line == at), "{text}");
        }
    }
}
