//! Conditions on payload fields (CONTRACTS.md section 7).
//!
//! ```text
//! year >= 2020 and (camera = "X100" or not artist in ["A", "B"]) and lat exists
//! location within 5 km of (48.85, 2.35) and at least 2 of (year = 2021, camera exists, tags = "sea")
//! ```
//!
//! A comparison with an absent field is false, and so is one of unlike types; `not` then is true.
//!
//! | file | holds |
//! | --- | --- |
//! | `lexer.rs` | text to words, in one pass |
//! | `parse.rs` | words to a [`Filter`] |
//! | `matches.rs` | what a filter means for a payload |
//! | `time.rs` | times and dates |
//!
//! Places and areas are in `../geo.rs`.

mod lexer;
mod matches;
mod parse;
mod time;

pub use time::Period;

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::{Area, GeoError};

/// Largest filter in bytes, as text or as an encoded tree.
pub const MAX_FILTER_BYTES: usize = 64 * 1024;
/// Most conditions and constants in one filter.
pub const MAX_FILTER_TERMS: usize = 4096;
/// Where an asset is: the places that its field of this name holds, and where that holds none, its own `lat` and `lon`.
pub const LOCATION_FIELD: &str = "location";

/// How a field's value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Comparison {
    /// `=`; on an array: contains.
    Equal,
    /// `!=`: the field is there and not equal.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Whether it asks which of two is larger.
    const fn is_by_size(self) -> bool {
        match self {
            Self::Equal | Self::NotEqual => false,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => true,
        }
    }
}

/// A constant in a filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Literal {
    /// A quoted string; beside a time field, an RFC 3339 time, or a day, month or year in UTC.
    Text(String),
    /// A number: an integer of 64 bits, or a finite f64.
    Number(Number),
    /// `true` or `false`.
    Bool(bool),
}

/// A condition on the payload of an asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Filter {
    /// Every one of these holds (an empty list holds).
    And(Vec<Filter>),
    /// At least one of these holds.
    Or(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
    /// The field compares so with the constant.
    Compare {
        /// Field name, whole or a path: `a.b` reaches into objects where no field is called so.
        field: String,
        /// The comparison.
        comparison: Comparison,
        /// The constant.
        value: Literal,
    },
    /// The field equals one of the constants.
    In {
        /// Field name.
        field: String,
        /// The constants.
        values: Vec<Literal>,
    },
    /// The field is there and not null.
    Exists {
        /// Field name.
        field: String,
    },
    /// The field holds a place of the area: an object with the numbers `lat` and `lon`, or a list of such objects.
    Within {
        /// Field name; of [`LOCATION_FIELD`] the asset's own `lat` and `lon` count as well.
        field: String,
        /// The area.
        area: Area,
    },
    /// At least so many of these hold.
    AtLeast {
        /// How many (with 0 it holds, with more than there are it never does).
        count: usize,
        /// The conditions.
        of: Vec<Filter>,
    },
}

/// A filter that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The text is longer than [`MAX_FILTER_BYTES`].
    #[error("filter: a filter has at most {limit} bytes, this has {bytes}")]
    TooLong {
        /// The length received.
        bytes: usize,
        /// The length allowed.
        limit: usize,
    },
    /// Something else was expected at this place.
    #[error("filter: expected {expected} at character {at}, found {found}{}", quoting(name.as_deref()))]
    Unexpected {
        /// Place, in characters from 1.
        at: usize,
        /// What would have been right.
        expected: &'static str,
        /// What stands there.
        found: String,
        /// What looks like a field name that has to be quoted.
        name: Option<String>,
    },
    /// A string without its closing quote, or with a wrong escape.
    #[error("filter: the string that begins at character {at} is not a JSON string")]
    BadString {
        /// Place, in characters from 1.
        at: usize,
    },
    /// A number that is none.
    #[error("filter: {text:?} at character {at} is not a number: a text stands in quotes")]
    BadNumber {
        /// Place, in characters from 1.
        at: usize,
        /// The text.
        text: String,
    },
    /// A number that is kept as text, with a comparison that would ask for its size.
    #[error(
        "filter: {text} at character {at} is beyond 64 bits and the range of an f64, and numbers like that are kept as \
         text: compare it by =, != or in, or quote it to compare it as text"
    )]
    BeyondNumbers {
        /// Place, in characters from 1.
        at: usize,
        /// The number.
        text: String,
    },
    /// A place or an area that is none.
    #[error("filter: {source} (at character {at})")]
    Place {
        /// Place in the text, in characters from 1.
        at: usize,
        /// What is wrong.
        #[source]
        source: GeoError,
    },
    /// A number of conditions that says nothing.
    #[error("filter: at least {count} of {of} at character {at}: a number from 1 to {of} says something")]
    Count {
        /// Place of the number, in characters from 1.
        at: usize,
        /// How many are asked for.
        count: String,
        /// How many conditions there are.
        of: usize,
    },
    /// More nesting or more conditions than are allowed.
    #[error("filter: more than {limit} {what}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
}

fn quoting(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(" (quote the name: {name:?})"))
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        if text.len() > MAX_FILTER_BYTES {
            return Err(FilterError::TooLong { bytes: text.len(), limit: MAX_FILTER_BYTES });
        }
        parse::parse(text)
    }
}

#[cfg(test)]
mod tests;
