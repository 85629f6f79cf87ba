//! The OpenAPI 3.1 document of the HTTP interface, made of the table of routes and of the protos with their comments.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::response::{Html, IntoResponse as _, Response};
use sensorium_api::reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::parameters::{COLLECTION, COLLECTION_FIELD, is_simple};
use super::problem;
use super::schema::{PACKAGE, POOL, comment, method};
use super::table::{ROUTES, Route};

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// The document.
pub(super) async fn json() -> Response {
    super::answer::of_json(&DOCUMENT)
}

/// The same for people.
pub(super) async fn page() -> Response {
    let mut rows = String::new();
    let paths = DOCUMENT.get("paths").and_then(Value::as_object);
    for (path, verbs) in paths.into_iter().flatten() {
        for (verb, operation) in verbs.as_object().into_iter().flatten() {
            let text = |name: &str| operation.get(name).and_then(Value::as_str).unwrap_or_default();
            let (id, summary) = (escaped(text("operationId")), escaped(text("description")));
            let (verb, path) = (verb.to_uppercase(), escaped(path));
            rows += &format!(
                "<tr><td>{verb}</td><td><code>{path}</code></td><td>{id}</td><td>{summary}</td></tr>\n"
            );
        }
    }
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sensorium over HTTP</title>\
         <h1>Sensorium over HTTP</h1><p>Messages in JSON, with the names of the protos. The whole description, with every field, is \
         <a href=\"openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>\
         <table><tr><th>Method<th>Path<th>Operation<th>What it does</tr>\n{rows}</table></html>"
    );
    Html(page).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn document() -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut schemas = Schemas::default();
    for route in ROUTES {
        if let Ok(operation) = operation(route, &mut schemas) {
            paths.entry(route.path.to_owned()).or_default().insert(route.verb.to_lowercase(), operation);
        }
    }
    for (path, verb, operation) in special(&mut schemas) {
        paths.entry(path.to_owned()).or_default().insert(verb.to_owned(), operation);
    }
    let mut components = schemas.done;
    components.insert("Problem".to_owned(), problem_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sensorium",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Cross-modal search: text, images, video and audio in one space, down to the moment.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "security": [{}, { "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "schemas": components,
        },
    })
}

/// What a call may answer instead of what it was asked for.
const FAILURES: [(&str, &str); 12] = [
    ("400", "The request breaks a rule, or what is there does not allow it."),
    ("401", "A key is missing, unknown, expired or revoked."),
    ("403", "The key does not reach so far, or the request comes from another site."),
    ("404", "There is no such thing."),
    ("409", "Something of that name is there already."),
    ("413", "The message is too large."),
    ("415", "The message is of another type."),
    ("429", "The server is at its limit: ask again after the time that Retry-After tells."),
    ("500", "A fault of the server, or damaged data."),
    ("501", "Not built yet."),
    ("503", "The server stops, or cannot write now."),
    ("504", "It took too long."),
];

fn with_failures(mut good: Map<String, Value>) -> Value {
    for (status, description) in FAILURES {
        let content = json!({ problem::MIME: { "schema": { "$ref": "#/components/schemas/Problem" } } });
        good.insert(status.to_owned(), json!({ "description": description, "content": content }));
    }
    Value::Object(good)
}

fn good(status: &str, description: &str, content: Value) -> Map<String, Value> {
    let answer = json!({ "description": description, "content": content });
    Map::from_iter([(status.to_owned(), answer)])
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "What happened, and what to do." },
            "code": { "type": "string", "description": "The gRPC code, as in NOT_FOUND." },
            "field": { "type": "string", "description": "The field that is wrong, as in terms[0].weight." },
            "quota": { "type": "string", "description": "What there is too much of." },
            "retry_after_ms": { "type": "integer" },
        },
    })
}

/// One of the events of a stream, whose data are JSON.
fn event(message: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["data"],
        "properties": {
            "event": { "enum": ["message", "end", "error"] },
            "data": { "type": "string", "contentMediaType": "application/json", "contentSchema": message },
        },
    })
}

fn collection_parameter() -> Value {
    json!({
        "name": COLLECTION, "in": "query", "required": false, "schema": { "type": "string" },
        "description": "The collection; left out: the server's own.",
    })
}

fn path_parameter(name: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 },
        "description": "Percent-encoded.",
    })
}

