//! Probes, and what is counted: whether the process answers, whether it takes calls, and what became of them.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::problem::Problem;
use super::{App, caller};
use crate::calls::Scope;
use crate::context::BYTES_UNIT;
use crate::metrics::Scrape;

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

/// Counters and gauges for Prometheus, of the collections that are open and that the caller reaches.
pub(super) async fn metrics(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let asking = caller(request.extensions());
    asking.check(Scope::Read)?;
    let mut collections = Vec::new();
    for name in app.context.opened() {
        if let Some(engine) = app.context.opened_as(&name).filter(|_| asking.reaches(&name)) {
            let stats = app.context.within(engine.stats()).await?;
            collections.push((stats, app.context.within(engine.storage_figures()).await?));
        }
    }
    let all = app.context.settings().max_bytes_in_flight.div_ceil(BYTES_UNIT);
    let used = all.saturating_sub(app.context.bytes().available_permits());
    app.context.metrics().bytes_in_flight(used.saturating_mul(BYTES_UNIT));
    let engine = app.context.engine();
    let scrape = Scrape {
        collections,
        engine: engine.figures(),
        shared: engine.shared_figures(),
        spans: app.context.settings().traces.figures(),
    };
    let text = app.context.metrics().text(scrape);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
