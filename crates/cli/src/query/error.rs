//! Terms that cannot be read.

use sensorium_types::IdError;

/// What is wrong with the terms of a query. Each sentence says what to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TermError {
    /// No term at all.
    #[error("the query is empty: say what to look for")]
    Empty,
    /// Only terms that lead away.
    #[error("a query needs at least one term that it leads to: `-` alone only leads away")]
    NoPositive,
    /// A lone sign at the end.
    #[error(
        "nothing follows the '{sign}': write `{sign} fruit`, or `text:{sign}` to look for the sign itself"
    )]
    LoneSign {
        /// The sign.
        sign: char,
    },
    /// Two signs, one after the other.
    #[error("'{first}' is followed by '{second}', and a term has one sign")]
    TwoSigns {
        /// The lone sign.
        first: char,
        /// The sign of what follows.
        second: char,
    },
    /// A weight of 0, or too large.
    #[error("{weight:?} is no weight: it must be above 0 and finite; `-` before a term leads away from it")]
    Weight {
        /// What was received.
        weight: String,
    },
    /// A prefix with nothing behind it.
    #[error("nothing follows `{prefix}`")]
    NothingAfter {
        /// The prefix.
        prefix: &'static str,
    },
    /// A text that is not UTF-8.
    #[error("{received:?} is not UTF-8: a file of that name is written with ./ before it")]
    NotUnicode {
        /// What was received, as far as it can be shown.
        received: String,
    },
    /// An id that breaks the rules.
    #[error(transparent)]
    Id(#[from] IdError),
    /// `~/` without a home folder.
    #[error("{received:?} begins with ~/ and HOME is not set")]
    NoHome {
        /// What was received.
        received: String,
    },
}