fn operation(route: &Route, schemas: &mut Schemas) -> Result<Value, sensorium_api::Fault> {
    let call = method(route.rpc)?;
    let file = call.parent_service().parent_file();
    let (input, output) = (call.input(), call.output());
    let mut parameters = Vec::new();
    let mut filled = String::new();
    if let Some((parameter, field)) = route.fills {
        parameters.push(path_parameter(parameter));
        filled = field.to_owned();
    }
    let names_collection =
        input.get_field_by_name(COLLECTION_FIELD).is_some() || input.get_field_by_name("queries").is_some();
    if names_collection && filled != COLLECTION_FIELD {
        parameters.push(collection_parameter());
    }
    for field in input.fields().filter(|field| !route.has_body && is_simple(field)) {
        if field.name() == COLLECTION_FIELD || field.name() == filled {
            continue;
        }
        parameters.push(json!({
            "name": field.name(), "in": "query", "required": false,
            "schema": schemas.field(&field, true),
            "description": said(&field).unwrap_or_default(),
        }));
    }
    let schema = schemas.message(&output);
    let (kind, description) = match call.is_server_streaming() {
        true => (
            "text/event-stream",
            "Events: a message each; `end` at the end, `error` with a problem where it breaks off.",
        ),
        false => ("application/json", "The answer."),
    };
    let schema = if call.is_server_streaming() { event(&schema) } else { schema };
    let mut operation = json!({
        "operationId": operation_id(route),
        "tags": [call.parent_service().name().trim_end_matches("Service")],
        "description": comment(&file, call.path()).unwrap_or_default(),
        "parameters": parameters,
        "responses": with_failures(good("200", description, json!({ kind: { "schema": schema } }))),
    });
    if let Some(object) = operation.as_object_mut().filter(|_| route.has_body) {
        let content = json!({ "application/json": { "schema": schemas.message(&input) } });
        object.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    Ok(operation)
}

/// The name of the call; of an asset by its path, another than that of the call.
fn operation_id(route: &Route) -> String {
    let name = route.rpc.split_once('/').map_or(route.rpc, |(_, name)| name);
    if route.path == "/v1/assets/{id}" { format!("{name}One") } else { name.to_owned() }
}

/// Routes that are no call of the table.
fn special(schemas: &mut Schemas) -> Vec<(&'static str, &'static str, Value)> {
    let bytes = |kind: &str| json!({ kind: { "schema": { "type": "string", "contentMediaType": kind } } });
    let whole = |name: &str, description: &str| {
        json!({ "name": name, "in": "query", "required": false, "description": description,
                "schema": { "type": "integer", "minimum": 0, "maximum": 4_294_967_295_u64 } })
    };
    let result = POOL.get_message_by_name(&format!("{PACKAGE}.IngestItemResult"));
    let result = result.map_or(json!({}), |message| schemas.message(&message));
    let results = json!({
        "type": "object", "required": ["results"],
        "properties": { "results": { "type": "array", "items": result } },
    });
    let form = json!({
        "type": "object",
        "properties": {
            "file": { "type": "array", "items": { "type": "string", "contentMediaType": "application/octet-stream" },
                      "description": "A part for each file." },
            "uri": { "type": "array", "items": { "type": "string" },
                     "description": "The address of a file, where the operator allows that (serve --allow-uri); at least one part `file` or `uri`." },
            "payload": { "type": "string", "contentMediaType": "application/json",
                         "description": "Fields for all files, as one JSON object." },
        },
    });
    let track = json!({ "name": "track", "in": "query", "required": false, "schema": { "type": "string" },
                        "description": "video, audio, image, text, fused or caption; left out: the asset's main track." });
    let any = || {
        let kinds = ["image/*", "video/*", "audio/*", "text/plain", "application/octet-stream"];
        let kinds = kinds.map(|kind| (kind.to_owned(), json!({ "schema": { "type": "string" } })));
        Value::Object(Map::from_iter(kinds))
    };
    let mut media = good("200", "The bytes.", any());
    media.extend(good("206", "A range of them.", any()));
    media.insert("304".to_owned(), json!({ "description": "They are as they were." }));
    media.insert("416".to_owned(), json!({ "description": "They have no such range." }));
    let probe = |description: &str| {
        let mut answers =
            good("200", description, json!({ "text/plain": { "schema": { "type": "string" } } }));
        answers.insert("503".to_owned(), json!({ "description": "Not now." }));
        answers
    };
    vec![
        (
            "/v1/ingest",
            "post",
            json!({
                "operationId": "IngestFiles", "tags": ["Ingest"],
                "description": "Brings files in by a form; one result a file, in their order. Files that fail do not hold up the others.",
                "parameters": [collection_parameter()],
                "requestBody": { "required": true, "content": { "multipart/form-data": { "schema": form } } },
                "responses": with_failures(good("200", "What became of each file.", json!({ "application/json": { "schema": results } }))),
            }),
        ),
        (
            "/v1/assets/{id}/thumbnail",
            "get",
            json!({
                "operationId": "Thumbnail", "tags": ["Points"], "description": "A small JPEG that shows a point.",
                "parameters": [path_parameter("id"), collection_parameter(), track, whole("ordinal", "The place in the track, from 0.")],
                "responses": with_failures(good("200", "The image.", bytes("image/jpeg"))),
            }),
        ),
        (
            "/v1/assets/{id}/media",
            "get",
            json!({
                "operationId": "Media", "tags": ["Points"], "description": "The bytes of an asset; a range where `Range` asks for one.",
                "parameters": [path_parameter("id"), collection_parameter()],
                "responses": with_failures(media),
            }),
        ),
        (
            "/v1/assets/{id}/clip",
            "get",
            json!({
                "operationId": "Clip", "tags": ["Points"],
                "description": "A stretch of a video or an audio clip, converted to MP4 with H.264 and AAC; at most 60 s.",
                "parameters": [
                    path_parameter("id"), collection_parameter(),
                    { "name": "start_ms", "in": "query", "required": true, "schema": { "type": "integer", "minimum": 0 } },
                    { "name": "end_ms", "in": "query", "required": true, "schema": { "type": "integer", "minimum": 1 } },
                ],
                "responses": with_failures(good("200", "The clip.", json!({
                    "video/mp4": { "schema": { "type": "string" } }, "audio/mp4": { "schema": { "type": "string" } },
                }))),
            }),
        ),
        (
            "/v1/assets/{id}/preview",
            "get",
            json!({
                "operationId": "Preview", "tags": ["Points"],
                "description": "An image as a JPEG, converted for this request: for those that a browser does not show, as HEIC and TIFF.",
                "parameters": [
                    path_parameter("id"), collection_parameter(),
                    { "name": "side", "in": "query", "required": false, "description": "Its longest side in pixels at most; 2048 where it is left out.",
                      "schema": { "type": "integer", "minimum": 16, "maximum": 2048 } },
                ],
                "responses": with_failures(good("200", "The image.", bytes("image/jpeg"))),
            }),
        ),
        (
            "/v1/export",
            "post",
            json!({
                "operationId": "Export", "tags": ["Query"],
                "description": "Writes moments as a file for editors, players and tables, as `search --export` does.",
                "parameters": [collection_parameter()],
                "requestBody": { "required": true, "content": { "application/json": { "schema": export_schema() } } },
                "responses": with_failures(good("200", "The file.", json!({
                    "text/plain": { "schema": { "type": "string" } }, "text/csv": { "schema": { "type": "string" } },
                    "text/vtt": { "schema": { "type": "string" } }, "audio/x-mpegurl": { "schema": { "type": "string" } },
                    "application/json": { "schema": {} },
                }))),
            }),
        ),
        (
            "/v1/session",
            "get",
            json!({
                "operationId": "GetSession", "tags": ["Keys"],
                "description": "What the caller may do, and whether a key is needed; `scope` is null for nobody.", "security": [{}],
                "responses": with_failures(good("200", "That.", json!({ "application/json": { "schema": { "type": "object" } } }))),
            }),
        ),
        (
            "/v1/session",
            "post",
            json!({
                "operationId": "BeginSession", "tags": ["Keys"], "description": "Gives a browser a cookie that stands for a key.",
                "security": [{}],
                "requestBody": { "required": true, "content": { "application/json": { "schema": {
                    "type": "object", "required": ["key"], "properties": { "key": { "type": "string" } },
                } } } },
                "responses": with_failures(good("200", "The cookie is set.", json!({ "application/json": { "schema": { "type": "object" } } }))),
            }),
        ),
        (
            "/v1/session",
            "delete",
            json!({
                "operationId": "EndSession", "tags": ["Keys"], "description": "Ends the session of the cookie.", "security": [{}],
                "responses": with_failures(Map::from_iter([("204".to_owned(), json!({ "description": "It is ended." }))])),
            }),
        ),
        (
            "/metrics",
            "get",
            json!({
                "operationId": "Metrics", "tags": ["Health"], "description": "Counters and gauges, as OpenMetrics.",
                "responses": with_failures(good("200", "They.", json!({ "application/openmetrics-text": { "schema": { "type": "string" } } }))),
            }),
        ),
        (
            "/livez",
            "get",
            json!({
                "operationId": "Livez", "tags": ["Health"], "description": "Whether the process answers.", "security": [{}],
                "responses": probe("It does."),
            }),
        ),
        (
            "/readyz",
            "get",
            json!({
                "operationId": "Readyz", "tags": ["Health"], "description": "Whether calls are taken: not any more when the server stops.",
                "security": [{}], "responses": probe("They are."),
            }),
        ),
    ]
}

fn export_schema() -> Value {
    let ms = json!({ "type": "integer", "minimum": 0 });
    let hit = json!({
        "type": "object", "required": ["asset_id"], "properties": {
            "asset_id": { "type": "string" }, "score": { "type": "number" },
            "moment": { "type": "object", "required": ["start_ms", "end_ms"], "properties": { "start_ms": ms, "end_ms": ms } },
        },
    });
    json!({
        "type": "object", "required": ["format", "hits"], "additionalProperties": false, "properties": {
            "format": { "type": "string", "enum": ["edl", "otio", "csv", "m3u", "vtt"] },
            "hits": { "type": "array", "items": hit, "maxItems": 10_000 },
        },
    })
}

fn said(field: &FieldDescriptor) -> Option<String> {
    comment(&field.parent_message().parent_file(), field.path())
}

/// Schemas of messages, each once.
#[derive(Debug, Default)]
struct Schemas {
    done: BTreeMap<String, Value>,
}

impl Schemas {
    /// A reference to a message's schema, which is made where it is missing.
    fn message(&mut self, message: &MessageDescriptor) -> Value {
        let name = message.name().to_owned();
        if !self.done.contains_key(&name) {
            // Named before its fields are looked at, for messages hold each other.
            self.done.insert(name.clone(), Value::Bool(true));
            let schema = self.schema(message);
            self.done.insert(name.clone(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    fn schema(&mut self, message: &MessageDescriptor) -> Value {
        let description = comment(&message.parent_file(), message.path()).unwrap_or_default();
        if message.name() == "Value" {
            return json!({ "description": "Any JSON." });
        }
        let mut properties = Map::new();
        for field in message.fields() {
            let mut schema = self.field(&field, false);
            if let (Some(object), Some(said)) = (schema.as_object_mut(), said(&field)) {
                object.insert("description".to_owned(), Value::String(said));
            }
            properties.insert(field.name().to_owned(), schema);
        }
        json!({ "type": "object", "description": description, "properties": properties })
    }

    /// The schema of a field. A parameter's enum is a text, and its list has simple items.
    fn field(&mut self, field: &FieldDescriptor, is_parameter: bool) -> Value {
        let one = |schemas: &mut Self, kind: &Kind| schemas.kind(kind, is_parameter);
        if field.is_list() {
            return json!({ "type": "array", "items": one(self, &field.kind()) });
        }
        let kind = field.kind();
        if let (true, Kind::Message(entry)) = (field.is_map(), &kind) {
            let value = one(self, &entry.map_entry_value_field().kind());
            return json!({ "type": "object", "additionalProperties": value });
        }
        one(self, &kind)
    }

    fn kind(&mut self, kind: &Kind, is_parameter: bool) -> Value {
        let whole = |least: i64, most: u64| json!({ "type": "integer", "minimum": least, "maximum": most });
        match kind {
            Kind::Message(message) if !is_parameter => self.message(message),
            Kind::Message(_) | Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::Enum(of) => json!({ "type": "string", "enum": names(of) }),
            Kind::Float => json!({ "type": "number", "minimum": f32::MIN, "maximum": f32::MAX }),
            Kind::Double => json!({ "type": "number" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                whole(i32::MIN.into(), i32::MAX.unsigned_abs().into())
            }
            Kind::Uint32 | Kind::Fixed32 => whole(0, u32::MAX.into()),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => whole(i64::MIN, i64::MAX.unsigned_abs()),
            Kind::Uint64 | Kind::Fixed64 => whole(0, u64::MAX),
        }
    }
}

fn names(of: &EnumDescriptor) -> Vec<String> {
    of.values().map(|value| value.name().to_owned()).collect()
}
