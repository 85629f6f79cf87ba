//! What became of an item or a file that was to become an asset.

use std::fmt;

use crate::{AssetId, ErrorKind, FailureReason, Modality};

/// What became of an item or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemState {
    /// It was written: its asset, its source row or its metadata.
    Indexed,
    /// It was there already, and was not touched.
    Unchanged,
    /// It failed now, or failed before and was not tried again.
    Failed,
    /// Its source was taken away.
    Pruned,
}

impl ItemState {
    /// The lower-case name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Indexed => "indexed",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::Pruned => "pruned",
        }
    }
}

/// Why an item or a file failed, or what is doubtful about one that was indexed. It is shown as a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemFailure {
    /// Its bytes cannot be used, or not all of them.
    Bytes(FailureReason),
    /// The item breaks a rule, or could not be taken.
    Item {
        /// What kind of error it is.
        kind: ErrorKind,
        /// A sentence for people.
        message: String,
    },
    /// A cause that only a newer server knows.
    Unknown {
        /// A sentence for people.
        message: String,
        /// Whether the same bytes may succeed later.
        retryable: bool,
    },
}

impl ItemFailure {
    /// Whether the same bytes may succeed later.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Bytes(reason) => reason.is_retryable(),
            Self::Item { kind, .. } => kind.is_retryable(),
            Self::Unknown { retryable, .. } => *retryable,
        }
    }

    /// Why its bytes cannot be used; `None` if they are not the cause.
    pub const fn reason(&self) -> Option<&FailureReason> {
        match self {
            Self::Bytes(reason) => Some(reason),
            Self::Item { .. } | Self::Unknown { .. } => None,
        }
    }

    /// What kind of error it is, where the bytes are not the cause.
    pub const fn error(&self) -> Option<ErrorKind> {
        match self {
            Self::Item { kind, .. } => Some(*kind),
            Self::Bytes(_) | Self::Unknown { .. } => None,
        }
    }
}

impl From<FailureReason> for ItemFailure {
    fn from(reason: FailureReason) -> Self {
        Self::Bytes(reason)
    }
}

impl fmt::Display for ItemFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(reason) => reason.fmt(f),
            Self::Item { message, .. } | Self::Unknown { message, .. } => f.write_str(message),
        }
    }
}

/// What became of an item or a file; told after the commit that makes it true.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemOutcome {
    /// The asset; `None` where it failed before it had a name.
    pub asset: Option<AssetId>,
    /// What it is, if that is known.
    pub modality: Option<Modality>,
    /// Points newly written: 0 for a known hash.
    pub points: u64,
    /// What became of it.
    pub state: ItemState,
    /// Why it failed; of one that was indexed, what is doubtful about it.
    pub failure: Option<ItemFailure>,
}

impl ItemOutcome {
    /// A failure without an asset.
    pub fn failed(failure: impl Into<ItemFailure>) -> Self {
        let (state, failure) = (ItemState::Failed, Some(failure.into()));
        Self { asset: None, modality: None, points: 0, state, failure }
    }

    /// Whether it was indexed, and something is doubtful about it.
    pub fn is_warned(&self) -> bool {
        self.state == ItemState::Indexed && self.failure.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReasonKind;

    #[test]
    fn failures_read_well_and_say_whether_to_try_again() {
        let bytes = ItemFailure::from(FailureReason::new(ReasonKind::Crashed, "signal 6"));
        let item = ItemFailure::Item { kind: ErrorKind::InvalidArgument, message: "no parts".to_owned() };
        let unknown = ItemFailure::Unknown { message: "too bright".to_owned(), retryable: true };
        let told = |failure: &ItemFailure| (failure.to_string(), failure.is_retryable());
        assert_eq!(told(&bytes), ("decoder crashed (signal 6)".to_owned(), true));
        assert_eq!(told(&item), ("no parts".to_owned(), false));
        assert_eq!(told(&unknown), ("too bright".to_owned(), true));
        assert!(ItemOutcome { state: ItemState::Indexed, ..ItemOutcome::failed(unknown) }.is_warned());
        assert!(!ItemOutcome::failed(item).is_warned());
    }
}
