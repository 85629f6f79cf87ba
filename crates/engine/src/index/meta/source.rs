//! A metadata file as a stream of UTF-8 bytes, and its lines.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::error::MetadataProblem;

/// Longest line of JSON, and longest row of a table: several times what the metadata of an asset may be.
pub(super) const MAX_ROW_BYTES: usize = 1024 * 1024;

/// Why a metadata file cannot be read on.
#[derive(Debug)]
pub(super) enum Wrong {
    /// The system's reason.
    Io(io::Error),
    /// A line breaks a rule.
    Line { line: u64, problem: MetadataProblem },
}

impl Wrong {
    pub(super) const fn at(line: u64, problem: MetadataProblem) -> Self {
        Self::Line { line, problem }
    }
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Opens a file behind its byte order mark.
pub(super) fn open(path: &Path) -> Result<impl BufRead, Wrong> {
    let mut file = fs_err::File::open(path)?;
    let mut head = Vec::new();
    file.by_ref().take(3).read_to_end(&mut head)?;
    let head = match head.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(Wrong::at(1, MetadataProblem::Utf16)),
        [0xef, 0xbb, 0xbf] => Vec::new(),
        _ => head,
    };
    Ok(BufReader::new(io::Cursor::new(head).chain(file)))
}

/// The text of a line or a cell.
pub(super) fn text(bytes: Vec<u8>, line: u64) -> Result<String, Wrong> {
    if bytes.contains(&0) {
        return Err(Wrong::at(line, MetadataProblem::Nul));
    }
    String::from_utf8(bytes).map_err(|_| Wrong::at(line, MetadataProblem::NotUtf8))
}

/// The next line without its end; `None` after the last.
pub(super) fn next_line(reader: &mut impl BufRead, line: u64) -> Result<Option<String>, Wrong> {
    let mut bytes = Vec::new();
    reader.by_ref().take(MAX_ROW_BYTES as u64 + 1).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() > MAX_ROW_BYTES {
        return Err(Wrong::at(line, MetadataProblem::TooLong { limit: MAX_ROW_BYTES }));
    }
    text(bytes, line).map(Some)
}
