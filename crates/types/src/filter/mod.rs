//! Conditions on payload fields (CONTRACTS.md section 7).
//!
//! ```text
//! year >= 2020 and (camera = "X100" or not artist in ["A", "B"]) and lat exists
//! ```
//!
//! `parse.rs` turns text into a [`Filter`], `matches.rs` says what it means. A comparison with an absent field is
//! false, and so is one of unlike types; `not` then is true.

mod lexer;
mod matches;
mod parse;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

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

/// A constant in a filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Literal {
    /// A quoted string; beside a time field, a date or RFC 3339 time.
    Text(String),
    /// A number.
    Number(f64),
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
        /// Field name; `a.b` reaches into objects.
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
}

/// A filter that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Something else was expected at this place.
    #[error("filter: expected {expected} at character {at}, found {found}")]
    Unexpected {
        /// Place, in characters from 1.
        at: usize,
        /// What would have been right.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A string without its closing quote, or with a wrong escape.
    #[error("filter: the string that begins at character {at} is not a JSON string")]
    BadString {
        /// Place, in characters from 1.
        at: usize,
    },
    /// A number that is none.
    #[error("filter: {text:?} at character {at} is not a number")]
    BadNumber {
        /// Place, in characters from 1.
        at: usize,
        /// The text.
        text: String,
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

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse::parse(text)
    }
}

#[cfg(test)]
mod tests;
