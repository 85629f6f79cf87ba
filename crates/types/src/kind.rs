//! What a caller can do about an error.

use serde::{Deserialize, Serialize};

/// The kind of an error, by what its receiver can do. `api` maps each kind to one gRPC code, in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request breaks a rule: mend it and ask again.
    InvalidArgument,
    /// What was named does not exist.
    NotFound,
    /// What was to be made exists already, or another process holds it.
    Conflict,
    /// The state does not allow the request now (another model, a newer format): the message says what to do.
    FailedPrecondition,
    /// Too much at once: wait and ask again.
    Overloaded,
    /// The caller gave up.
    Cancelled,
    /// The deadline passed.
    DeadlineExceeded,
    /// A part that is needed is away: ask again later.
    Unavailable,
    /// Stored bytes are damaged.
    Corrupt,
    /// Planned, and not built yet.
    Unimplemented,
    /// A mistake of ours.
    Bug,
    /// Nobody is known by the key of the call, or there was none.
    Unauthenticated,
    /// The key is good, and does not allow this.
    PermissionDenied,
}

impl ErrorKind {
    /// Every kind, for tables and their tests.
    pub const ALL: [Self; 13] = [
        Self::InvalidArgument,
        Self::NotFound,
        Self::Conflict,
        Self::FailedPrecondition,
        Self::Overloaded,
        Self::Cancelled,
        Self::DeadlineExceeded,
        Self::Unavailable,
        Self::Corrupt,
        Self::Unimplemented,
        Self::Bug,
        Self::Unauthenticated,
        Self::PermissionDenied,
    ];

    /// Whether the same request may succeed later.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Overloaded | Self::DeadlineExceeded | Self::Unavailable => true,
            Self::InvalidArgument
            | Self::NotFound
            | Self::Conflict
            | Self::FailedPrecondition
            | Self::Cancelled
            | Self::Corrupt
            | Self::Unimplemented
            | Self::Bug
            | Self::Unauthenticated
            | Self::PermissionDenied => false,
        }
    }
}
