//! Why bytes do not come.

use std::io::ErrorKind as Io;

use sensorium_types::ErrorKind;

/// What keeps bytes from coming. Addresses are told without what follows their question mark, which may hold what is secret.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is no address that is read.
    #[error("the address is not taken: {what}")]
    Address {
        /// What is wrong.
        what: &'static str,
    },
    /// It lies in none of the places that may be asked.
    #[error("{address} lies in none of the places that may be fetched from")]
    NotAllowed {
        /// The address.
        address: String,
    },
    /// The machine behind it is one that is never asked.
    #[error("{host} is {range}, and nothing is fetched from there")]
    NotPublic {
        /// Whom the address names.
        host: String,
        /// The range in which its machine lies.
        range: &'static str,
    },
    /// A credential would travel where it could be read.
    #[error("{address}: a key is sent by https alone")]
    NotEncrypted {
        /// The address.
        address: String,
    },
    /// Redirects without end, or one that leads nowhere.
    #[error("{address}: {what}")]
    Redirect {
        /// The address that led on.
        address: String,
        /// What is wrong.
        what: &'static str,
    },
    /// There is nothing there.
    #[error("there is nothing at {address}{}", of_status(*.status))]
    NotFound {
        /// The address.
        address: String,
        /// The answer's number, of HTTP.
        status: Option<u16>,
    },
    /// The other side does not give it.
    #[error("{address} is not given{}", of_status(Some(*.status)))]
    Refused {
        /// The address.
        address: String,
        /// The answer's number.
        status: u16,
    },
    /// The other side cannot give it now.
    #[error("{address} is away{}", of_status(Some(*.status)))]
    Away {
        /// The address.
        address: String,
        /// The answer's number.
        status: u16,
    },
    /// An answer that breaks the rules.
    #[error("{address}: {what}")]
    Answer {
        /// The address.
        address: String,
        /// What is wrong.
        what: &'static str,
    },
    /// There is more than is taken.
    #[error("{address} is larger than {limit} bytes")]
    TooLarge {
        /// The address.
        address: String,
        /// The most that is taken.
        limit: u64,
    },
    /// No byte came for so long, or not all in its time.
    #[error("{address}: {what} within {seconds} s")]
    TimedOut {
        /// The address.
        address: String,
        /// What did not happen.
        what: &'static str,
        /// The time that it had.
        seconds: f64,
    },
    /// The connection was not made, or broke off and could not be taken up.
    #[error("{address}: {what}")]
    Connection {
        /// The address.
        address: String,
        /// What happened.
        what: String,
    },
    /// What came is not what was meant.
    #[error("{address}: its SHA-256 is {found}, not {wanted}")]
    OtherBytes {
        /// The address.
        address: String,
        /// The hash of what came.
        found: String,
        /// That of what was meant.
        wanted: String,
    },
    /// There are fewer bytes than were meant.
    #[error("{address} has {found} bytes, not {wanted}")]
    OtherLength {
        /// The address.
        address: String,
        /// How many there are.
        found: u64,
        /// How many were meant.
        wanted: u64,
    },
    /// A file cannot be read, or written.
    #[error("{place}: {source}")]
    File {
        /// The file.
        place: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

fn of_status(status: Option<u16>) -> String {
    status.map(|status| format!(" (status {status})")).unwrap_or_default()
}

impl FetchError {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Address { .. } | Self::TooLarge { .. } => ErrorKind::InvalidArgument,
            Self::NotAllowed { .. } | Self::NotPublic { .. } | Self::NotEncrypted { .. } => {
                ErrorKind::PermissionDenied
            }
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Refused { .. }
            | Self::Redirect { .. }
            | Self::Answer { .. }
            | Self::OtherBytes { .. }
            | Self::OtherLength { .. } => ErrorKind::FailedPrecondition,
            Self::TimedOut { .. } => ErrorKind::DeadlineExceeded,
            Self::Away { .. } | Self::Connection { .. } => ErrorKind::Unavailable,
            Self::File { source, .. } if source.kind() == Io::NotFound => ErrorKind::NotFound,
            Self::File { source, .. } if matches!(source.kind(), Io::StorageFull | Io::QuotaExceeded) => {
                ErrorKind::Overloaded
            }
            Self::File { .. } => ErrorKind::Unavailable,
        }
    }
}
