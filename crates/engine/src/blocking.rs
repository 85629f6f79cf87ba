//! Work that blocks, away from the threads of the runtime, with the errors of the engine.

use std::future::Future;

use crate::EngineError;

/// As [`sensorium_store::blocking`].
pub(crate) async fn blocking<T: Send + 'static>(
    action: &'static str,
    body: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    sensorium_store::blocking(body).await.map_err(|_| EngineError::Task { action })?
}

/// As [`sensorium_store::on_one_thread`].
pub(crate) async fn on_one_thread<T: Send + 'static>(
    action: &'static str,
    future: impl Future<Output = Result<T, EngineError>> + Send + 'static,
) -> Result<T, EngineError> {
    sensorium_store::on_one_thread(future).await.map_err(|_| EngineError::Task { action })?
}
