//! Work that blocks, away from the threads of the runtime.

use crate::EngineError;

/// Runs what blocks on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    action: &'static str,
    body: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(body).await.map_err(|_| EngineError::Task { action })?
}
