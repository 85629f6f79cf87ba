//! An error on its way over the wire.
//!
//! A failed call carries its gRPC code, a sentence, and `google.rpc` details: `ErrorInfo` with a stable reason and
//! whether the same call may succeed later, `RetryInfo` where a time to wait is known, `BadRequest` where one field is
//! wrong, `QuotaFailure` where a limit is reached.

use std::time::Duration;

use prost::Message;
use sensorium_types::ErrorKind;
use tonic::{Code, Status};

use crate::code::{code, kind_of, reason};
use crate::rpc::{
    self, BadRequest, Detail, ErrorInfo, FieldViolation, QuotaFailure, QuotaViolation, RetryInfo,
};
use crate::{ConvertError, v1};

/// `ErrorInfo.domain` of our errors.
pub const DOMAIN: &str = "sensorium.v1";

/// Key of `ErrorInfo.metadata` that says whether the same call may succeed later.
const RETRYABLE: &str = "retryable";

/// What went wrong with a call.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What the caller can do.
    pub kind: ErrorKind,
    /// What happened, with its facts.
    pub message: String,
    /// How long to wait before the call is tried again, where that is known.
    pub retry_after: Option<Duration>,
    /// The field of the request that is wrong, where one is.
    pub field: Option<String>,
    /// What there is too much of, where a limit is reached.
    pub quota: Option<String>,
}

impl Fault {
    /// A fault of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None, field: None, quota: None }
    }

    /// Something that is planned.
    pub fn not_built(what: &'static str) -> Self {
        ConvertError::NotBuilt { what }.into()
    }

    /// The same, to be tried again after this time.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The same, where the limit of this is reached.
    #[must_use]
    pub fn quota(mut self, subject: impl Into<String>) -> Self {
        self.quota = Some(subject.into());
        self
    }

    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }

    /// The fault that a status carries; one without our details is read by its code.
    pub fn from_status(status: &Status) -> Self {
        let details = rpc::Status::decode(status.details()).map(|status| status.details).unwrap_or_default();
        let info = ErrorInfo::find(&details).filter(|info| info.domain == DOMAIN);
        let kind = info.and_then(|info| {
            let name = format!("ERROR_KIND_{}", info.reason);
            v1::ErrorKind::from_str_name(&name).and_then(|kind| ErrorKind::try_from(kind).ok())
        });
        let retry_after = RetryInfo::find(&details)
            .and_then(|info| info.retry_delay)
            .and_then(|delay| Duration::try_from(delay).ok());
        let field = BadRequest::find(&details)
            .and_then(|bad| bad.field_violations.into_iter().next())
            .map(|violation| violation.field);
        let quota = QuotaFailure::find(&details)
            .and_then(|quota| quota.violations.into_iter().next())
            .map(|violation| violation.subject);
        let kind = kind.unwrap_or_else(|| kind_of(status.code()));
        Self { kind, message: status.message().to_owned(), retry_after, field, quota }
    }
}

impl From<ConvertError> for Fault {
    fn from(error: ConvertError) -> Self {
        let field = error.field().map(str::to_owned);
        Self { kind: error.kind(), message: error.to_string(), retry_after: None, field, quota: None }
    }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        let Fault { kind, message, retry_after, field, quota } = fault;
        let code: Code = code(kind);
        let retryable = kind.is_retryable().to_string();
        let info = ErrorInfo {
            reason: reason(kind).to_owned(),
            domain: DOMAIN.to_owned(),
            metadata: [(RETRYABLE.to_owned(), retryable)].into(),
        };
        let mut details = vec![info.pack()];
        if let Some(wait) = retry_after {
            details.push(RetryInfo { retry_delay: prost_types::Duration::try_from(wait).ok() }.pack());
        }
        if let Some(field) = field {
            let violation = FieldViolation { field, description: message.clone() };
            details.push(BadRequest { field_violations: vec![violation] }.pack());
        }
        if let Some(subject) = quota {
            let violation = QuotaViolation { subject, description: message.clone() };
            details.push(QuotaFailure { violations: vec![violation] }.pack());
        }
        let status = rpc::Status { code: code.into(), message: message.clone(), details };
        Self::with_details(code, message, status.encode_to_vec().into())
    }
}

impl From<ConvertError> for Status {
    fn from(error: ConvertError) -> Self {
        Fault::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_survives_the_wire() {
        for kind in ErrorKind::ALL {
            let fault = Fault::new(kind, "a sentence").retry_after(Duration::from_millis(1_500));
            let status = Status::from(fault.clone());
            assert_eq!(status.code(), code(kind));
            assert_eq!(Fault::from_status(&status), fault);
        }
        let full = Fault::new(ErrorKind::Overloaded, "a sentence").quota("calls");
        assert_eq!(Fault::from_status(&Status::from(full.clone())), full);
        let fault = Fault::from(ConvertError::Missing { field: "terms" });
        assert_eq!(fault.field.as_deref(), Some("terms"));
        assert_eq!(Fault::from_status(&Status::from(fault.clone())), fault);
    }

    #[test]
    fn details_say_whether_to_try_again() {
        for (kind, expected) in [(ErrorKind::Overloaded, "true"), (ErrorKind::InvalidArgument, "false")] {
            let status = Status::from(Fault::new(kind, "x"));
            let details = rpc::Status::decode(status.details()).expect("a status").details;
            let info = ErrorInfo::find(&details).expect("info");
            assert_eq!(info.metadata.get("retryable").map(String::as_str), Some(expected));
        }
    }

    #[test]
    fn a_foreign_status_is_read_by_its_code() {
        let fault = Fault::from_status(&Status::unavailable("gone"));
        assert_eq!((fault.kind, fault.is_retryable()), (ErrorKind::Unavailable, true));
    }
}
