//! Spans of requests: their ids in headers and logs, what a collector gets, and a collector that is away.

mod common;
mod http_client;

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use common::{FakeDecoder, HANG, Running, until};
use http_client::{ask, ask_with, ingest};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use sensorium_api::v1;
use sensorium_server::{Export, Sampler, Settings, Traces};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What was logged.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The lines that say this.
    fn lines(&self, what: &str) -> Vec<Value> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lines = String::from_utf8(bytes).expect("UTF-8");
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object a line"));
        lines.filter(|line| line["message"].as_str().is_some_and(|text| text.contains(what))).collect()
    }
}

/// The subscriber of the process, as `sensorium serve` has it; one test at a time sends its spans.
async fn process() -> (tokio::sync::MutexGuard<'static, ()>, Traces, Log) {
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    static PROCESS: OnceLock<(Traces, Log)> = OnceLock::new();
    let turn = ONE_AT_A_TIME.lock().await;
    let (traces, log) = PROCESS.get_or_init(|| {
        let (traces, log) = (Traces::default(), Log::default());
        let writer = log.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let lines = lines.json().flatten_event(true).with_filter(EnvFilter::new("warn"));
        Registry::default().with(lines).with(traces.layer()).init();
        (traces, log)
    });
    log.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    (turn, traces.clone(), log.clone())
}

/// A collector of this process.
#[derive(Debug, Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let key = request.metadata().get("x-key").and_then(|value| value.to_str().ok());
        if key != Some("a b") {
            return Err(Status::unauthenticated("who sends?"));
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let collector = Self::default();
        let server =
            tonic::transport::Server::builder().add_service(TraceServiceServer::new(collector.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (collector, address)
    }

    /// All spans, by the trace that they are of.
    fn traces(&self) -> HashMap<Vec<u8>, Vec<Span>> {
        let mut traces: HashMap<Vec<u8>, Vec<Span>> = HashMap::new();
        let received = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for spans in received.iter().flat_map(|message| &message.resource_spans) {
            let resource = spans.resource.as_ref().expect("who sends");
            let name = resource.attributes.iter().find(|pair| pair.key == "service.name");
            let name = name.and_then(|pair| pair.value.as_ref()?.value.clone());
            assert_eq!(name, Some(Any::StringValue("a-service".to_owned())));
            for span in spans.scope_spans.iter().flat_map(|scope| &scope.spans) {
                assert!(
                    span.end_time_unix_nano >= span.start_time_unix_nano && span.start_time_unix_nano > 0
                );
                traces.entry(span.trace_id.clone()).or_default().push(span.clone());
            }
        }
        traces
    }
}

fn export(address: SocketAddr) -> Export {
    Export {
        endpoint: format!("http://{address}"),
        service_name: "a-service".to_owned(),
        sampler: Sampler::default(),
        headers: vec![("X-Key".to_owned(), "a b".to_owned())],
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names of the spans below another, in order of their beginnings.
fn below<'a>(spans: &'a [Span], parent: &Span) -> Vec<&'a str> {
    let mut below: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == parent.span_id).collect();
    below.sort_by_key(|span| (span.start_time_unix_nano, span.end_time_unix_nano));
    below.into_iter().map(|span| span.name.as_str()).collect()
}

