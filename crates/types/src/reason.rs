//! Why a file was not indexed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of failure that a file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// Nothing here decodes this type, or it is not media at all.
    Unsupported,
    /// The type is known, the bytes break its rules.
    Corrupt,
    /// A limit on bytes, pixels, seconds, frames or memory was passed.
    TooLarge,
    /// The deadline of the file passed.
    TimedOut,
    /// A program or library that would decode it is not installed.
    DecoderMissing,
    /// The worker process died (a crash of the decoder, or it was killed).
    Crashed,
    /// The file is gone, or changed while it was read.
    Moved,
    /// The file could not be read (permissions, an I/O error).
    Unreadable,
}

impl ReasonKind {
    /// Whether another try may succeed with the same bytes.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::TimedOut | Self::DecoderMissing | Self::Crashed | Self::Moved | Self::Unreadable => true,
            Self::Unsupported | Self::Corrupt | Self::TooLarge => false,
        }
    }

    /// The words that begin a shown reason.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Corrupt => "corrupt",
            Self::TooLarge => "too large",
            Self::TimedOut => "timed out",
            Self::DecoderMissing => "decoder missing",
            Self::Crashed => "decoder crashed",
            Self::Moved => "moved",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A typed reason with the facts for a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReason {
    /// What kind of failure it is.
    pub kind: ReasonKind,
    /// The facts, without the kind's own words; may be empty.
    pub detail: String,
}

impl FailureReason {
    /// A reason of this kind with these facts.
    pub fn new(kind: ReasonKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Whether another try may succeed with the same bytes.
    pub const fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }
}

impl fmt::Display for FailureReason {
    /// `corrupt: bad PNG header`; for a dead worker `decoder crashed (signal 6)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.detail.is_empty()) {
            (kind, true) => f.write_str(kind.label()),
            (ReasonKind::Crashed, false) => write!(f, "{} ({})", self.kind.label(), self.detail),
            (kind, false) => write!(f, "{}: {}", kind.label(), self.detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_well() {
        assert_eq!(
            FailureReason::new(ReasonKind::Crashed, "signal 6").to_string(),
            "decoder crashed (signal 6)"
        );
        assert_eq!(FailureReason::new(ReasonKind::Corrupt, "no frames").to_string(), "corrupt: no frames");
        assert_eq!(FailureReason::new(ReasonKind::Unsupported, "").to_string(), "unsupported");
    }
}
