//! Messages that break a rule.

use sensorium_types::{
    ErrorKind, FilterError, GeoError, IdError, PayloadError, UnknownLanguage, UnknownName,
};

/// A message that cannot be understood. `field` is its path from the request, as protobuf names it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConvertError {
    /// A field that must be there.
    #[error("{field}: missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A number of an enum that has no meaning here.
    #[error("{field}: {received} is not a known value")]
    UnknownEnum {
        /// The field.
        field: &'static str,
        /// What was received.
        received: i32,
    },
    /// A number out of its range.
    #[error("{field}: must be {expected}, received {received}")]
    Number {
        /// The field.
        field: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was received.
        received: String,
    },
    /// An id that breaks the rules.
    #[error("{field}: {source}")]
    Id {
        /// The field.
        field: &'static str,
        /// What is wrong.
        #[source]
        source: IdError,
    },
    /// A name of no content.
    #[error("{field}: {source}")]
    Content {
        /// The field.
        field: &'static str,
        /// What is wrong.
        #[source]
        source: UnknownName,
    },
    /// A code that names no language.
    #[error("{field}: {source}")]
    Language {
        /// The field.
        field: &'static str,
        /// What is wrong.
        #[source]
        source: UnknownLanguage,
    },
    /// A place or an area that is none.
    #[error("{field}: {source}")]
    Geo {
        /// The field.
        field: &'static str,
        /// What is wrong.
        #[source]
        source: GeoError,
    },
    /// Text of the filter grammar that cannot be read.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A payload that breaks the rules.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// More than is allowed.
    #[error("{field}: at most {limit}, received {received}")]
    TooMany {
        /// The field.
        field: &'static str,
        /// How many are allowed.
        limit: usize,
        /// How many were received.
        received: usize,
    },
    /// More bytes than are allowed.
    #[error("{field}: at most {limit} bytes, received {received}")]
    TooLong {
        /// The field.
        field: &'static str,
        /// How many are allowed.
        limit: usize,
        /// How many were received.
        received: usize,
    },
    /// An upload that is not there.
    #[error("{field}: there is no upload {id:?}, or no more: it was not used for long")]
    UnknownUpload {
        /// The field.
        field: &'static str,
        /// What was received.
        id: String,
    },
    /// What this server does not take, and what it takes instead.
    #[error("{field}: {instead}")]
    NotTaken {
        /// The field.
        field: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// Planned, and not built yet.
    #[error("{what} is planned and not built yet")]
    NotBuilt {
        /// What was asked for.
        what: &'static str,
    },
}

impl ConvertError {
    /// What the caller can do.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. }
            | Self::UnknownEnum { .. }
            | Self::Number { .. }
            | Self::Id { .. }
            | Self::Content { .. }
            | Self::Language { .. }
            | Self::Geo { .. }
            | Self::Filter(_)
            | Self::Payload(_)
            | Self::TooMany { .. }
            | Self::TooLong { .. }
            | Self::NotTaken { .. } => ErrorKind::InvalidArgument,
            Self::UnknownUpload { .. } => ErrorKind::NotFound,
            Self::NotBuilt { .. } => ErrorKind::Unimplemented,
        }
    }

    /// The field that is wrong, where one is.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::Missing { field }
            | Self::UnknownEnum { field, .. }
            | Self::Number { field, .. }
            | Self::Id { field, .. }
            | Self::Content { field, .. }
            | Self::Language { field, .. }
            | Self::Geo { field, .. }
            | Self::TooMany { field, .. }
            | Self::UnknownUpload { field, .. }
            | Self::TooLong { field, .. }
            | Self::NotTaken { field, .. } => Some(field),
            Self::Filter(_) => Some("filter"),
            Self::Payload(_) => Some("payload"),
            Self::NotBuilt { .. } => None,
        }
    }
}
