//! A vector from a NumPy file: one dimension, f32 or f64, any byte order, format versions 1 to 3.
//!
//! # Source
//! NumPy's `numpy/lib/format.py`: magic, version, length of the header, a Python dictionary, then the numbers.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Largest file that is read: a vector is far smaller.
const MAX_BYTES: u64 = 1 << 20;

/// A file that holds no vector.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NpyError {
    /// It cannot be read.
    #[error("read a vector")]
    Read {
        /// Why; the message names the file.
        #[source]
        source: io::Error,
    },
    /// It is none of NumPy's, or not a vector of f32 or f64.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// Far too many bytes.
    #[error("too large for a vector")]
    TooLarge,
    /// Not NumPy's format.
    #[error("not a .npy file")]
    NotNpy,
    /// The header lacks something.
    #[error("the header has no {field}")]
    Header {
        /// What is missing.
        field: &'static str,
    },
    /// Numbers of another type.
    #[error("holds numbers of type {descr}, and f4 or f8 is expected")]
    Type {
        /// The type.
        descr: String,
    },
    /// More or fewer dimensions than one.
    #[error("has the shape ({shape}), and one dimension is expected")]
    Shape {
        /// The shape.
        shape: String,
    },
    /// Fewer or more numbers than the header says.
    #[error("has {received} bytes of numbers, and {expected} are expected")]
    Length {
        /// Bytes that the header speaks of.
        expected: usize,
        /// Bytes there are.
        received: usize,
    },
}

/// Reads a vector.
///
/// # Errors
/// [`NpyError`]
pub(crate) fn read(path: &Path) -> Result<Vec<f32>, NpyError> {
    let wrong = |problem| NpyError::Content { path: path.to_path_buf(), problem };
    let failed = |source| NpyError::Read { source };
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong(Problem::TooLarge));
    }
    parse(&bytes).map_err(wrong)
}

/// Reads the bytes of such a file.
fn parse(bytes: &[u8]) -> Result<Vec<f32>, Problem> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Problem::NotNpy)?;
    let (header, numbers) = match rest {
        [1, _, a, b, rest @ ..] => rest.split_at_checked(usize::from(u16::from_le_bytes([*a, *b]))),
        [2 | 3, _, a, b, c, d, rest @ ..] => {
            let length = u32::from_le_bytes([*a, *b, *c, *d]);
            usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length))
        }
        _ => None,
    }
    .ok_or(Problem::NotNpy)?;
    let header = std::str::from_utf8(header).map_err(|_| Problem::NotNpy)?;
    let descr = quoted(value(header, "descr").ok_or(Problem::Header { field: "descr" })?)
        .ok_or(Problem::Header { field: "descr" })?;
    let length = one_dimension(value(header, "shape").ok_or(Problem::Header { field: "shape" })?)?;
    let (order, kind) = descr.split_at_checked(1).unwrap_or_default();
    let is_big = match order {
        "<" | "=" | "|" => false,
        ">" => true,
        _ => return Err(Problem::Type { descr: descr.to_owned() }),
    };
    match kind {
        "f4" => numbers_of::<4>(numbers, length, is_big, f32::from_le_bytes),
        "f8" => numbers_of::<8>(numbers, length, is_big, |bytes| narrow(f64::from_le_bytes(bytes))),
        _ => Err(Problem::Type { descr: descr.to_owned() }),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "vectors are f32")]
fn narrow(number: f64) -> f32 {
    number as f32
}

/// The text behind a key of the dictionary.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    ['\'', '"'].into_iter().find_map(|quote| {
        let (_, after) = header.split_once(&format!("{quote}{key}{quote}"))?;
        Some(after.trim_start().strip_prefix(':')?.trim_start())
    })
}

fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text.get(1..)?.split_once(quote).map(|(inside, _)| inside)
}

fn one_dimension(text: &str) -> Result<usize, Problem> {
    let missing = Problem::Header { field: "shape" };
    let inside = text.strip_prefix('(').and_then(|text| text.split_once(')')).ok_or(missing)?.0;
    let wrong = || Problem::Shape { shape: inside.trim().to_owned() };
    let mut sizes = inside.split(',').map(str::trim).filter(|size| !size.is_empty());
    match (sizes.next(), sizes.next()) {
        (Some(size), None) => size.parse().map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

fn numbers_of<const SIZE: usize>(
    bytes: &[u8],
    length: usize,
    is_big: bool,
    number: impl Fn([u8; SIZE]) -> f32,
) -> Result<Vec<f32>, Problem> {
    let expected = length.saturating_mul(SIZE);
    let (numbers, rest) = bytes.as_chunks::<SIZE>();
    if bytes.len() != expected || !rest.is_empty() {
        return Err(Problem::Length { expected, received: bytes.len() });
    }
    let one = |bytes: &[u8; SIZE]| {
        let mut bytes = *bytes;
        if is_big {
            bytes.reverse();
        }
        number(bytes)
    };
    Ok(numbers.iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, header: &str, numbers: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        let length = u32::try_from(header.len()).expect("short").to_le_bytes();
        bytes.extend(if version == 1 { &length[..2] } else { &length[..] });
        bytes.extend(header.as_bytes());
        bytes.extend(numbers);
        bytes
    }

    const HEADER: &str = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }          \n";

    #[test]
    fn vectors_of_both_sizes_orders_and_versions_are_read() {
        let little: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(parse(&file(1, HEADER, &little)), Ok(vec![1.5, -2.0]));
        assert_eq!(parse(&file(2, HEADER, &little)), Ok(vec![1.5, -2.0]));
        let big: Vec<u8> = [1.5_f64, -2.0].iter().flat_map(|x| x.to_be_bytes()).collect();
        assert_eq!(parse(&file(3, &HEADER.replace("<f4", ">f8"), &big)), Ok(vec![1.5, -2.0]));
    }

    #[test]
    fn what_is_no_vector_is_named() {
        let two = [0; 8];
        assert_eq!(parse(b"hello"), Err(Problem::NotNpy));
        assert_eq!(parse(&file(9, HEADER, &two)), Err(Problem::NotNpy));
        assert_eq!(parse(&file(1, "{}", &two)), Err(Problem::Header { field: "descr" }));
        assert_eq!(
            parse(&file(1, &HEADER.replace("<f4", "<i4"), &two)),
            Err(Problem::Type { descr: "<i4".to_owned() })
        );
        assert_eq!(
            parse(&file(1, &HEADER.replace("(2,)", "(1, 2)"), &two)),
            Err(Problem::Shape { shape: "1, 2".to_owned() })
        );
        assert_eq!(
            parse(&file(1, &HEADER.replace("(2,)", "()"), &two)),
            Err(Problem::Shape { shape: String::new() })
        );
        assert_eq!(parse(&file(1, HEADER, &two[1..])), Err(Problem::Length { expected: 8, received: 7 }));
        let cut = file(1, HEADER, &[]);
        assert_eq!(parse(&cut[..20]), Err(Problem::NotNpy));
    }
}
