//! Files by a form: `multipart/form-data` with parts `file`, or `uri` where their addresses are allowed, and a part `payload` for all of them.
//!
//! ```text
//! parts ─► item of an ingest stream of this process ─► results, one a file, in the order of the files
//!    └─ `payload` may come behind files: a few are kept back for it
//! ```

use axum::extract::multipart::Field;
use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::response::Response;
use http::StatusCode;
use sensorium_api::convert::failure_of_error;
use sensorium_api::{Fault, v1};
use sensorium_fetch::Address;
use sensorium_types::ErrorKind;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::{Instrument as _, debug_span};
use v1::ingest_request::Message as Asked;
use v1::ingest_response::Message as Answered;
use v1::media_input::Source;

use super::answer::of_json;
use super::json::write;
use super::parameters::{COLLECTION, find, parse};
use super::problem::Problem;
use super::schema::dynamic;
use super::{App, caller};
use crate::calls::scope;

/// Bytes of files that are kept back for a payload behind them.
const KEPT_BACK_BYTES: usize = 32 * 1024 * 1024;
/// Most bytes of a payload; the ingest has its own, smaller limit.
const MAX_PAYLOAD_BYTES: usize = 128 * 1024;
/// Most bytes of an address.
const MAX_URI_BYTES: usize = 8 * 1024;
/// Most files of a form.
const MAX_FILES: usize = 10_000;

/// What became of the files, so far.
#[derive(Debug, Default)]
struct Outcomes {
    names: Vec<String>,
    results: Vec<Option<v1::IngestItemResult>>,
}

/// A file that waits to be sent.
#[derive(Debug)]
struct Held {
    sequence: u64,
    name: String,
    source: Source,
}

impl Held {
    /// Bytes that it keeps in memory.
    fn bytes(&self) -> usize {
        match &self.source {
            Source::Data(bytes) => bytes.len(),
            Source::Uri(text) | Source::UploadId(text) => text.len(),
        }
    }
}

/// Reads a form and answers with what became of each file.
pub(super) async fn ingest(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    caller(request.extensions()).check(scope("IngestService/Ingest"))?;
    let parameters = parse(request.uri().query())?;
    if let Some((name, _)) = parameters.iter().find(|(name, _)| name != COLLECTION) {
        return Err(Problem::invalid(format!("there is no parameter {name:?}; there is {COLLECTION}")));
    }
    let collection = find(&parameters, COLLECTION).unwrap_or_default().to_owned();
    let extensions = request.extensions().clone();
    let unsupported = |rejection: axum::extract::multipart::MultipartRejection| {
        let problem = Problem::invalid(format!("send the files as multipart/form-data: {rejection}"));
        problem.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    };
    let form = Multipart::from_request(request, &()).await.map_err(unsupported)?;

    let (items, queued) = mpsc::channel(1);
    let mut stream = tonic::Request::new(ReceiverStream::new(queued));
    *stream.extensions_mut() = extensions;
    let start = v1::IngestStart { collection_name: collection, ..v1::IngestStart::default() };
    send(&items, Asked::Start(start)).await?;
    let mut client = v1::ingest_service_client::IngestServiceClient::new(app.services.channel());
    let answers = client.ingest(stream).await.map_err(|status| Fault::from_status(&status))?.into_inner();

    let limit = app.context.settings().max_message_bytes;
    let (fed, results) = tokio::join!(feed(form, items, limit), gather(answers));
    let mut outcomes = fed?;
    let failed = results.fault;
    for result in results.results {
        let place = usize::try_from(result.sequence).ok().and_then(|number| number.checked_sub(1));
        if let Some(slot) = place.and_then(|place| outcomes.results.get_mut(place)) {
            *slot = Some(result);
        }
    }
    // Nothing came back at all: that is what is to be told.
    match failed {
        Some(fault) if outcomes.results.iter().all(Option::is_none) => Err(fault.into()),
        failed => Ok(of_json(&shown(outcomes, failed.as_ref())?)),
    }
}

/// The answer. Files without a result failed by what ended the stream.
fn shown(outcomes: Outcomes, fault: Option<&Fault>) -> Result<Value, Fault> {
    let mut results = Vec::with_capacity(outcomes.names.len());
    for (place, (name, result)) in outcomes.names.into_iter().zip(outcomes.results).enumerate() {
        let result = result.unwrap_or_else(|| {
            let (kind, message) = fault.map_or_else(
                || (ErrorKind::Unavailable, "the stream ended before its result".to_owned()),
                |fault| (fault.kind, fault.message.clone()),
            );
            failed(place as u64 + 1, kind, message)
        });
        let mut object = Map::from_iter([("name".to_owned(), json!(name))]);
        if let Value::Object(fields) = write(&dynamic(&result, "IngestItemResult")?) {
            object.extend(fields);
        }
        results.push(Value::Object(object));
    }
    Ok(json!({ "results": results }))
}

