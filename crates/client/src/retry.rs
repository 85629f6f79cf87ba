//! When a call is tried again.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use sensorium_api::Fault;
use sensorium_types::ErrorKind;
use tonic::{ConnectError, Status};

use crate::ClientError;

/// Tries of a call, the first included.
pub const DEFAULT_ATTEMPTS: u32 = 4;
/// The wait before the second try; it doubles from try to try, unless the server names a time.
pub const DEFAULT_FIRST_WAIT: Duration = Duration::from_millis(200);

/// When a call is tried again: where the server, or the way to it, says that the same call may succeed later, and it is
/// safe. A call whose answer tells what it changed is tried again only where it did not begin; any other also where
/// that is not known. A call whose time was up is not: the server may still work for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// [`DEFAULT_ATTEMPTS`]
    pub attempts: u32,
    /// [`DEFAULT_FIRST_WAIT`]
    pub first_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: DEFAULT_ATTEMPTS, first_wait: DEFAULT_FIRST_WAIT }
    }
}

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) fault: Fault,
    /// The server did not begin it: it was not reached, or turned the call away and named a time to come back.
    pub(crate) did_not_begin: bool,
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        let fault = Fault::from_status(&status);
        let turned_away = fault.kind == ErrorKind::Overloaded && fault.retry_after.is_some();
        Self { did_not_begin: turned_away || is_of_connecting(&status), fault }
    }
}

impl Retry {
    /// The wait after so many failed tries, or `None` if there are to be no more.
    pub(crate) fn wait_after(&self, failed: u32, fault: &Fault) -> Option<Duration> {
        let may_pass = matches!(fault.kind, ErrorKind::Overloaded | ErrorKind::Unavailable);
        if !may_pass || failed >= self.attempts {
            return None;
        }
        let doubled = self.first_wait.saturating_mul(1 << failed.saturating_sub(1).min(16));
        Some(fault.retry_after.unwrap_or(doubled))
    }

    /// Makes a call that may be repeated until it succeeds or there are no more tries.
    pub(crate) async fn call<T, F>(&self, call: impl FnMut() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        self.repeat(call, |_| true).await
    }

    /// Makes a call whose answer tells what it changed: it is repeated only as long as it did not begin.
    pub(crate) async fn call_once<T, F>(&self, call: impl FnMut() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        self.repeat(call, |failed| failed.did_not_begin).await
    }

    /// Makes a call until it succeeds, there are no more tries, or a failure is one that `is_safe` does not take.
    pub(crate) async fn repeat<T, F>(
        &self,
        mut call: impl FnMut() -> F,
        mut is_safe: impl FnMut(&Failed) -> bool,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let mut tries = 0;
        loop {
            let failed = match call().await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => Failed::from(status),
            };
            tries += 1;
            match self.wait_after(tries, &failed.fault) {
                Some(wait) if is_safe(&failed) => tokio::time::sleep(wait).await,
                Some(_) | None => return Err(failed.fault.into()),
            }
        }
    }
}

/// Whether no connection could be made for a call.
fn is_of_connecting(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_succeed_is_tried_again() {
        let retry = Retry::default();
        let busy = Fault::new(ErrorKind::Overloaded, "busy");
        assert_eq!(retry.wait_after(1, &busy), Some(DEFAULT_FIRST_WAIT));
        assert_eq!(retry.wait_after(3, &busy), Some(DEFAULT_FIRST_WAIT * 4));
        assert_eq!(retry.wait_after(4, &busy), None);
        let told = busy.retry_after(Duration::from_secs(3));
        assert_eq!(retry.wait_after(1, &told), Some(Duration::from_secs(3)));
        for kind in [ErrorKind::InvalidArgument, ErrorKind::DeadlineExceeded] {
            assert_eq!(retry.wait_after(1, &Fault::new(kind, "no")), None, "{kind:?}");
        }
    }

    #[test]
    fn what_was_turned_away_did_not_begin() {
        let busy = Fault::new(ErrorKind::Overloaded, "busy").retry_after(Duration::from_millis(1));
        assert!(Failed::from(Status::from(busy)).did_not_begin);
        // A disk that is full may have become so half-way.
        let full = Fault::new(ErrorKind::Overloaded, "the disk is full");
        assert!(!Failed::from(Status::from(full)).did_not_begin);
        assert!(!Failed::from(Status::unavailable("the connection is lost")).did_not_begin);
        let nobody = Status::from_error(Box::new(ConnectError("refused".into())));
        assert!(Failed::from(nobody).did_not_begin);
    }
}
