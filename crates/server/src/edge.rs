//! The edge: what every request passes, by gRPC or by HTTP, before a service sees it.
//!
//! ```text
//! request ─► its host and origin ─► its key ─► gRPC: the caller's deadline ─► services
//!                                          └─► HTTP: without the base path ─► routes
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use sensorium_api::Fault;
use sensorium_types::ErrorKind;
use tonic::Status;
use tower::ServiceExt as _;

use crate::Settings;
use crate::access::{Access, Caller, scoped};
use crate::body::{Timed, Timing, held};
use crate::calls::{Scope, scope};
use crate::http::{Named, Problem, is_call};
use crate::metrics::Metrics;
use crate::services::STREAMS;
use crate::trace::{RequestTrace, SERVER_TIMING, TRACEPARENT};

/// The header by which a client of gRPC tells how long it waits.
const GRPC_TIMEOUT: &str = "grpc-timeout";
/// What no answer is taken for but what it says it is.
const NO_SNIFFING: (&str, &str) = ("x-content-type-options", "nosniff");

/// What requests pass.
#[derive(Debug)]
pub(crate) struct Edge {
    grpc: Router,
    http: Router,
    access: Arc<Access>,
    metrics: Arc<Metrics>,
    settings: Settings,
    /// Whether the server's own names are the only ones: where it listens on a loopback address.
    own_hosts_only: bool,
}

impl Edge {
    pub(crate) fn new(
        grpc: Router,
        http: Router,
        access: Arc<Access>,
        metrics: Arc<Metrics>,
        settings: &Settings,
    ) -> Self {
        let own_hosts_only = settings.listen.ip().is_loopback();
        Self { grpc, http, access, metrics, settings: settings.clone(), own_hosts_only }
    }

