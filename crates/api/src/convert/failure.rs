//! Why one item failed.

use sensorium_types::{ErrorKind, FailureReason, ItemFailure};

use crate::v1::{self, failure::Cause};

/// The failure of bytes that cannot be used.
pub fn failure_of_reason(reason: &FailureReason) -> v1::Failure {
    v1::Failure {
        cause: Some(Cause::Reason(v1::ReasonKind::from(reason.kind).into())),
        detail: reason.detail.clone(),
        message: reason.to_string(),
        retryable: reason.is_retryable(),
    }
}

/// The failure of an item that breaks a rule, or that the server could not take.
pub fn failure_of_error(kind: ErrorKind, message: String) -> v1::Failure {
    v1::Failure {
        cause: Some(Cause::Error(v1::ErrorKind::from(kind).into())),
        detail: String::new(),
        message,
        retryable: kind.is_retryable(),
    }
}

impl From<&ItemFailure> for v1::Failure {
    fn from(failure: &ItemFailure) -> Self {
        match failure {
            ItemFailure::Bytes(reason) => failure_of_reason(reason),
            ItemFailure::Item { kind, message } => failure_of_error(*kind, message.clone()),
            ItemFailure::Unknown { message, retryable } => {
                Self { cause: None, detail: String::new(), message: message.clone(), retryable: *retryable }
            }
        }
    }
}

impl From<v1::Failure> for ItemFailure {
    fn from(failure: v1::Failure) -> Self {
        if let Some(Cause::Reason(number)) = failure.cause
            && let Some(kind) = v1::ReasonKind::try_from(number).ok().and_then(|kind| kind.try_into().ok())
        {
            return Self::Bytes(FailureReason::new(kind, failure.detail));
        }
        match failure.error_kind() {
            Some(kind) => Self::Item { kind, message: failure.message },
            None => Self::Unknown { message: failure.message, retryable: failure.retryable },
        }
    }
}

impl v1::Failure {
    /// The kind of error, where the bytes are not the cause.
    pub fn error_kind(&self) -> Option<ErrorKind> {
        match self.cause? {
            Cause::Reason(_) => None,
            Cause::Error(number) => v1::ErrorKind::try_from(number).ok()?.try_into().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use sensorium_types::ReasonKind;

    use super::*;

    #[test]
    fn reasons_come_back_equal() {
        let before = FailureReason::new(ReasonKind::Crashed, "signal 6");
        let message = failure_of_reason(&before);
        assert_eq!(message.message, "decoder crashed (signal 6)");
        assert!(message.retryable);
        assert_eq!(message.error_kind(), None);
        assert_eq!(ItemFailure::from(message), ItemFailure::Bytes(before));
    }

    #[test]
    fn errors_come_back_equal() {
        for kind in ErrorKind::ALL {
            let message = failure_of_error(kind, "x".to_owned());
            assert_eq!(message.error_kind(), Some(kind));
            assert_eq!(message.retryable, kind.is_retryable());
            let before = ItemFailure::Item { kind, message: "x".to_owned() };
            assert_eq!(v1::Failure::from(&before), message);
            assert_eq!(ItemFailure::from(message), before);
        }
    }

    #[test]
    fn a_cause_of_a_newer_server_keeps_its_sentence() {
        let before = ItemFailure::Unknown { message: "too bright".to_owned(), retryable: true };
        for cause in [None, Some(Cause::Reason(99)), Some(Cause::Error(99))] {
            let message = v1::Failure { cause, ..v1::Failure::from(&before) };
            assert_eq!(ItemFailure::from(message), before);
        }
    }
}
