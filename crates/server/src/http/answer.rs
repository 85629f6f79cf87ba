//! The routes of the table: parameters and JSON in, the call, JSON or events out.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use sensorium_api::Fault;
use sensorium_api::reflect::DynamicMessage;
use sensorium_types::ErrorKind;
use serde_json::{Map, Value};
use tonic::Streaming;
use tracing::{Instrument as _, debug_span};

use super::json;
use super::parameters::{fill, parse, put};
use super::problem::Problem;
use super::schema::method;
use super::table::Route;
use super::{App, Named, caller};
use crate::calls::scope;
use crate::context::BYTES_UNIT;

/// Base64 of a message's bytes is longer by a third, and there is the rest of the message.
const JSON_GROWTH: usize = 2;

/// Answers a request of a route, and says which call it was.
pub(super) async fn named(route: &'static Route, app: App, request: Request) -> Response {
    let mut response = answer(route, app, request).await.into_response();
    response.extensions_mut().insert(Named(route.rpc.to_owned()));
    response
}

async fn answer(route: &'static Route, app: App, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    caller(&parts.extensions).check(scope(route.rpc))?;
    let call = method(route.rpc)?;
    let descriptor = call.input();
    let mut object = match route.has_body {
        true => {
            let takes_media = WITH_MEDIA.contains(&route.rpc);
            let reading = read_body(&app, &parts.headers, body, takes_media);
            reading.instrument(debug_span!("receive")).await?
        }
        false => Map::new(),
    };
    let parameters = parse(parts.uri.query())?;
    fill(&mut object, parameters, &descriptor, route.has_body)?;
    if let Some((parameter, field)) = route.fills {
        let invalid = |_| Problem::invalid("the path is not UTF-8");
        let path = RawPathParams::from_request_parts(&mut parts, &()).await.map_err(invalid)?;
        if let Some((_, value)) = path.iter().find(|(name, _)| *name == parameter) {
            put(&mut object, field, value.to_owned(), &descriptor);
        }
    }
    let message = json::read(&descriptor, &Value::Object(object))?;
    if call.is_server_streaming() {
        let answers = app.services.stream(&call, message, parts.extensions).await?;
        return Ok(events(answers));
    }
    let answered = app.services.unary(&call, message, parts.extensions).await?;
    let answered = json::write(&answered);
    match missing(route, &answered) {
        Some(fault) => Err(fault.into()),
        None => Ok(of_json(&answered)),
    }
}

/// An asset that its own address names is there or is not.
fn missing(route: &Route, answered: &Value) -> Option<Fault> {
    let asked = route.rpc == "PointsService/Get" && route.fills.is_some();
    let missing = answered.get("missing").filter(|_| asked)?.get(0)?;
    Some(Fault::new(ErrorKind::NotFound, format!("there is no asset {missing}")))
}

/// Calls whose messages carry media.
const WITH_MEDIA: [&str; 7] = [
    "CaptionService/Caption",
    "CaptionService/Summarize",
    "EmbedService/Embed",
    "QueryService/Query",
    "QueryService/QueryBatch",
    "QueryService/ScoreAsset",
    "QueryService/Watch",
];

/// JSON as an answer.
pub(super) fn of_json(value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A body that is an object of JSON; none is an empty one.
pub(super) async fn read_body(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    takes_media: bool,
) -> Result<Map<String, Value>, Problem> {
    let settings = app.context.settings();
    let limit = match takes_media {
        true => settings.max_message_bytes.saturating_mul(JSON_GROWTH),
        false => settings.max_small_message_bytes,
    };
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let too_large = || {
        let message = format!("a message of this call has at most {limit} bytes");
        Problem::invalid(message).with_status(StatusCode::PAYLOAD_TOO_LARGE)
    };
    if length.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let units = u32::try_from(length.unwrap_or(settings.max_small_message_bytes).div_ceil(BYTES_UNIT));
    let room = app.context.bytes().try_acquire_many_owned(units.unwrap_or(u32::MAX));
    let _room = room.map_err(|_| {
        Fault::new(ErrorKind::Overloaded, "the server has no room for this message: ask again")
    })?;
    let read = axum::body::to_bytes(body, limit).await;
    let bytes: Bytes = read.map_err(|error| match is_too_long(&error) {
        true => too_large(),
        false => Problem::invalid(format!("the message did not arrive: {error}")),
    })?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    if !is_json(headers) {
        let problem = Problem::invalid("send the message as application/json");
        return Err(problem.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Problem::invalid("the message must be a JSON object")),
        Err(error) => Err(Problem::invalid(format!("the message is not JSON: {error}"))),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// Answers as server-sent events: a message each, `end` at the end, `error` with a problem where it breaks off.
fn events(answers: Streaming<DynamicMessage>) -> Response {
    Sse::new(event_stream(answers)).keep_alive(KeepAlive::default()).into_response()
}

fn event_stream(answers: Streaming<DynamicMessage>) -> impl Stream<Item = Result<Event, Infallible>> {
    let next = |answers: Option<Streaming<DynamicMessage>>| async move {
        let mut answers = answers?;
        Some(match answers.message().await {
            Ok(Some(message)) => (Event::default().data(json::write(&message).to_string()), Some(answers)),
            Ok(None) => (Event::default().event("end").data("{}"), None),
            Err(status) => {
                let problem = Problem::from(Fault::from_status(&status)).to_json().to_string();
                (Event::default().event("error").data(problem), None)
            }
        })
    };
    stream::unfold(Some(answers), next).map(Ok)
}
