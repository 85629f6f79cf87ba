//! Logging in: a key for a cookie that scripts do not see.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use sensorium_api::Fault;
use sensorium_types::ErrorKind;
use serde_json::json;

use super::answer::{of_json, read_body};
use super::problem::Problem;
use super::{App, caller};
use crate::access::{Caller, in_header, set_cookie};

/// What the one who asks may do, and whether a key is needed: `{"scope","collections","required"}`, `scope` being null for nobody.
pub(super) async fn get(State(app): State<App>, request: Request) -> Response {
    let required = app.context.access().is_required;
    of_json(&match caller(request.extensions()) {
        Caller::Anyone => json!({ "scope": "admin", "collections": [], "required": required }),
        Caller::Nobody(_) => json!({ "scope": null, "collections": [], "required": required }),
        Caller::Key(key) => {
            json!({ "scope": key.scope.name(), "collections": key.collections, "required": required })
        }
    })
}

/// Begins a session with the key of the body: `{"key"}`.
pub(super) async fn begin(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(&app, &parts.headers, body, false).await?;
    let key = body.get("key").and_then(|key| key.as_str());
    let key = key.ok_or_else(|| Problem::invalid("key: send the key, a string"))?;
    let access = app.context.access();
    let unknown = || Fault::new(ErrorKind::Unauthenticated, "the key is unknown, has ended or was revoked");
    let facts = access.keys.find(key).ok_or_else(unknown)?;
    let value = access.sessions.begin(&facts.id)?;
    let said = json!({ "scope": facts.scope.name(), "collections": facts.collections });
    Ok(with_cookie(&app, of_json(&said), Some(&value)))
}

/// Ends the session of the cookie.
pub(super) async fn end(State(app): State<App>, headers: HeaderMap) -> Response {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| in_header(value.to_str().ok()?));
    cookies.for_each(|value| app.context.access().sessions.end(value));
    with_cookie(&app, StatusCode::NO_CONTENT.into_response(), None)
}

fn with_cookie(app: &App, mut response: Response, value: Option<&str>) -> Response {
    let settings = app.context.settings();
    // A browser would not send a secure cookie back over what is not encrypted.
    let is_secure = settings.tls.is_some();
    if let Ok(cookie) = HeaderValue::from_str(&set_cookie(value, &settings.base_path, is_secure)) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
