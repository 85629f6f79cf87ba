//! Where in an asset something lies: milliseconds for time, characters for text.

use serde::{Deserialize, Serialize};

use crate::Track;

/// The part of an asset that a point covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Span {
    /// A stretch of time, in integer milliseconds from the start of the asset.
    Time {
        /// First millisecond.
        start_ms: u64,
        /// First millisecond after the part.
        end_ms: u64,
    },
    /// A range of characters (Unicode scalar values, not bytes) of the extracted text.
    Chars {
        /// First character.
        from: u64,
        /// First character after the passage.
        to: u64,
    },
}

impl Span {
    /// The stretch of time, if this is one.
    pub const fn time(self) -> Option<(u64, u64)> {
        match self {
            Self::Time { start_ms, end_ms } => Some((start_ms, end_ms)),
            Self::Chars { .. } => None,
        }
    }

    /// The range of characters, if this is one.
    pub const fn chars(self) -> Option<(u64, u64)> {
        match self {
            Self::Chars { from, to } => Some((from, to)),
            Self::Time { .. } => None,
        }
    }
}

/// Neighbouring matching points of one asset, merged for the reader (CONTRACTS.md section 6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// First millisecond.
    pub start_ms: u64,
    /// First millisecond after the moment.
    pub end_ms: u64,
    /// The middle of the best point.
    pub peak_ms: u64,
    /// Which tracks matched, best first.
    pub tracks: Vec<Track>,
}