fn failed(sequence: u64, kind: ErrorKind, message: String) -> v1::IngestItemResult {
    let failure = Some(failure_of_error(kind, message));
    let state = v1::ItemState::Failed.into();
    v1::IngestItemResult { sequence, state, failure, ..v1::IngestItemResult::default() }
}

async fn send(items: &mpsc::Sender<v1::IngestRequest>, message: Asked) -> Result<(), Fault> {
    let ended = |_| Fault::new(ErrorKind::Unavailable, "the ingest ended");
    items.send(v1::IngestRequest { message: Some(message) }).await.map_err(ended)
}

/// Sends the files of a form. When the stream has ended, the rest is not read.
async fn feed(
    mut form: Multipart,
    items: mpsc::Sender<v1::IngestRequest>,
    limit: usize,
) -> Result<Outcomes, Problem> {
    let mut outcomes = Outcomes::default();
    let mut payload: Option<Map<String, Value>> = None;
    let mut held: Vec<Held> = Vec::new();
    loop {
        let part = form.next_field().await;
        let part = part
            .map_err(|error| Problem::invalid(format!("the form cannot be read: {}", error.body_text())))?;
        let Some(part) = part else { break };
        match part.name().unwrap_or_default() {
            "payload" => {
                let was_sent = outcomes.names.len() > held.len();
                if payload.is_some() || was_sent {
                    let message = "payload: send one, before the files or behind at most 32 MiB of them";
                    return Err(Problem::invalid(message));
                }
                payload = Some(read_payload(part).await?);
            }
            "file" => {
                if outcomes.names.len() == MAX_FILES {
                    return Err(Problem::invalid(format!("file: a form has at most {MAX_FILES}")));
                }
                let name = base_name(part.file_name().unwrap_or_default());
                let sequence = outcomes.names.len() as u64 + 1;
                let bytes = read_file(part, limit).instrument(debug_span!("receive")).await?;
                outcomes.names.push(name.clone());
                match bytes {
                    Some(bytes) => {
                        outcomes.results.push(None);
                        held.push(Held { sequence, name, source: Source::Data(bytes) });
                    }
                    None => {
                        let message = format!(
                            "file: at most {limit} bytes come by a form; send larger ones by Upload or index their folder"
                        );
                        outcomes.results.push(Some(failed(sequence, ErrorKind::InvalidArgument, message)));
                    }
                }
            }
            "uri" => {
                if outcomes.names.len() == MAX_FILES {
                    return Err(Problem::invalid(format!("uri: a form has at most {MAX_FILES} files")));
                }
                let uri = read_file(part, MAX_URI_BYTES)
                    .await?
                    .and_then(|bytes| String::from_utf8(bytes.into()).ok());
                let wrong =
                    || Problem::invalid(format!("uri: an address of at most {MAX_URI_BYTES} bytes of UTF-8"));
                let uri = uri.ok_or_else(wrong)?.trim().to_owned();
                // What is no address is told so by its result.
                let name = Address::parse(&uri).map(|address| base_name(&address.name())).unwrap_or_default();
                outcomes.names.push(name.clone());
                outcomes.results.push(None);
                let sequence = outcomes.names.len() as u64;
                held.push(Held { sequence, name, source: Source::Uri(uri) });
            }
            other => {
                let message = format!("there is no part {other:?}; there are file, uri and payload");
                return Err(Problem::invalid(message));
            }
        }
        let is_much = held.iter().map(Held::bytes).sum::<usize>() > KEPT_BACK_BYTES;
        if (payload.is_some() || is_much) && !send_all(&items, &mut held, payload.as_ref()).await {
            return Ok(outcomes);
        }
    }
    if outcomes.names.is_empty() {
        return Err(Problem::invalid("file: send at least one file or uri"));
    }
    if send_all(&items, &mut held, payload.as_ref()).await {
        // If that finds nobody, the results say why.
        let _ = send(&items, Asked::Stop(v1::IngestStop {})).await;
    }
    Ok(outcomes)
}

