//! Ctrl-C.
//!
//! A command that only reads is dropped where it stands. A command that writes is told to come to an end, so that what
//! it acknowledged is told; a second Ctrl-C drops it too, which costs nothing that was acknowledged.

use std::future::Future;

use sensorium_engine::Cancel;

use crate::output::note;

/// Runs until the end, or until Ctrl-C: then `None`.
pub(crate) async fn or_interrupt<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = ctrl_c() => None,
    }
}

/// Runs until the end. The first Ctrl-C asks it to end, the second gives `None`.
pub(crate) async fn or_cancel<T>(cancel: &Cancel, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return Some(done),
        () = ctrl_c() => {}
    }
    note("ending after the files in progress; Ctrl-C again ends at once");
    cancel.cancel();
    or_interrupt(work).await
}

/// Until Ctrl-C, or the signal by which services are stopped.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                () = ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => ctrl_c().await,
    }
}

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        // No signal can be waited for: the default, which ends the process, is in force.
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_ends_gives_its_value() {
        assert_eq!(or_interrupt(async { 1 }).await, Some(1));
        let cancel = Cancel::new();
        assert_eq!(or_cancel(&cancel, async { 2 }).await, Some(2));
        assert!(!cancel.is_cancelled());
    }
}
