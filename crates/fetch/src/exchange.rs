//! One request with its redirects.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HOST,
    HeaderMap, HeaderName, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE, USER_AGENT,
};
use http::{HeaderValue, Method, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::FetchError;
use crate::address::WebAddress;
use crate::connect::{Connection, connect};
use crate::request::{Bearer, Limits, Shared};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// Longest `ETag` or date that is sent back.
const MAX_VALIDATOR_BYTES: usize = 1024;
const AGENT: &str = concat!("sensorium/", env!("CARGO_PKG_VERSION"));

/// What is asked of an address.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) address: &'a WebAddress,
    pub(crate) bearer: Option<&'a Bearer>,
    /// Where to begin; above 0 only with a validator, or where a hash tells other bytes.
    pub(crate) from: u64,
    /// What must not have changed for a beginning elsewhere than at 0.
    pub(crate) validator: Option<&'a str>,
    /// Bytes that are wanted of the beginning, where not all are.
    pub(crate) first: Option<u64>,
    pub(crate) limits: &'a Limits,
}

/// An answer whose bytes are still to come.
pub(crate) struct Answer {
    pub(crate) body: Incoming,
    /// Moves the bytes of the connection.
    pub(crate) driver: JoinSet<()>,
    /// Where the bytes begin: where was asked, or at 0.
    pub(crate) from: u64,
    /// Of all, where the other side says so.
    pub(crate) total: Option<u64>,
    /// By what it is known that the bytes are the same.
    pub(crate) validator: Option<String>,
    /// The headers of [`Policy::noted`](crate::Policy), of the first answer that has them.
    pub(crate) noted: HeaderMap,
}

/// Asks, and follows where redirects lead: each is looked at as the first address was.
pub(crate) async fn exchange(shared: &Shared, asked: Asked<'_>) -> Result<Answer, FetchError> {
    let mut at = asked.address.clone();
    let mut noted = HeaderMap::new();
    for _ in 0..=MAX_REDIRECTS {
        let (response, driver) = ask(shared, &asked, &at).await?;
        // What stands behind a redirect to elsewhere speaks for itself alone.
        if at.origin == asked.address.origin {
            note(&mut noted, shared, response.headers());
        }
        if !leads_on(response.status()) {
            return answer(&asked, &at, response, driver).map(|answer| Answer { noted, ..answer });
        }
        let wrong = |what| FetchError::Redirect { address: at.to_string(), what };
        let location = response.headers().get(LOCATION).ok_or_else(|| wrong("a redirect to nowhere"))?;
        let location = location.to_str().map_err(|_| wrong("a redirect that cannot be read"))?;
        let next = at.follow(location)?;
        if shared.policy.allowed.is_encrypted() && !next.origin.is_encrypted {
            return Err(wrong("it leads from https to http, which is not followed"));
        }
        at = next;
    }
    let what = "it leads on more than 5 times";
    Err(FetchError::Redirect { address: asked.address.to_string(), what })
}

/// Keeps headers that are asked for, the first of each name.
fn note(noted: &mut HeaderMap, shared: &Shared, headers: &HeaderMap) {
    for name in shared.policy.noted {
        if let Some(value) = headers.get(*name)
            && let Ok(name) = HeaderName::from_bytes(name.as_bytes())
        {
            noted.entry(name).or_insert_with(|| value.clone());
        }
    }
}