/// Sends what is held; `false` when the stream has ended.
async fn send_all(
    items: &mpsc::Sender<v1::IngestRequest>,
    held: &mut Vec<Held>,
    payload: Option<&Map<String, Value>>,
) -> bool {
    for Held { sequence, name, source } in held.drain(..) {
        let mut fields = payload.cloned().unwrap_or_default();
        if !name.is_empty() {
            fields.entry("name").or_insert_with(|| Value::String(name));
        }
        let media = v1::MediaInput { source: Some(source) };
        let part = v1::IngestPart {
            content: Some(v1::ingest_part::Content::Media(media)),
            ..v1::IngestPart::default()
        };
        let item = v1::IngestItem {
            sequence,
            parts: vec![part],
            payload: fields.into_iter().map(|(name, value)| (name, value.into())).collect(),
            ..v1::IngestItem::default()
        };
        if send(items, Asked::Item(item)).await.is_err() {
            return false;
        }
    }
    true
}

async fn read_payload(part: Field<'_>) -> Result<Map<String, Value>, Problem> {
    let bytes = read_file(part, MAX_PAYLOAD_BYTES).await?;
    let bytes =
        bytes.ok_or_else(|| Problem::invalid(format!("payload: at most {MAX_PAYLOAD_BYTES} bytes")))?;
    let invalid = |error| Problem::invalid(format!("payload: must be a JSON object: {error}"));
    serde_json::from_slice(&bytes).map_err(invalid)
}

/// The bytes of a part; `None` where they are more than this, which are read and dropped.
async fn read_file(mut part: Field<'_>, limit: usize) -> Result<Option<bytes::Bytes>, Problem> {
    let mut bytes = Vec::new();
    let mut is_much = false;
    loop {
        let chunk = part.chunk().await;
        let chunk = chunk
            .map_err(|error| Problem::invalid(format!("a part did not arrive: {}", error.body_text())))?;
        let Some(chunk) = chunk else { break };
        is_much |= bytes.len() + chunk.len() > limit;
        if is_much {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok((!is_much).then(|| bytes.into()))
}

/// The name of a file without folders, and without what no name has.
fn base_name(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    base.chars().filter(|letter| !letter.is_control()).take(255).collect()
}

/// Results until the stream ends, and what it ended by.
#[derive(Debug, Default)]
struct Gathered {
    results: Vec<v1::IngestItemResult>,
    fault: Option<Fault>,
}

async fn gather(mut answers: tonic::Streaming<v1::IngestResponse>) -> Gathered {
    let mut gathered = Gathered::default();
    loop {
        match answers.message().await {
            Ok(Some(v1::IngestResponse { message: Some(Answered::ItemResult(result)) })) => {
                gathered.results.push(result)
            }
            Ok(Some(v1::IngestResponse { message: Some(Answered::ShuttingDown(_)) })) => {
                gathered.fault =
                    Some(Fault::new(ErrorKind::Unavailable, "the server stops: send the file again later"));
            }
            Ok(Some(_)) => {}
            Ok(None) => return gathered,
            Err(status) => {
                gathered.fault = Some(Fault::from_status(&status));
                return gathered;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_folder_and_no_control_letters() {
        for (name, expected) in [
            ("dog.jpg", "dog.jpg"),
            ("../../etc/passwd", "passwd"),
            ("C:\\photos\\dog.jpg", "dog.jpg"),
            ("a\u{0}b\n.txt", "ab.txt"),
            ("", ""),
        ] {
            assert_eq!(base_name(name), expected);
        }
        assert_eq!(base_name(&"x".repeat(1000)).len(), 255);
    }

    #[test]
    fn a_file_without_a_result_says_what_ended_the_stream() {
        let outcomes = Outcomes {
            names: vec!["a".to_owned(), "b".to_owned()],
            results: vec![
                Some(v1::IngestItemResult { sequence: 1, asset_id: "x".to_owned(), ..Default::default() }),
                None,
            ],
        };
        let shown = shown(outcomes, Some(&Fault::new(ErrorKind::Overloaded, "full"))).expect("shows");
        let results = shown.get("results").and_then(Value::as_array).expect("a list");
        let field =
            |place: usize, name: &str| results.get(place).and_then(|result| result.pointer(name)).cloned();
        assert_eq!((field(0, "/name"), field(0, "/asset_id")), (Some(json!("a")), Some(json!("x"))));
        assert_eq!(field(1, "/state"), Some(json!("ITEM_STATE_FAILED")));
        assert_eq!(field(1, "/failure/message"), Some(json!("full")));
    }
}
