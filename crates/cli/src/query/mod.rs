//! The terms of a query (CONTRACTS.md section 7).
//!
//! ```text
//! arguments ─► word.rs: sign, weight, prefix of one argument ─► join.rs: neighbouring words to texts ─► Term
//! ```
//! Pure: no file is looked at, and the home folder is given.

mod error;
mod join;
mod word;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sensorium_types::{AssetId, Track, is_blank};

pub(crate) use error::TermError;

/// One member of a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Term {
    /// How much it counts; below 0 to lead away from it.
    pub(crate) weight: f32,
    /// What it is.
    pub(crate) input: Input,
}

/// What a term names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// A text.
    Text(String),
    /// A file of any modality.
    File(PathBuf),
    /// A stored asset.
    Asset(AssetId),
    /// One point of a stored asset (`None`: of its main track).
    Point(AssetId, Option<Track>, u32),
    /// A vector in a file.
    Vector(PathBuf),
}

/// Reads the terms of a query; at least one of them counts above 0.
///
/// # Errors
/// [`TermError`] with a sentence that says what to mend.
pub(crate) fn terms(args: &[OsString], home: Option<&Path>) -> Result<Vec<Term>, TermError> {
    let terms = join::join(args, home)?;
    if terms.is_empty() {
        return Err(TermError::Empty);
    }
    if terms.iter().all(|term| term.weight <= 0.0) {
        return Err(TermError::NoPositive);
    }
    Ok(terms)
}

/// Reads an argument that is a term by itself, without sign and weight.
///
/// # Errors
/// [`TermError`] with a sentence that says what to mend.
pub(crate) fn input(arg: &OsStr, home: Option<&Path>) -> Result<Input, TermError> {
    match word::kind(arg.as_bytes(), home)? {
        word::Kind::Plain(text) | word::Kind::Text(text) if is_blank(&text) => Err(TermError::Empty),
        word::Kind::Plain(text) | word::Kind::Text(text) => Ok(Input::Text(text)),
        word::Kind::Other(input) => Ok(input),
        word::Kind::Nothing => Err(TermError::Empty),
    }
}

/// Texts that are also the name of a file, each with the term that would ask by that file.
pub(crate) fn hints(terms: &[Term], exists: impl Fn(&Path) -> bool) -> Vec<String> {
    terms.iter().filter_map(|term| hint(&term.input, &exists)).collect()
}

/// The same of one term.
pub(crate) fn hint(input: &Input, exists: impl Fn(&Path) -> bool) -> Option<String> {
    match input {
        Input::Text(text) if exists(Path::new(text)) => Some(format!(
            "{text:?} is taken as text, and is also a file here: write ./{text} to ask by the file"
        )),
        Input::Text(_) | Input::File(_) | Input::Asset(_) | Input::Point(..) | Input::Vector(_) => None,
    }
}

#[cfg(test)]
mod tests;