    /// Answers a request, and counts it.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let begun = Instant::now();
        let _in_flight = self.metrics.begin();
        let is_grpc = is_grpc(request.headers());
        let caller = self.access.caller(request.headers(), request.method());
        let called = rpc(request.uri().path()).filter(|rpc| is_grpc && is_call(rpc)).map(str::to_owned);
        let trace =
            RequestTrace::new(request.headers(), |trace, asked| self.settings.traces.keeps(trace, asked));
        let mut response = trace.of(self.pass(request, &caller, is_grpc)).await;
        if let Some(own) = trace.own.header() {
            response.headers_mut().insert(TRACEPARENT, own);
        }
        if let Some(times) = trace.timing() {
            response.headers_mut().insert(SERVER_TIMING, times);
        }
        let code = match is_grpc {
            true => response
                .headers()
                .get("grpc-status")
                .map_or("0", |code| code.to_str().unwrap_or("?"))
                .to_owned(),
            false => response.status().as_u16().to_string(),
        };
        let named = response.extensions().get::<Named>().map(|named| named.0.clone());
        let call = called.or(named).unwrap_or_else(|| "other".to_owned());
        let took = begun.elapsed();
        self.metrics.end(&call, &code, took);
        trace.end(&call, &code, took, self.settings.slow_request);
        // Few calls are for admins: that is seen without looking names up.
        if scope(&call) == Scope::Admin && is_call(&call) {
            self.access.audit.note(&caller, &call, &code);
        }
        response
    }

    async fn pass(&self, mut request: Request<Body>, caller: &Caller, is_grpc: bool) -> Response<Body> {
        if let Err(fault) = self.check_origin(&request) {
            self.metrics.reject("origin");
            return refused(fault, is_grpc);
        }
        if let Caller::Nobody(_) = caller {
            self.metrics.reject("key");
        }
        let turn = match self.access.turn(caller) {
            Ok(turn) => turn,
            Err(fault) => {
                self.metrics.reject("quota");
                return refused(fault, is_grpc);
            }
        };
        request.extensions_mut().insert(caller.clone());
        let answered = async {
            match is_grpc {
                true => self.answer_grpc(request, caller).await,
                false => self.answer_http(request).await,
            }
        };
        let answered = scoped(caller.clone(), answered).await;
        // A stream of answers is a call until it ends.
        answered.map(|body| held(body, turn))
    }

    async fn answer_grpc(&self, request: Request<Body>, caller: &Caller) -> Response<Body> {
        let path = request.uri().path();
        let needed = match rpc(path) {
            Some(rpc) => Some(scope(rpc)),
            // Probes have no key.
            None => (!path.starts_with("/grpc.health.")).then_some(Scope::Read),
        };
        if let Some(fault) = needed.and_then(|needed| caller.check(needed).err()) {
            return refused(fault, true);
        }
        let limit = request.headers().get(GRPC_TIMEOUT).and_then(|text| grpc_timeout(text.to_str().ok()?));
        // It is read until its message is there, which of a stream is its end.
        let is_stream = STREAMS.contains(&request.uri().path());
        let receiving = (!is_stream).then(|| tracing::debug_span!("receive"));
        let answered = self.grpc.clone().oneshot(request.map(|body| held(body, receiving)));
        let answered = match limit {
            None => answered.await,
            Some(limit) => match tokio::time::timeout(limit, answered).await {
                Ok(answered) => answered,
                Err(_) => {
                    let message = format!("the call took longer than {} s", limit.as_secs_f64());
                    return refused(Fault::new(ErrorKind::DeadlineExceeded, message), true);
                }
            },
        };
        match answered {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    async fn answer_http(&self, request: Request<Body>) -> Response<Body> {
        // The services of gRPC see by themselves to it that messages come in time.
        let mut request = request.map(|body| in_time(body, self.settings.idle_timeout));
        match below(request.uri(), &self.settings.base_path) {
            Below::Root(uri) => *request.uri_mut() = uri,
            Below::Bare => {
                let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
                let target = HeaderValue::from_str(&format!("{}/", self.settings.base_path));
                if let Ok(target) = target {
                    response.headers_mut().insert(http::header::LOCATION, target);
                }
                return response;
            }
            Below::Elsewhere => {
                let message = format!("everything here is below {}/", self.settings.base_path);
                return refused(Fault::new(ErrorKind::NotFound, message), false);
            }
        }
        let mut response = match self.http.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (name, value) = NO_SNIFFING;
        response.headers_mut().insert(name, HeaderValue::from_static(value));
        response
    }

    /// That a request names this server, and that no page of another site sent it. A name that leads here but is not ours is how such a
    /// page would get around the rules of browsers (DNS rebinding).
    fn check_origin(&self, request: &Request<Body>) -> Result<(), Fault> {
        let forbidden = |message: String| Fault::new(ErrorKind::PermissionDenied, message);
        let header =
            |name| request.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
        let authority = request.uri().authority().map(http::uri::Authority::as_str).or_else(|| header(HOST));
        let authority = authority.unwrap_or_default();
        let host = host_of(authority);
        if self.own_hosts_only && !self.is_own(host) {
            let message = format!("the host {host:?} is not a name of this server: allow it by --allow-host");
            return Err(forbidden(message));
        }
        match header(ORIGIN) {
            None => Ok(()),
            Some(origin) if origin.split_once("://").is_some_and(|(_, origin)| origin == authority) => Ok(()),
            Some(origin) => Err(forbidden(format!("a page of {origin:?} may not ask this server"))),
        }
    }

    fn is_own(&self, host: &str) -> bool {
        let is_loopback = |host: &str| {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        };
        host.eq_ignore_ascii_case("localhost")
            || is_loopback(host)
            || self.settings.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }
}

/// A host without its port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) && !host.ends_with(':') => {
            host
        }
        _ => authority,
    }
}

/// Whether it is a call of gRPC.
fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// `QueryService/Query` of the path of a call of ours.
fn rpc(path: &str) -> Option<&str> {
    path.strip_prefix("/sensorium.v1.")
}

/// A refusal in the form of who asks.
fn refused(fault: Fault, is_grpc: bool) -> Response<Body> {
    match is_grpc {
        true => Status::from(fault).into_http(),
        false => Problem::from(fault).into_response(),
    }
}

