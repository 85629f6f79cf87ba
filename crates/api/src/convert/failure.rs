//! Why one item failed.

use sensorium_types::{ErrorKind, FailureReason};

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

impl v1::Failure {
    /// The typed reason, where the bytes are the cause.
    pub fn media_reason(&self) -> Option<FailureReason> {
        match self.cause? {
            Cause::Reason(number) => {
                let kind = v1::ReasonKind::try_from(number).ok()?.try_into().ok()?;
                Some(FailureReason::new(kind, self.detail.clone()))
            }
            Cause::Error(_) => None,
        }
    }

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
        assert_eq!(message.media_reason(), Some(before));
        assert_eq!(message.error_kind(), None);
    }

    #[test]
    fn errors_come_back_equal() {
        for kind in ErrorKind::ALL {
            let message = failure_of_error(kind, "x".to_owned());
            assert_eq!(message.error_kind(), Some(kind));
            assert_eq!(message.retryable, kind.is_retryable());
            assert_eq!(message.media_reason(), None);
        }
    }
}
