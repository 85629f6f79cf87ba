//! Threads that may be blocked: work that blocks needs no thread of its own where it is begun on one.
//!
//! To hand a piece of work to another thread and to be woken by it takes longer than to read ten assets. So who does many small
//! things in a row does them on one thread ([`on_one_thread`]), and what blocks among them ([`blocking`]) stays there.

use std::cell::Cell;
use std::future::Future;

use tokio::runtime::Handle;
use tokio::task::JoinError;
use tracing::Span;

thread_local! {
    static MAY_BLOCK: Cell<bool> = const { Cell::new(false) };
}

/// Runs what blocks on a thread for it, within the span that the caller is in: at once where the caller's thread is one.
///
/// # Errors
/// If it panicked.
pub async fn blocking<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    if MAY_BLOCK.get() { Ok(body()) } else { on_a_thread(body).await }
}

/// Runs a future on a thread that it may block, within the span that the caller is in. Whoever drops what this gives leaves the future
/// running, so it must end by a flag.
///
/// # Errors
/// If it panicked.
pub async fn on_one_thread<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, JoinError> {
    if MAY_BLOCK.get() {
        return Ok(future.await);
    }
    let runtime = Handle::current();
    on_a_thread(move || runtime.block_on(future)).await
}

async fn on_a_thread<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || {
        let _restores = Restores(MAY_BLOCK.replace(true));
        span.in_scope(body)
    })
    .await
}

/// Puts back what was said before, also after a panic: threads are used again.
struct Restores(bool);

impl Drop for Restores {
    fn drop(&mut self) {
        MAY_BLOCK.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::thread::{ThreadId, current};

    use super::*;

    async fn place() -> ThreadId {
        blocking(|| current().id()).await.expect("runs")
    }

    #[tokio::test]
    async fn what_blocks_runs_elsewhere_unless_it_may_block_where_it_is() {
        let own = current().id();
        assert_ne!(place().await, own);
        let steps = async { (current().id(), place().await, on_one_thread(place()).await.expect("runs")) };
        let (there, first, within) = on_one_thread(steps).await.expect("runs");
        assert_ne!(there, own);
        assert_eq!((first, within), (there, there));
        assert_ne!(place().await, own, "the caller's own thread is as it was");
    }

    #[tokio::test]
    async fn a_thread_is_as_it_was_after_a_panic() {
        blocking(|| panic!("a body that dies")).await.expect_err("it died");
        on_one_thread(async { panic!("a future that dies") }).await.expect_err("it died");
        // Whichever thread of the runtime this is, it may be blocked only within the calls above.
        let says = || MAY_BLOCK.get();
        for _ in 0..8 {
            assert!(!tokio::task::spawn_blocking(says).await.expect("runs"));
        }
    }

    #[tokio::test]
    async fn a_span_goes_along() {
        let span = tracing::error_span!("asked");
        let id = |span: &Span| span.id();
        let (own, there) =
            tracing::Instrument::instrument(async { (Span::current(), blocking(Span::current).await) }, span)
                .await;
        assert_eq!(id(&own), id(&there.expect("runs")));
    }
}
