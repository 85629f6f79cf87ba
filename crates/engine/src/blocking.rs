//! Work that blocks, away from the threads of the runtime.

use tracing::Span;

use crate::EngineError;

/// Runs what blocks on a thread of its own, within the span that the caller is in.
pub(crate) async fn blocking<T: Send + 'static>(
    action: &'static str,
    body: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(body))
        .await
        .map_err(|_| EngineError::Task { action })?
}
