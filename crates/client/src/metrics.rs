//! What a server counts of itself.

use http_body_util::{BodyExt, Limited};
use sensorium_api::{Fault, http_status};
use sensorium_types::ErrorKind;
use tower::ServiceExt;

use crate::{Client, ClientError};

/// Most bytes of an answer.
const MAX_METRICS_BYTES: usize = 16 * 1024 * 1024;

impl Client {
    /// The server's metrics as Prometheus reads them (`/metrics`, text format 0.0.4).
    ///
    /// # Errors
    /// [`ClientError`], among others for a server that has none.
    pub async fn metrics(&self) -> Result<String, ClientError> {
        let lost = |error: &dyn std::error::Error| Fault::new(ErrorKind::Unavailable, error.to_string());
        let request = http::Request::get("/metrics").body(tonic::body::Body::empty());
        let request = request.map_err(|error| Fault::new(ErrorKind::Bug, error.to_string()))?;
        let answer = async {
            let answer = self.service.clone().oneshot(request).await.map_err(|error| lost(&error))?;
            let status = answer.status();
            if !status.is_success() {
                let message = format!("the server does not give its metrics: {status}");
                return Err(Fault::new(kind_of_status(status.as_u16()), message));
            }
            let body = Limited::new(answer.into_body(), MAX_METRICS_BYTES).collect().await;
            let bytes = body.map_err(|error| lost(error.as_ref()))?.to_bytes();
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        match tokio::time::timeout(self.options.call_timeout, answer).await {
            Ok(answer) => Ok(answer?),
            Err(_) => {
                Err(Fault::new(ErrorKind::DeadlineExceeded, "the server does not answer in time").into())
            }
        }
    }
}

/// The first kind of error that is answered by this status.
fn kind_of_status(status: u16) -> ErrorKind {
    ErrorKind::ALL.into_iter().find(|kind| http_status(*kind) == status).unwrap_or(ErrorKind::Unavailable)
}
