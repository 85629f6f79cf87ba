//! The one table between kinds of error and gRPC codes.

use sensorium_types::ErrorKind;
use tonic::Code;

/// The gRPC code of a kind of error.
pub const fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::InvalidArgument => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Conflict => Code::AlreadyExists,
        ErrorKind::FailedPrecondition => Code::FailedPrecondition,
        ErrorKind::Overloaded => Code::ResourceExhausted,
        ErrorKind::Cancelled => Code::Cancelled,
        ErrorKind::DeadlineExceeded => Code::DeadlineExceeded,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Corrupt => Code::DataLoss,
        ErrorKind::Unimplemented => Code::Unimplemented,
        ErrorKind::Bug => Code::Internal,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::PermissionDenied => Code::PermissionDenied,
    }
}

/// The name of a kind's gRPC code, as the protocol writes it.
pub const fn code_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidArgument => "INVALID_ARGUMENT",
        ErrorKind::NotFound => "NOT_FOUND",
        ErrorKind::Conflict => "ALREADY_EXISTS",
        ErrorKind::FailedPrecondition => "FAILED_PRECONDITION",
        ErrorKind::Overloaded => "RESOURCE_EXHAUSTED",
        ErrorKind::Cancelled => "CANCELLED",
        ErrorKind::DeadlineExceeded => "DEADLINE_EXCEEDED",
        ErrorKind::Unavailable => "UNAVAILABLE",
        ErrorKind::Corrupt => "DATA_LOSS",
        ErrorKind::Unimplemented => "UNIMPLEMENTED",
        ErrorKind::Bug => "INTERNAL",
        ErrorKind::Unauthenticated => "UNAUTHENTICATED",
        ErrorKind::PermissionDenied => "PERMISSION_DENIED",
    }
}

/// The HTTP status of a kind, as `google.rpc.Code` maps its code.
pub const fn http_status(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::InvalidArgument | ErrorKind::FailedPrecondition => 400,
        ErrorKind::Unauthenticated => 401,
        ErrorKind::PermissionDenied => 403,
        ErrorKind::NotFound => 404,
        ErrorKind::Conflict => 409,
        ErrorKind::Overloaded => 429,
        ErrorKind::Cancelled => 499,
        ErrorKind::DeadlineExceeded => 504,
        ErrorKind::Unavailable => 503,
        ErrorKind::Unimplemented => 501,
        ErrorKind::Corrupt | ErrorKind::Bug => 500,
    }
}

/// The kind that a gRPC code is closest to, for a status without details (of a proxy, or of the transport).
pub const fn kind_of(code: Code) -> ErrorKind {
    match code {
        Code::InvalidArgument | Code::OutOfRange => ErrorKind::InvalidArgument,
        Code::NotFound => ErrorKind::NotFound,
        Code::AlreadyExists | Code::Aborted => ErrorKind::Conflict,
        Code::FailedPrecondition => ErrorKind::FailedPrecondition,
        Code::Unauthenticated => ErrorKind::Unauthenticated,
        Code::PermissionDenied => ErrorKind::PermissionDenied,
        Code::ResourceExhausted => ErrorKind::Overloaded,
        Code::Cancelled => ErrorKind::Cancelled,
        Code::DeadlineExceeded => ErrorKind::DeadlineExceeded,
        Code::Unavailable => ErrorKind::Unavailable,
        Code::DataLoss => ErrorKind::Corrupt,
        Code::Unimplemented => ErrorKind::Unimplemented,
        Code::Internal | Code::Unknown | Code::Ok => ErrorKind::Bug,
    }
}

/// The stable name of a kind: `ErrorInfo.reason`.
pub(crate) const fn reason(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidArgument => "INVALID_ARGUMENT",
        ErrorKind::NotFound => "NOT_FOUND",
        ErrorKind::Conflict => "CONFLICT",
        ErrorKind::FailedPrecondition => "FAILED_PRECONDITION",
        ErrorKind::Overloaded => "OVERLOADED",
        ErrorKind::Cancelled => "CANCELLED",
        ErrorKind::DeadlineExceeded => "DEADLINE_EXCEEDED",
        ErrorKind::Unavailable => "UNAVAILABLE",
        ErrorKind::Corrupt => "CORRUPT",
        ErrorKind::Unimplemented => "UNIMPLEMENTED",
        ErrorKind::Bug => "BUG",
        ErrorKind::Unauthenticated => "UNAUTHENTICATED",
        ErrorKind::PermissionDenied => "PERMISSION_DENIED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1;

    /// One row a kind: its code, its number on the wire and its name.
    const TABLE: [(ErrorKind, Code, i32, &str); 13] = [
        (ErrorKind::InvalidArgument, Code::InvalidArgument, 3, "INVALID_ARGUMENT"),
        (ErrorKind::NotFound, Code::NotFound, 5, "NOT_FOUND"),
        (ErrorKind::Conflict, Code::AlreadyExists, 6, "CONFLICT"),
        (ErrorKind::FailedPrecondition, Code::FailedPrecondition, 9, "FAILED_PRECONDITION"),
        (ErrorKind::Overloaded, Code::ResourceExhausted, 8, "OVERLOADED"),
        (ErrorKind::Cancelled, Code::Cancelled, 1, "CANCELLED"),
        (ErrorKind::DeadlineExceeded, Code::DeadlineExceeded, 4, "DEADLINE_EXCEEDED"),
        (ErrorKind::Unavailable, Code::Unavailable, 14, "UNAVAILABLE"),
        (ErrorKind::Corrupt, Code::DataLoss, 15, "CORRUPT"),
        (ErrorKind::Unimplemented, Code::Unimplemented, 12, "UNIMPLEMENTED"),
        (ErrorKind::Bug, Code::Internal, 13, "BUG"),
        (ErrorKind::Unauthenticated, Code::Unauthenticated, 16, "UNAUTHENTICATED"),
        (ErrorKind::PermissionDenied, Code::PermissionDenied, 7, "PERMISSION_DENIED"),
    ];

    #[test]
    fn each_kind_has_its_row() {
        assert_eq!(TABLE.map(|row| row.0), ErrorKind::ALL);
        for (kind, expected, number, name) in TABLE {
            assert_eq!(code(kind), expected, "{kind:?}");
            assert_eq!(i32::from(code(kind)), number, "{kind:?}");
            assert_eq!(kind_of(expected), kind, "{kind:?}");
            assert_eq!(reason(kind), name, "{kind:?}");
            let message = v1::ErrorKind::from(kind);
            assert_eq!(message.as_str_name(), format!("ERROR_KIND_{name}"));
        }
    }
}