fn leads_on(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// One request to one address.
async fn ask(
    shared: &Shared,
    asked: &Asked<'_>,
    at: &WebAddress,
) -> Result<(http::Response<Incoming>, JoinSet<()>), FetchError> {
    if !shared.policy.allowed.holds_web(at) {
        return Err(FetchError::NotAllowed { address: at.to_string() });
    }
    let request = request(asked, at)?;
    let Connection { mut sender, driver } = connect(shared, &at.origin, asked.limits).await?;
    let limit = asked.limits.no_progress;
    let response = timeout(limit, sender.send_request(request)).await;
    let response = response.map_err(|_| timed_out(at, "no answer came", limit))?;
    Ok((response.map_err(|error| lost(at, &error))?, driver))
}

fn request(asked: &Asked<'_>, at: &WebAddress) -> Result<http::Request<Empty<Bytes>>, FetchError> {
    let mut request = http::Request::new(Empty::new());
    *request.method_mut() = Method::GET;
    *request.uri_mut() =
        at.target().parse().map_err(|_| FetchError::Address { what: "its path cannot be asked for" })?;
    let headers = request.headers_mut();
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(HOST, &at.origin.authority());
    put(USER_AGENT, AGENT);
    put(ACCEPT, "*/*");
    put(ACCEPT_ENCODING, "identity");
    match (asked.from, asked.first) {
        (from @ 1.., _) => put(RANGE, &format!("bytes={from}-")),
        (0, Some(first @ 1..)) => put(RANGE, &format!("bytes=0-{}", first - 1)),
        (0, _) => {}
    }
    if let (Some(validator), 1..) = (asked.validator, asked.from) {
        put(IF_RANGE, validator);
    }
    // What a redirect leads to has no right to it.
    if let Some(bearer) = asked.bearer.filter(|_| at.origin == asked.address.origin) {
        if !at.origin.is_encrypted && !at.origin.is_loopback() {
            return Err(FetchError::NotEncrypted { address: at.to_string() });
        }
        put(AUTHORIZATION, &bearer.header());
    }
    Ok(request)
}

fn answer(
    asked: &Asked<'_>,
    at: &WebAddress,
    response: http::Response<Incoming>,
    driver: JoinSet<()>,
) -> Result<Answer, FetchError> {
    let (head, body) = response.into_parts();
    let (address, headers) = (|| at.to_string(), &head.headers);
    let wrong = |what| Err(FetchError::Answer { address: address(), what });
    let (from, total) = match head.status.as_u16() {
        200 => (0, number(headers, &CONTENT_LENGTH)),
        206 if asked.from > 0 || asked.first.is_some() => match range(headers) {
            Some((from, total)) if from == asked.from => (from, total),
            Some(_) | None => return wrong("it gave another range than was asked for"),
        },
        404 | 410 => {
            return Err(FetchError::NotFound { address: address(), status: Some(head.status.as_u16()) });
        }
        status @ (408 | 425 | 429 | 500..=599) => {
            return Err(FetchError::Away { address: address(), status });
        }
        status => return Err(FetchError::Refused { address: address(), status }),
    };
    let packed = headers.get(CONTENT_ENCODING).is_some_and(|packing| packing != "identity");
    if packed {
        return wrong("it packed its bytes though it was asked not to");
    }
    let limit = asked.limits.max_bytes;
    if total.is_some_and(|total| total > limit) {
        return Err(FetchError::TooLarge { address: address(), limit });
    }
    Ok(Answer { body, driver, from, total, validator: validator(headers), noted: HeaderMap::new() })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

/// `bytes 5-9/10`: where it begins, and how many there are.
fn range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = text(headers, &CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    Some((from.parse().ok()?, total.parse().ok()))
}

/// What is the same as long as the bytes are: a strong tag, else the time of the last change.
fn validator(headers: &HeaderMap) -> Option<String> {
    let tag = text(headers, &ETAG).filter(|tag| tag.starts_with('"'));
    let found = tag.or_else(|| text(headers, &LAST_MODIFIED))?;
    (found.len() <= MAX_VALIDATOR_BYTES).then(|| found.to_owned())
}

pub(crate) fn timed_out(at: &WebAddress, what: &'static str, limit: Duration) -> FetchError {
    FetchError::TimedOut { address: at.to_string(), what, seconds: limit.as_secs_f64() }
}

pub(crate) fn lost(at: &WebAddress, error: &hyper::Error) -> FetchError {
    let mut what = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        what = format!("{what}: {cause}");
    }
    FetchError::Connection { address: at.to_string(), what }
}
