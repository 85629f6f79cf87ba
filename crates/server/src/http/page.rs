//! The page: files of `web/`, held by the program.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sensorium_api::Fault;
use sensorium_types::ErrorKind;

use super::problem::Problem;

/// What the page may load and do: its own files, and nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                      media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
/// The file that stands for the folder.
const INDEX: &str = "index.html";

/// A file of the page.
#[derive(Debug)]
struct File {
    path: &'static str,
    mime: &'static str,
    /// What tells it from the file of another build, with its quotes.
    tag: &'static str,
    bytes: &'static [u8],
}

const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// A file of the page by its path from the root.
pub(super) fn file(path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let path = path.trim_start_matches('/');
    let path = if path.is_empty() { INDEX } else { path };
    let Some(file) = FILES.iter().find(|file| file.path == path) else {
        return Err(Fault::new(ErrorKind::NotFound, format!("there is nothing at /{path}")).into());
    };
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == file.tag.as_bytes());
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Response::new(Body::from(Bytes::from_static(file.bytes))),
    };
    let mut put = |name: HeaderName, value: HeaderValue| response.headers_mut().insert(name, value);
    put(ETAG, HeaderValue::from_static(file.tag));
    put(CONTENT_TYPE, HeaderValue::from_static(file.mime));
    put(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    put(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    put(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}
