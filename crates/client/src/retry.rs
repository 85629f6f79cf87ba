//! When a call is tried again.

use std::future::Future;
use std::time::Duration;

use sensorium_api::Fault;
use tonic::Status;

use crate::ClientError;

/// Tries of a call, the first included.
pub const DEFAULT_ATTEMPTS: u32 = 4;
/// The wait before the second try; it doubles from try to try, unless the server names a time.
pub const DEFAULT_FIRST_WAIT: Duration = Duration::from_millis(200);

/// When a call is tried again. Only calls are that may be repeated, which all of this client's are, and only where the
/// server, or the way to it, says that the same call may succeed later.
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

impl Retry {
    /// The wait after so many failed tries, or `None` if there are to be no more.
    pub(crate) fn wait_after(&self, failed: u32, fault: &Fault) -> Option<Duration> {
        if !fault.is_retryable() || failed >= self.attempts {
            return None;
        }
        let doubled = self.first_wait.saturating_mul(1 << failed.saturating_sub(1).min(16));
        Some(fault.retry_after.unwrap_or(doubled))
    }

    /// Makes a call until it succeeds or there are no more tries.
    pub(crate) async fn call<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let mut failed = 0;
        loop {
            let fault = match call().await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => Fault::from_status(&status),
            };
            failed += 1;
            match self.wait_after(failed, &fault) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(fault.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sensorium_types::ErrorKind;

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
        assert_eq!(retry.wait_after(1, &Fault::new(ErrorKind::InvalidArgument, "wrong")), None);
    }
}
