//! What the data folder holds, in an order that its names alone decide.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Error;

/// A row of `index.jsonl`.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The file.
    pub(crate) path: PathBuf,
    /// Hash of its name, which orders and splits.
    pub(crate) hash: u64,
    /// Human captions.
    pub(crate) captions: Vec<String>,
    /// One word for it.
    pub(crate) label: Option<String>,
    /// Whether neither encoder nor captioner was trained on it.
    pub(crate) unseen: bool,
}

/// The rows below a folder of the data, in order of hash.
///
/// # Errors
/// If the manifest cannot be read, or has none.
pub(crate) fn rows(data: &Path, under: &str) -> Result<Vec<Row>, Error> {
    let text = fs_err::read_to_string(data.join("index.jsonl"))?;
    let mut rows = Vec::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line)?;
        let word = |name: &str| row.get(name).and_then(Value::as_str);
        let file = word("file").ok_or("a row of index.jsonl without a file")?;
        if !file.starts_with(under) {
            continue;
        }
        let captions = row.get("captions").and_then(Value::as_array).into_iter().flatten();
        rows.push(Row {
            path: data.join(file),
            hash: hash(file),
            captions: captions.filter_map(|caption| caption.as_str().map(str::to_owned)).collect(),
            label: word("label").map(str::to_owned),
            unseen: word("split").is_some_and(|split| split.starts_with("dev")),
        });
    }
    if rows.is_empty() {
        return Err(format!("index.jsonl names nothing below {under}").into());
    }
    rows.sort_by_key(|row| row.hash);
    Ok(rows)
}

/// FNV-1a, with its bits mixed: names that differ in one letter lie far apart.
pub(crate) fn hash(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    Random(hash).next()
}

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Within `low..high`.
    pub(crate) fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.next() >> 11) as f64 / (1_u64 << 53) as f64)
    }
}
