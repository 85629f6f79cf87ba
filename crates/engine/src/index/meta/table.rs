//! Tables of text: a header, then rows, with cells between commas, semicolons, tabs or bars.
//!
//! Quotes as in RFC 4180; lines end in LF, CRLF or CR. Stricter than most readers where these lose rows or cells
//! without a word: a quote that is never closed, text behind a closing quote and a row that is longer than the header
//! are errors with their line.

use std::io::{BufRead, Cursor};

use super::path_field;
use super::source::{MAX_ROW_BYTES, Wrong, text};
use crate::error::MetadataProblem;

/// What may stand between cells, in order of preference.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// Names of columns that an error shows.
const MAX_SHOWN_COLUMNS: usize = 12;
/// Longest name that an error shows, in characters.
const MAX_SHOWN_NAME: usize = 40;

/// A table whose header was read.
pub(super) struct Table<R> {
    rows: Rows<R>,
    columns: Vec<String>,
    delimiter: char,
}

/// A row: its line, and name and text of its cells that are not empty.
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) cells: Vec<(String, String)>,
}

impl<R: BufRead> Table<R> {
    /// Reads the header and finds the delimiter by it; `None` for a file without any text.
    pub(super) fn open(mut reader: R) -> Result<Option<Self>, Wrong> {
        let mut line = 1;
        let mut delimiters = DELIMITERS.to_vec();
        loop {
            let Some(header) = header(&mut reader, line)? else { return Ok(None) };
            match (header.text.strip_prefix("sep="), header.text.trim()) {
                (_, "") => {}
                // Excel names the delimiter so.
                (Some(named), _) if named.chars().count() == 1 && named.is_ascii() => {
                    delimiters = named.chars().collect();
                }
                (Some(_) | None, _) => {
                    let (delimiter, columns) = columns(&header.text, line, &delimiters)?;
                    let rows = Rows { reader, delimiter, line: line + header.lines, pending: None };
                    return Ok(Some(Self { rows, columns, delimiter }));
                }
            }
            line += header.lines;
        }
    }

    /// The next row with anything in it.
    pub(super) fn next(&mut self) -> Result<Option<Row>, Wrong> {
        loop {
            let Some((line, cells)) = self.rows.next()? else { return Ok(None) };
            if cells.iter().all(String::is_empty) {
                continue;
            }
            let received = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
            let expected = self.columns.len();
            if received > expected {
                let problem = MetadataProblem::Cells { expected, received, delimiter: self.delimiter };
                return Err(Wrong::at(line, problem));
            }
            let cells = self
                .columns
                .iter()
                .cloned()
                .zip(cells)
                .filter(|(name, cell)| !name.is_empty() && !cell.is_empty())
                .collect();
            return Ok(Some(Row { line, cells }));
        }
    }
}

/// The delimiter under which the header has a column that names a file, with its columns.
fn columns(header: &str, line: u64, delimiters: &[char]) -> Result<(char, Vec<String>), Wrong> {
    let mut best: Option<(char, Vec<String>)> = None;
    let mut wrong = None;
    for delimiter in delimiters {
        let mut rows = Rows { reader: Cursor::new(header), delimiter: *delimiter, line, pending: None };
        let cells = match rows.next() {
            Ok(row) => row.map_or_else(Vec::new, |(_, cells)| cells),
            // Quotes that make no sense between other delimiters.
            Err(error) => {
                wrong = wrong.or(Some(error));
                continue;
            }
        };
        let columns: Vec<String> = cells.iter().map(|name| name.trim().to_owned()).collect();
        let rank =
            |columns: &[String]| (path_field(columns.iter().map(String::as_str)).is_some(), columns.len());
        if best.as_ref().is_none_or(|(_, known)| rank(&columns) > rank(known)) {
            best = Some((*delimiter, columns));
        }
    }
    let (delimiter, columns) = best.unwrap_or((',', Vec::new()));
    if path_field(columns.iter().map(String::as_str)).is_none() {
        let missing = MetadataProblem::NoPathColumn { columns: shown(&columns), delimiter };
        return Err(wrong.unwrap_or_else(|| Wrong::at(line, missing)));
    }
    let repeated = columns
        .iter()
        .enumerate()
        .find(|(at, name)| !name.is_empty() && columns.iter().take(*at).any(|before| before == *name));
    match repeated {
        Some((_, name)) => Err(Wrong::at(line, MetadataProblem::RepeatedColumn { name: name.clone() })),
        None => Ok((delimiter, columns)),
    }
}

/// The names as an error shows them.
fn shown(columns: &[String]) -> String {
    let name = |name: &String| format!("`{}`", name.chars().take(MAX_SHOWN_NAME).collect::<String>());
    let names: Vec<String> = columns.iter().take(MAX_SHOWN_COLUMNS).map(name).collect();
    let more = columns.len().saturating_sub(MAX_SHOWN_COLUMNS);
    if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
}

/// The first line as it stands, which goes on while a quote is open.
struct Header {
    text: String,
    lines: u64,
}

