//! Errors of the index, and what a caller can do about each.

use std::path::PathBuf;

use sensorium_types::{ErrorKind, PayloadError, Stopped};

/// An error of the index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Another process (or another handle of this one) writes to the data folder.
    #[error("{} is in use by the process {}: stop it, or let commands go through it", .path.display(), Pid(*.pid))]
    Locked {
        /// The data folder.
        path: PathBuf,
        /// The process that holds it, where it wrote its number.
        pid: Option<u32>,
    },
    /// The database was opened for reading.
    #[error("cannot {action}: the database is open for reading only")]
    ReadOnly {
        /// What was asked.
        action: &'static str,
    },
    /// The collection was written by a newer program.
    #[error(
        "{place} has format {found}, this program knows formats up to {known}: \
         open it with the newer sensorium that wrote it, or index the media again into another data folder"
    )]
    NewerFormat {
        /// Where the format stands.
        place: String,
        /// The format found.
        found: u64,
        /// The newest format known here.
        known: u32,
    },
    /// Bytes on disk break their rules.
    #[error(
        "{place} is damaged: {what}; run `sensorium repair`, which says what it drops, or restore a copy"
    )]
    Damaged {
        /// Where: a column family and key, or a file.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// The storage engine failed.
    #[error("cannot {action} in {}: {message}{}", .path.display(), hint(*.kind))]
    Storage {
        /// What was being done.
        action: &'static str,
        /// The folder of the collection.
        path: PathBuf,
        /// What the caller can do.
        kind: ErrorKind,
        /// The engine's own words.
        message: String,
    },
    /// A file operation failed.
    #[error("cannot {action}")]
    File {
        /// What was being done.
        action: &'static str,
        /// The failure; it names the file.
        #[source]
        source: std::io::Error,
    },
    /// An earlier write failed, so that nothing more is written before the database is opened again.
    #[error("writing has stopped after a failure ({cause}); open the database again")]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// A write failed for want of room; nothing more is written until there is some.
    #[error("the disk is full ({cause}): free some space, and writing goes on by itself")]
    Full {
        /// The first failure.
        cause: String,
    },
    /// The name of a collection breaks the rules.
    #[error(
        "a collection's name has 1 to {limit} bytes without control characters or '/', received {name:?}"
    )]
    CollectionName {
        /// The name received.
        name: String,
        /// The longest name.
        limit: usize,
    },
    /// A cursor that was not given by a listing of this kind.
    #[error("the cursor {cursor:?} is of another listing: begin without one")]
    Cursor {
        /// The cursor received.
        cursor: String,
    },
    /// A change so long ago that it is not known any more what came since.
    #[error(
        "what came after the change {asked} is known no more, only what came after {oldest}: ask a query for what there is, and go \
         on from now"
    )]
    ChangeGone {
        /// The change asked for.
        asked: u64,
        /// The oldest change that can be asked for.
        oldest: u64,
    },
    /// A change that has not been.
    #[error("the collection has had {newest} changes, and not yet the change {asked}")]
    ChangeAhead {
        /// The change asked for.
        asked: u64,
        /// The newest change.
        newest: u64,
    },
    /// There is no collection of this name.
    #[error("there is no collection {name:?}")]
    UnknownCollection {
        /// The name asked for.
        name: String,
    },
    /// A name that is to be an alias and is a collection's own.
    #[error("{name:?} is the name of a collection, and cannot be an alias")]
    AliasTaken {
        /// The name.
        name: String,
    },
    /// There is no alias of this name.
    #[error("there is no alias {name:?}")]
    UnknownAlias {
        /// The name asked for.
        name: String,
    },
    /// As many aliases as there can be.
    #[error("there are {limit} aliases, and no more can be: take one away")]
    TooManyAliases {
        /// The bound.
        limit: usize,
    },
    /// The collection is in use and cannot be dropped or repaired.
    #[error("the collection {name:?} is in use")]
    InUse {
        /// Its name.
        name: String,
    },
    /// Too many collections are in use at once.
    #[error("{limit} collections are in use at once, and no more can be opened")]
    TooManyOpen {
        /// The bound.
        limit: usize,
    },
    /// A vector has the wrong length.
    #[error("a vector has {received} numbers, the space has {expected}")]
    Dimension {
        /// The dimension of the space.
        expected: usize,
        /// The length received.
        received: usize,
    },
    /// A vector has a NaN or an infinity.
    #[error("a vector has the number {value} at {at}, which is not finite")]
    NotFinite {
        /// Its place.
        at: usize,
        /// The number.
        value: f32,
    },
    /// A vector is not of length 1.
    #[error("a vector has the L2 norm {norm}, it must be 1 within {tolerance}")]
    NotUnit {
        /// The norm received.
        norm: f64,
        /// The deviation allowed.
        tolerance: f64,
    },
    /// An asset without points.
    #[error("the asset {asset:?} has no point, it needs at least one")]
    NoPoints {
        /// The asset.
        asset: String,
    },
    /// Two points of an asset have one name.
    #[error("the asset {asset:?} has the point {track}.{ordinal} twice")]
    DuplicatePoint {
        /// The asset.
        asset: String,
        /// The track.
        track: &'static str,
        /// The ordinal.
        ordinal: u32,
    },
    /// The source of an upsert names another asset.
    #[error("the source of the asset {asset:?} does not point at it")]
    SourceMismatch {
        /// The asset.
        asset: String,
    },
    /// A field that cannot be indexed under its name.
    #[error("the name of a field to be indexed has 1 to {limit} bytes, received {bytes}")]
    FieldName {
        /// Its length.
        bytes: usize,
        /// The longest name.
        limit: usize,
    },
    /// As many fields are indexed as can be.
    #[error("{limit} fields of the collection are indexed, and no more can be: drop the index of one")]
    TooManyFields {
        /// The bound.
        limit: usize,
    },
    /// Metadata that breaks the rules.
    #[error(transparent)]
    Metadata(#[from] PayloadError),
    /// The hub values of points cannot be made.
    #[error("cannot make the hub values of points")]
    Hubs {
        /// What the bank says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The caller gave up, or the deadline passed.
    #[error("{}", match .stopped { Stopped::Cancelled => "the call was cancelled", Stopped::DeadlineExceeded => "the deadline of the call has passed" })]
    Stopped {
        /// Which of the two.
        stopped: Stopped,
    },
    /// The collection is being closed.
    #[error("cannot {action}: the collection is being closed")]
    Closing {
        /// What was being done.
        action: &'static str,
    },
    /// A mistake of ours.
    #[error("a mistake in sensorium: {what}")]
    Bug {
        /// What was found.
        what: String,
    },
}

impl IndexError {
    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File { .. } | Self::Storage { .. } if self.is_disk_full() => ErrorKind::Overloaded,
            Self::Locked { .. } | Self::InUse { .. } | Self::AliasTaken { .. } => ErrorKind::Conflict,
            Self::ReadOnly { .. }
            | Self::NewerFormat { .. }
            | Self::TooManyFields { .. }
            | Self::TooManyAliases { .. }
            | Self::ChangeGone { .. } => ErrorKind::FailedPrecondition,
            Self::Damaged { .. } => ErrorKind::Corrupt,
            Self::Storage { kind, .. } => *kind,
            Self::File { .. } | Self::Poisoned { .. } | Self::Hubs { .. } => ErrorKind::Unavailable,
            Self::Closing { .. } | Self::Stopped { stopped: Stopped::Cancelled } => ErrorKind::Cancelled,
            Self::Stopped { stopped: Stopped::DeadlineExceeded } => ErrorKind::DeadlineExceeded,
            Self::UnknownCollection { .. } | Self::UnknownAlias { .. } => ErrorKind::NotFound,
            Self::TooManyOpen { .. } | Self::Full { .. } => ErrorKind::Overloaded,
            Self::CollectionName { .. }
            | Self::Cursor { .. }
            | Self::ChangeAhead { .. }
            | Self::Dimension { .. }
            | Self::NotFinite { .. }
            | Self::NotUnit { .. }
            | Self::NoPoints { .. }
            | Self::DuplicatePoint { .. }
            | Self::SourceMismatch { .. }
            | Self::FieldName { .. }
            | Self::Metadata(_) => ErrorKind::InvalidArgument,
            Self::Bug { .. } => ErrorKind::Bug,
        }
    }

    /// The failure that stopped writing, said once: of an error that tells of an earlier one, that.
    pub(crate) fn first_cause(&self) -> String {
        if let Self::Poisoned { cause } | Self::Full { cause } = self {
            return cause.clone();
        }
        match std::error::Error::source(self) {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }

    /// Whether the disk, or what a user may have of it, is full.
    pub(crate) fn is_disk_full(&self) -> bool {
        const STORAGE: [&str; 2] = ["No space left on device", "Disk quota exceeded"];
        match self {
            Self::Full { .. } => true,
            Self::File { source, .. } => {
                matches!(source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
            }
            // RocksDB hands on what the system says, and no more.
            Self::Storage { message, .. } => STORAGE.iter().any(|words| message.contains(words)),
            Self::Locked { .. }
            | Self::ReadOnly { .. }
            | Self::NewerFormat { .. }
            | Self::Damaged { .. }
            | Self::Poisoned { .. }
            | Self::CollectionName { .. }
            | Self::Cursor { .. }
            | Self::ChangeGone { .. }
            | Self::ChangeAhead { .. }
            | Self::FieldName { .. }
            | Self::TooManyFields { .. }
            | Self::UnknownCollection { .. }
            | Self::AliasTaken { .. }
            | Self::UnknownAlias { .. }
            | Self::TooManyAliases { .. }
            | Self::InUse { .. }
            | Self::TooManyOpen { .. }
            | Self::Dimension { .. }
            | Self::NotFinite { .. }
            | Self::NotUnit { .. }
            | Self::NoPoints { .. }
            | Self::DuplicatePoint { .. }
            | Self::SourceMismatch { .. }
            | Self::Metadata(_)
            | Self::Hubs { .. }
            | Self::Stopped { .. }
            | Self::Closing { .. }
            | Self::Bug { .. } => false,
        }
    }

    /// A failed file operation.
    pub(crate) fn file(action: &'static str, source: std::io::Error) -> Self {
        Self::File { action, source }
    }

    /// Bytes that break their rules.
    pub(crate) fn damaged(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Damaged { place: place.into(), what: what.into() }
    }
}

/// Shows a process number that may be unknown.
struct Pid(Option<u32>);

impl std::fmt::Display for Pid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "{pid}"),
            None => f.write_str("(number unknown)"),
        }
    }
}

