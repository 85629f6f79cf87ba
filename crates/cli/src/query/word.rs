//! One argument: `[+|-][N:]TERM`.
//!
//! Arguments are bytes, for names of files need not be UTF-8; signs, weights and prefixes are ASCII.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sensorium_types::{AssetId, PointKey};

use super::{Input, TermError};

/// What an argument says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    /// Its sign, if it has one.
    pub(super) sign: Option<char>,
    /// Its weight, if it has one.
    pub(super) weight: Option<f32>,
    /// What it names.
    pub(super) kind: Kind,
}

/// What an argument names.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Nothing: the argument is a sign alone.
    Nothing,
    /// A word without prefix, which joins its neighbour.
    Plain(String),
    /// Text after `text:`, which begins a term and is joined by what follows.
    Text(String),
    /// Anything else.
    Other(Input),
}

impl Word {
    /// Reads one argument.
    pub(super) fn read(arg: &OsStr, home: Option<&Path>) -> Result<Self, TermError> {
        let (sign, rest) = split_sign(arg.as_bytes());
        if rest.is_empty() {
            let kind = if sign.is_some() { Kind::Nothing } else { Kind::Plain(String::new()) };
            return Ok(Self { sign, weight: None, kind });
        }
        let (weight, rest) = split_weight(rest)?;
        Ok(Self { sign, weight, kind: kind(rest, home)? })
    }
}

fn split_sign(bytes: &[u8]) -> (Option<char>, &[u8]) {
    match bytes {
        [b'+', rest @ ..] => (Some('+'), rest),
        [b'-', rest @ ..] => (Some('-'), rest),
        _ => (None, bytes),
    }
}

/// Splits `N:` off, where it is a weight: digits with an optional decimal part, and a letter, a quote, `.`, `/` or `~`
/// behind the colon.
fn split_weight(bytes: &[u8]) -> Result<(Option<f32>, &[u8]), TermError> {
    let Some(colon) = bytes.iter().position(|byte| *byte == b':') else { return Ok((None, bytes)) };
    let (number, rest) = (bytes.get(..colon).unwrap_or_default(), bytes.get(colon + 1..).unwrap_or_default());
    if !is_number(number) || !can_follow_weight(rest) {
        return Ok((None, bytes));
    }
    let text = String::from_utf8_lossy(number);
    match text.parse::<f32>() {
        Ok(weight) if weight > 0.0 && weight.is_finite() => Ok((Some(weight), rest)),
        Ok(_) | Err(_) => Err(TermError::Weight { weight: text.into_owned() }),
    }
}

fn is_number(bytes: &[u8]) -> bool {
    let are_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    match bytes.iter().position(|byte| *byte == b'.') {
        None => are_digits(bytes),
        Some(point) => {
            are_digits(bytes.get(..point).unwrap_or_default())
                && are_digits(bytes.get(point + 1..).unwrap_or_default())
        }
    }
}

fn can_follow_weight(rest: &[u8]) -> bool {
    match first_char(rest) {
        Some(letter) => {
            letter.is_alphabetic() || matches!(letter, '"' | '\'' | '“' | '‘' | '«' | '.' | '/' | '~')
        }
        None => false,
    }
}

/// The first character, if the bytes begin with one.
fn first_char(bytes: &[u8]) -> Option<char> {
    let head = bytes.get(..bytes.len().min(4)).unwrap_or_default();
    match std::str::from_utf8(head) {
        Ok(text) => text.chars().next(),
        Err(error) => {
            let valid = head.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).ok().and_then(|text| text.chars().next())
        }
    }
}

/// What an argument names, without sign and weight.
pub(super) fn kind(rest: &[u8], home: Option<&Path>) -> Result<Kind, TermError> {
    if [&b"./"[..], b"../", b"/", b"~/"].iter().any(|prefix| rest.starts_with(prefix)) {
        return Ok(Kind::Other(Input::File(path(rest, home)?)));
    }
    if let Some(file) = after(rest, "file:")? {
        return Ok(Kind::Other(Input::File(path(file, home)?)));
    }
    if let Some(file) = after(rest, "vector:")? {
        return Ok(Kind::Other(Input::Vector(path(file, home)?)));
    }
    if let Some(id) = after(rest, "asset:")? {
        return Ok(Kind::Other(stored(&text(id)?)?));
    }
    if let Some(forced) = after(rest, "text:")? {
        return Ok(Kind::Text(text(forced)?));
    }
    Ok(Kind::Plain(text(rest)?))
}

/// What follows the prefix, if the bytes have it.
fn after<'a>(bytes: &'a [u8], prefix: &'static str) -> Result<Option<&'a [u8]>, TermError> {
    match bytes.strip_prefix(prefix.as_bytes()) {
        Some([]) => Err(TermError::NothingAfter { prefix }),
        found => Ok(found),
    }
}

/// A stored asset, or one of its points where `#3` or `#audio.7` ends the id.
fn stored(id: &str) -> Result<Input, TermError> {
    match PointKey::parse(id) {
        Ok((asset, track, ordinal)) => Ok(Input::Point(asset, track, ordinal)),
        Err(_) => Ok(Input::Asset(AssetId::new(id)?)),
    }
}

fn path(bytes: &[u8], home: Option<&Path>) -> Result<PathBuf, TermError> {
    let Some(below_home) = bytes.strip_prefix(b"~/") else {
        return Ok(PathBuf::from(OsStr::from_bytes(bytes)));
    };
    match home {
        Some(home) => Ok(home.join(OsStr::from_bytes(below_home))),
        None => Err(TermError::NoHome { received: String::from_utf8_lossy(bytes).into_owned() }),
    }
}

fn text(bytes: &[u8]) -> Result<String, TermError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(TermError::NotUnicode { received: String::from_utf8_lossy(bytes).into_owned() }),
    }
}
