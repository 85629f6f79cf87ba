//! Faults as HTTP tells them: `application/problem+json` (RFC 9457).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use sensorium_api::{Fault, code_name, http_status};
use sensorium_types::ErrorKind;
use serde_json::{Map, Value, json};

/// The type of a problem.
pub(super) const MIME: &str = "application/problem+json";

/// A fault on its way out, with another status where HTTP has one of its own.
#[derive(Debug)]
pub(crate) struct Problem {
    fault: Fault,
    status: Option<StatusCode>,
}

impl Problem {
    /// A problem of the caller's request.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Fault::new(ErrorKind::InvalidArgument, message).into()
    }

    /// The same with a status of HTTP.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status: Some(status), ..self }
    }

    /// What is said of it.
    pub(super) fn to_json(&self) -> Value {
        let Fault { kind, message, retry_after, field, quota } = &self.fault;
        let status = self.status();
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("type", json!("about:blank"));
        put("title", json!(status.canonical_reason().unwrap_or("Client Closed Request")));
        put("status", json!(status.as_u16()));
        put("detail", json!(message));
        put("code", json!(code_name(*kind)));
        if let Some(field) = field {
            put("field", json!(field));
        }
        if let Some(quota) = quota {
            put("quota", json!(quota));
        }
        if let Some(wait) = retry_after {
            put("retry_after_ms", json!(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)));
        }
        Value::Object(object)
    }

    fn status(&self) -> StatusCode {
        let of_kind = StatusCode::from_u16(http_status(self.fault.kind));
        self.status.or(of_kind.ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self { fault, status: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json().to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MIME));
        if let Some(wait) = self.fault.retry_after {
            // Whole seconds, and never none.
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)));
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