/// A body of which the next piece has so long to come.
fn in_time(body: Body, idle: Duration) -> Body {
    if http_body::Body::is_end_stream(&body) {
        return body;
    }
    Body::new(Timed::new(body, Timing::Pieces, idle, |idle| {
        let message = format!("nothing came for {} s", idle.as_secs_f64());
        axum::Error::new(std::io::Error::new(std::io::ErrorKind::TimedOut, message))
    }))
}

/// A time as gRPC tells it: up to eight digits and a unit.
fn grpc_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(count.saturating_mul(3600)),
        "M" => Duration::from_secs(count.saturating_mul(60)),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

/// Where an address lies.
#[derive(Debug, PartialEq)]
enum Below {
    /// Below the base, and this is it from there.
    Root(Uri),
    /// The base itself without a slash, so that a page's own addresses would lead past it.
    Bare,
    Elsewhere,
}

fn below(uri: &Uri, base: &str) -> Below {
    if base.is_empty() {
        return Below::Root(uri.clone());
    }
    let Some(path) = uri.path().strip_prefix(base) else { return Below::Elsewhere };
    if path.is_empty() {
        return Below::Bare;
    }
    if !path.starts_with('/') {
        return Below::Elsewhere;
    }
    let path = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(path).ok();
    Uri::from_parts(parts).map_or(Below::Elsewhere, Below::Root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Keys;

    fn edge(data: &tempfile::TempDir, settings: Settings) -> Edge {
        let keys = Arc::new(Keys::open(data.path()).expect("opens"));
        let access = Arc::new(Access::new(keys, data.path(), &settings));
        Edge::new(Router::new(), Router::new(), access, Arc::default(), &settings)
    }

    fn asked(host: &'static str, origin: Option<&'static str>) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            request.headers_mut().insert(ORIGIN, HeaderValue::from_static(origin));
        }
        request
    }

    #[test]
    fn only_own_names_and_own_pages_are_answered() {
        let data = tempfile::tempdir().expect("a folder");
        let edge =
            edge(&data, Settings { allowed_hosts: vec!["media.local".to_owned()], ..Settings::default() });
        for (host, origin, expected) in [
            ("127.0.0.1:7700", None, true),
            ("localhost:7700", Some("http://localhost:7700"), true),
            ("[::1]:7700", Some("http://[::1]:7700"), true),
            ("Media.Local", Some("https://Media.Local"), true),
            ("evil.example:7700", None, false),
            ("localhost.evil.example", None, false),
            ("", None, false),
            ("localhost:7700", Some("http://evil.example"), false),
            ("localhost:7700", Some("http://localhost:8080"), false),
            ("localhost:7700", Some("null"), false),
        ] {
            let checked = edge.check_origin(&asked(host, origin));
            assert_eq!(checked.is_ok(), expected, "{host} {origin:?}");
            assert!(checked.err().is_none_or(|fault| fault.kind == ErrorKind::PermissionDenied));
        }
    }

    #[test]
    fn an_address_is_seen_from_the_base() {
        let uri = |text: &str| text.parse::<Uri>().expect("an address");
        assert_eq!(below(&uri("/v1/info?a=b"), ""), Below::Root(uri("/v1/info?a=b")));
        assert_eq!(below(&uri("/media/v1/info?a=b"), "/media"), Below::Root(uri("/v1/info?a=b")));
        assert_eq!(below(&uri("/media/"), "/media"), Below::Root(uri("/")));
        assert_eq!(below(&uri("/media"), "/media"), Below::Bare);
        assert_eq!(below(&uri("/mediax/v1"), "/media"), Below::Elsewhere);
        assert_eq!(below(&uri("/v1/info"), "/media"), Below::Elsewhere);
    }

    #[test]
    fn times_are_read_as_grpc_writes_them() {
        for (text, expected) in [
            ("1S", Some(Duration::from_secs(1))),
            ("2H", Some(Duration::from_secs(7200))),
            ("150m", Some(Duration::from_millis(150))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("123456789S", None),
            ("1", None),
            ("S", None),
            ("", None),
            ("1é", None),
        ] {
            assert_eq!(grpc_timeout(text), expected, "{text}");
        }
    }
}