fn header(reader: &mut impl BufRead, line: u64) -> Result<Option<Header>, Wrong> {
    let mut bytes = Vec::new();
    let (mut lines, mut open, mut closed) = (0, false, false);
    while let Some(byte) = peek(reader)? {
        let first = bytes
            .last()
            .is_none_or(|last| DELIMITERS.iter().any(|delimiter| *delimiter == char::from(*last)));
        match byte {
            b'"' => (open, closed) = (!open && (first || closed), open),
            b'\r' | b'\n' => {
                lines += u64::from(end_of_line(reader)?);
                if !open {
                    return Ok(Some(Header { text: text(bytes, line)?, lines }));
                }
                bytes.push(b'\n');
                continue;
            }
            _ => closed = false,
        }
        reader.consume(1);
        bytes.push(byte);
        if bytes.len() > MAX_ROW_BYTES {
            return Err(Wrong::at(line, MetadataProblem::TooLong { limit: MAX_ROW_BYTES }));
        }
    }
    if bytes.is_empty() { Ok(None) } else { Ok(Some(Header { text: text(bytes, line)?, lines: lines + 1 })) }
}

fn peek(reader: &mut impl BufRead) -> Result<Option<u8>, Wrong> {
    Ok(reader.fill_buf()?.first().copied())
}

/// Takes LF, CRLF or CR, if one is next.
fn end_of_line(reader: &mut impl BufRead) -> Result<bool, Wrong> {
    match peek(reader)? {
        Some(b'\n') => reader.consume(1),
        Some(b'\r') => {
            reader.consume(1);
            if peek(reader)? == Some(b'\n') {
                reader.consume(1);
            }
        }
        Some(_) | None => return Ok(false),
    }
    Ok(true)
}

/// Where the reader stands in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At its first byte.
    Start,
    /// In a cell without quotes.
    Plain,
    /// Between quotes, the first of which stands on this line.
    Quoted(u64),
    /// Behind the closing quote.
    Closed,
}

/// Rows of cells.
struct Rows<R> {
    reader: R,
    delimiter: char,
    /// The line of the next byte.
    line: u64,
    /// A byte that was looked at and belongs to what follows.
    pending: Option<u8>,
}

impl<R: BufRead> Rows<R> {
    /// The next row with its line; `None` after the last.
    fn next(&mut self) -> Result<Option<(u64, Vec<String>)>, Wrong> {
        let line = self.line;
        let (mut cells, mut cell) = (Vec::new(), Vec::new());
        let mut place = Place::Start;
        let mut bytes = 0;
        loop {
            let Some(byte) = self.take()? else {
                return match place {
                    Place::Quoted(line) => Err(Wrong::at(line, MetadataProblem::OpenQuote)),
                    Place::Start if cells.is_empty() => Ok(None),
                    Place::Start | Place::Plain | Place::Closed => {
                        cells.push(text(cell, line)?);
                        Ok(Some((line, cells)))
                    }
                };
            };
            bytes += 1;
            if bytes > MAX_ROW_BYTES {
                let problem = match place {
                    Place::Quoted(_) => MetadataProblem::OpenQuote,
                    Place::Start | Place::Plain | Place::Closed => {
                        MetadataProblem::TooLong { limit: MAX_ROW_BYTES }
                    }
                };
                let line = if let Place::Quoted(line) = place { line } else { line };
                return Err(Wrong::at(line, problem));
            }
            let is_end = byte == b'\n';
            match (place, byte) {
                (Place::Quoted(_), b'"') => {
                    place = match self.take()? {
                        Some(b'"') => {
                            cell.push(b'"');
                            place
                        }
                        next => {
                            self.pending = next;
                            Place::Closed
                        }
                    };
                }
                (Place::Quoted(_), _) => {
                    cell.push(byte);
                    self.line += u64::from(is_end);
                }
                (Place::Start | Place::Plain | Place::Closed, _) if is_end => {
                    cells.push(text(cell, line)?);
                    self.line += 1;
                    return Ok(Some((line, cells)));
                }
                (Place::Start | Place::Plain | Place::Closed, _) if char::from(byte) == self.delimiter => {
                    cells.push(text(std::mem::take(&mut cell), line)?);
                    place = Place::Start;
                }
                (Place::Start, b'"') => place = Place::Quoted(self.line),
                (Place::Start | Place::Plain, _) => {
                    cell.push(byte);
                    place = Place::Plain;
                }
                (Place::Closed, b' ' | b'\t') => {}
                (Place::Closed, _) => return Err(Wrong::at(self.line, MetadataProblem::AfterQuote)),
            }
        }
    }

    /// The next byte, with every end of a line as LF.
    fn take(&mut self) -> Result<Option<u8>, Wrong> {
        if let Some(byte) = self.pending.take() {
            return Ok(Some(byte));
        }
        let Some(byte) = peek(&mut self.reader)? else { return Ok(None) };
        if end_of_line(&mut self.reader)? {
            return Ok(Some(b'\n'));
        }
        self.reader.consume(1);
        Ok(Some(byte))
    }
}