/// What to do about damage that the storage engine found.
const fn hint(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Corrupt => "; run `sensorium repair`, which says what it drops, or restore a copy",
        ErrorKind::InvalidArgument
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::FailedPrecondition
        | ErrorKind::Overloaded
        | ErrorKind::Cancelled
        | ErrorKind::DeadlineExceeded
        | ErrorKind::Unavailable
        | ErrorKind::Unimplemented
        | ErrorKind::Bug
        | ErrorKind::Unauthenticated
        | ErrorKind::PermissionDenied => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_lock_is_named() {
        let error = IndexError::Locked { path: PathBuf::from("data"), pid: Some(42) };
        assert!(error.to_string().contains("the process 42"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }

    #[test]
    fn a_failure_that_stopped_writing_is_said_once() {
        let first = IndexError::file("sync the log", std::io::Error::other("no room"));
        let told = IndexError::Poisoned { cause: first.first_cause() };
        let again = IndexError::Poisoned { cause: told.first_cause() };
        assert_eq!(again.to_string(), told.to_string());
        assert_eq!(told.to_string().matches("writing has stopped").count(), 1);
    }

    #[test]
    fn a_newer_format_says_what_to_do() {
        let error = IndexError::NewerFormat { place: "x".to_owned(), found: 9, known: 1 };
        assert!(error.to_string().contains("open it with the newer sensorium"), "{error}");
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    }
}
