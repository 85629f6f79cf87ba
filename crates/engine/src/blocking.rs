//! Work that blocks, away from the threads of the runtime.

use std::future::Future;

use sensorium_store::{blocking_here, may_block};
use tokio::runtime::Handle;
use tracing::Span;

use crate::EngineError;

/// Runs what blocks on a thread of its own, within the span that the caller is in: at once where the caller's thread may be
/// blocked.
pub(crate) async fn blocking<T: Send + 'static>(
    action: &'static str,
    body: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    if may_block() { body() } else { on_a_thread(action, body).await }
}

/// Runs a future on a thread that it may block, so that what blocks in it needs no other: each change of threads costs a tenth of a
/// millisecond or two. Whoever drops what this gives leaves the future running, so it must end by a flag.
pub(crate) async fn on_one_thread<T: Send + 'static>(
    action: &'static str,
    future: impl Future<Output = Result<T, EngineError>> + Send + 'static,
) -> Result<T, EngineError> {
    let runtime = Handle::current();
    on_a_thread(action, move || runtime.block_on(future)).await
}

async fn on_a_thread<T: Send + 'static>(
    action: &'static str,
    body: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(|| blocking_here(body)))
        .await
        .map_err(|_| EngineError::Task { action })?
}
