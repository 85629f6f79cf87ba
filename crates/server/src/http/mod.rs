//! HTTP and JSON, beside gRPC on the same port.
//!
//! ```text
//! request ─► route ─► parameters and JSON ─► message ─► the same services as gRPC, in this process ─► JSON, events or bytes
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | `table` | which route is which call |
//! | `answer` | the routes of the table |
//! | `parameters`, `json`, `schema` | addresses and JSON as messages, by the descriptions of `proto/` |
//! | `call` | the services, called from here |
//! | `ingest`, `media`, `ranges` | forms of files; thumbnails, bytes and clips |
//! | `export` | moments for editors and players |
//! | `session` | what a browser logs in with |
//! | `problem` | what went wrong, as HTTP tells it |
//! | `openapi`, `page`, `health` | what describes it, the page, and probes |

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, get, on, post};
use http::{Method, StatusCode};
use sensorium_api::Fault;
use sensorium_types::ErrorKind;

use crate::access::Caller;
use crate::context::Context;

mod answer;
mod call;
mod export;
mod health;
mod ingest;
mod json;
mod media;
mod openapi;
mod page;
mod parameters;
mod problem;
mod ranges;
mod schema;
mod session;
mod table;

pub(crate) use problem::Problem;

/// Whether there is such a call.
pub(crate) fn is_call(rpc: &str) -> bool {
    schema::method(rpc).is_ok()
}

/// Who asks, as the edge found out.
fn caller(extensions: &http::Extensions) -> Caller {
    extensions.get::<Caller>().cloned().unwrap_or(Caller::Nobody("the request has no caller"))
}

/// What routes share.
#[derive(Debug, Clone)]
pub(crate) struct App {
    context: Context,
    services: call::Services,
}

/// Every route, over the services of gRPC.
pub(crate) fn router(context: &Context, services: Router) -> Router {
    let app = App { context: context.clone(), services: call::Services::new(services) };
    let mut router: Router<App> = Router::new();
    for route in table::ROUTES {
        let answers = {
            let app = app.clone();
            move |request: Request| answer::named(route, app.clone(), request)
        };
        router = router.route(route.path, verb(route.verb, answers));
    }
    router
        .route("/v1/ingest", post(ingest::ingest))
        .route("/v1/assets/{id}/thumbnail", get(media::thumbnail))
        .route("/v1/assets/{id}/media", get(media::media))
        .route("/v1/assets/{id}/clip", get(media::clip))
        .route("/v1/assets/{id}/preview", get(media::preview))
        .route("/v1/export", post(export::export))
        .route("/v1/session", get(session::get).post(session::begin).delete(session::end))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::json))
        .route("/docs", get(openapi::page))
        .route_layer(middleware::from_fn(named))
        .fallback(other)
        .method_not_allowed_fallback(not_allowed)
        // Bodies have limits of their own, by what they carry.
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(app)
}

/// What answered, for what is counted: the call, or the route where it is none; a name among few.
#[derive(Debug, Clone)]
pub(crate) struct Named(pub(crate) String);

async fn named(route: MatchedPath, request: Request, next: Next) -> Response {
    let name = Named(format!("{} {}", request.method(), route.as_str()));
    let mut response = next.run(request).await;
    if response.extensions().get::<Named>().is_none() {
        response.extensions_mut().insert(name);
    }
    response
}

fn verb<H, T>(name: &str, handler: H) -> MethodRouter<App>
where
    H: axum::handler::Handler<T, App>,
    T: 'static,
{
    let filter = match name {
        "POST" => MethodFilter::POST,
        "PATCH" => MethodFilter::PATCH,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    on(filter, handler)
}

/// What no route is: a file of the page, or nothing.
async fn other(request: Request) -> Result<Response, Problem> {
    let path = request.uri().path();
    if path.starts_with("/v1/") || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Fault::new(ErrorKind::NotFound, format!("there is nothing at {path}; see /docs")).into());
    }
    page::file(path, request.headers())
}

async fn not_allowed(request: Request) -> Problem {
    let message = format!("{} does not take {}; see /docs", request.uri().path(), request.method());
    Problem::invalid(message).with_status(StatusCode::METHOD_NOT_ALLOWED)
}