fn query(text: &str) -> v1::QueryRequest {
    let term = v1::Term { input: Some(v1::term::Input::Text(text.to_owned())), ..v1::Term::default() };
    v1::QueryRequest { terms: vec![term], ..v1::QueryRequest::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_sees_the_stages_of_a_query_and_of_an_item_below_their_requests() {
    let (_turn, traces, log) = process().await;
    let (collector, address) = Collector::start().await;
    let slow_request = Duration::ZERO;
    let settings = Settings { traces, export: Some(export(address)), slow_request, ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;

    let parts = [("file", Some("one.img"), b"image 1".as_slice())];
    let brought = ingest(server.address, "/v1/ingest", &parts).await;
    assert_eq!(brought.status, 200, "{}", brought.text());

    let mut client = v1::query_service_client::QueryServiceClient::new(server.channel().await);
    let mut request = Request::new(query("dog"));
    let parent = format!("00-{TRACE}-{PARENT}-01").parse().expect("a value");
    request.metadata_mut().insert("traceparent", parent);
    let answer = client.query(request).await.expect("answers");
    let own = answer.metadata().get("traceparent").expect("told").to_str().expect("text").to_owned();
    assert!(
        own.starts_with(&format!("00-{TRACE}-")) && own.ends_with("-01") && !own.contains(PARENT),
        "{own}"
    );

    // Who asks says that nobody keeps it.
    let body = json!({ "terms": [{ "text": "dog" }] }).to_string();
    let not_kept = format!("00-{}-{PARENT}-00", "a".repeat(32));
    let headers = [("content-type", "application/json"), ("traceparent", not_kept.as_str())];
    let unkept = ask_with(server.address, "POST /v1/query", &headers, body.as_bytes()).await;
    assert_eq!(unkept.status, 200);
    assert!(unkept.headers["traceparent"].ends_with("-00"), "{:?}", unkept.headers);
    // A header that is none begins a trace.
    let headers = [("content-type", "application/json"), ("traceparent", "00-nonsense")];
    let json_query = ask_with(server.address, "POST /v1/query", &headers, body.as_bytes()).await;
    let of_json = json_query.headers["traceparent"].split('-').nth(1).expect("a trace").to_owned();
    server.end().await;

    let traces = collector.traces();
    let of = |trace: &str| traces.iter().find(|(id, _)| hex(id) == trace).map(|(_, spans)| spans.as_slice());
    let spans = of(TRACE).expect("the trace of who asked");
    let root = spans.iter().find(|span| hex(&span.parent_span_id) == PARENT).expect("a request");
    assert_eq!((root.name.as_str(), root.kind()), ("QueryService/Query", SpanKind::Server));
    assert_eq!(hex(&root.span_id), own.split('-').nth(2).expect("a span"));
    assert_eq!(below(spans, root), ["receive", "encode", "search", "score", "hydrate"]);
    let inside = |span: &Span| {
        span.start_time_unix_nano >= root.start_time_unix_nano
            && span.end_time_unix_nano <= root.end_time_unix_nano
    };
    assert!(spans.iter().all(inside), "{spans:#?}");

    let spans = of(&of_json).expect("a trace of its own");
    let root = spans.iter().find(|span| span.parent_span_id.is_empty()).expect("a request");
    assert_eq!(root.name, "QueryService/Query");
    let stages = below(spans, root);
    assert!(
        ["receive", "encode", "search", "score", "hydrate"].iter().all(|stage| stages.contains(stage)),
        "{stages:?}"
    );
    assert_eq!(of(&"a".repeat(32)), None);

    let trace = brought.headers["traceparent"].split('-').nth(1).expect("a trace");
    let spans = of(trace).expect("the ingest");
    let root = spans.iter().find(|span| span.parent_span_id.is_empty()).expect("a request");
    assert!(below(spans, root).contains(&"receive"));
    let item = spans.iter().find(|span| span.name == "item").expect("an item");
    assert_eq!(item.parent_span_id, root.span_id);
    assert_eq!(below(spans, item), ["read", "decode", "encode", "commit"]);

    let slow = log.lines("a slow request");
    let line =
        slow.iter().find(|line| line["span"]["trace_id"] == TRACE).unwrap_or_else(|| panic!("{slow:#?}"));
    assert_eq!((&line["method"], &line["code"]), (&json!("QueryService/Query"), &json!("0")));
    let stages = line["stages"].as_str().expect("stages");
    assert!(
        stages.starts_with("encode ") && stages.contains(", search ") && stages.ends_with(" ms"),
        "{stages}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    let (_turn, traces, log) = process().await;
    // One that takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("an address");
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = silent.accept().await {
            held.push(connection);
        }
    });
    let settings = Settings {
        traces: traces.clone(),
        export: Some(export(address)),
        max_spans_waiting: 4,
        spans_every: Duration::from_millis(1),
        ..Settings::default()
    };
    let server = Running::with(settings.clone(), FakeDecoder::default()).await;
    let mut client = v1::query_service_client::QueryServiceClient::new(server.channel().await);
    for _ in 0..50 {
        client.query(query("dog")).await.expect("answers");
    }
    let told = ask(server.address, "GET /metrics").await.text();
    let dropped = |text: &str, reason: &str| -> f64 {
        let start = format!("sensorium_spans_dropped_total{{reason=\"{reason}\"}} ");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&start))
            .unwrap_or_else(|| panic!("{reason}: {text}"));
        line.parse().expect("a number")
    };
    assert!(dropped(&told, "queue") > 0.0);
    // What waits is given up after two seconds, of ten that the collector would have.
    let begun = Instant::now();
    server.end().await;
    assert!(begun.elapsed() < HANG);
    held.abort();

    // Nobody listens: each message fails at once.
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = gone.local_addr().expect("an address");
    drop(gone);
    let settings = Settings { export: Some(export(address)), ..settings };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let mut client = v1::query_service_client::QueryServiceClient::new(server.channel().await);
    let before = dropped(&ask(server.address, "GET /metrics").await.text(), "collector");
    let lost = async || dropped(&ask(server.address, "GET /metrics").await.text(), "collector") - before;
    for messages in 1..4 {
        client.query(query("dog")).await.expect("answers");
        let enough = f64::from(messages);
        until(async || lost().await >= enough).await;
    }
    assert_eq!(log.lines("takes no spans").len(), 1, "it is told once");
    server.end().await;
}
