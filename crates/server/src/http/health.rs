//! Probes: whether the process answers, and whether it takes calls.

use axum::extract::State;
use http::StatusCode;

use super::App;

/// The process answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// Calls are taken, until the server stops.
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    match *app.context.stopping().borrow() {
        false => (StatusCode::OK, "ready\n"),
        true => (StatusCode::SERVICE_UNAVAILABLE, "the server stops\n"),
    }
}
