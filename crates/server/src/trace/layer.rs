//! Spans of `tracing` as spans of OpenTelemetry, from their beginning to the queue.
//!
//! Of a request whose trace is kept, its span and all below it are made; of all others none is. While nothing is sent
//! anywhere every span is turned off where it stands in the code.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::id::{SpanId, TraceId};
use super::queue::Queue;
use super::request::REQUEST;

/// What targets of spans of ours begin with.
const OURS: &str = "sensorium";
/// Most spans of one trace; a stream of items may have any number.
const MAX_SPANS_OF_TRACE: u32 = 1000;
/// Flags of a span: its trace is kept; it is known whether the span above is of another process; it is.
const SAMPLED: u32 = 1;
const KNOWN: u32 = 1 << 8;
const REMOTE: u32 = 1 << 9;

/// Makes spans.
#[derive(Debug)]
pub(super) struct SpanLayer(pub(super) Arc<Queue>);

/// A span that is kept.
#[derive(Debug)]
struct Kept {
    trace: TraceId,
    id: SpanId,
    parent: Option<SpanId>,
    name: String,
    begun: (SystemTime, Instant),
    attributes: Vec<KeyValue>,
    has_failed: bool,
    is_request: bool,
    /// How many spans its trace may have still.
    left: Arc<AtomicU32>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let fields = || {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            fields
        };
        let name = attributes.metadata().name();
        let kept = if name == REQUEST {
            fields().request()
        } else {
            span.parent().and_then(|parent| {
                let extensions = parent.extensions();
                let kept = extensions.get::<Kept>()?;
                let has_room = |left: u32| left.checked_sub(1);
                if kept.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, has_room).is_err() {
                    self.0.of_long_trace();
                    return None;
                }
                Some(kept.below(name, fields().attributes))
            })
        };
        if let Some(kept) = kept {
            span.extensions_mut().insert(kept);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        let Some(kept) = extensions.get_mut::<Kept>() else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(parent) = fields.parent {
            kept.parent = Some(parent);
        }
        if let Some(method) = fields.method {
            kept.name = method;
        }
        kept.has_failed |= fields.has_failed;
        kept.attributes.extend(fields.attributes);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let kept = context.span(&id).and_then(|span| span.extensions_mut().remove::<Kept>());
        if let Some(kept) = kept {
            self.0.put(kept.ended());
        }
    }
}

impl Kept {
    fn below(&self, name: &str, attributes: Vec<KeyValue>) -> Self {
        Self {
            trace: self.trace,
            id: SpanId::new(),
            parent: Some(self.id),
            name: name.to_owned(),
            begun: (SystemTime::now(), Instant::now()),
            attributes,
            has_failed: false,
            is_request: false,
            left: Arc::clone(&self.left),
        }
    }

    fn ended(self) -> Span {
        let (begun, since) = self.begun;
        let nanos = |time: SystemTime| {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        };
        let start = nanos(begun);
        let took = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let kind = if self.is_request { SpanKind::Server } else { SpanKind::Internal };
        let remote = if self.is_request && self.parent.is_some() { REMOTE } else { 0 };
        let code = if self.has_failed { StatusCode::Error } else { StatusCode::Unset };
        Span {
            trace_id: self.trace.bytes().to_vec(),
            span_id: self.id.bytes().to_vec(),
            parent_span_id: self.parent.map(|parent| parent.bytes().to_vec()).unwrap_or_default(),
            flags: SAMPLED | KNOWN | remote,
            name: self.name,
            kind: kind.into(),
            start_time_unix_nano: start,
            end_time_unix_nano: start.saturating_add(took),
            attributes: self.attributes,
            status: Some(Status { message: String::new(), code: code.into() }),
            ..Span::default()
        }
    }
}

/// What the fields of a span say.
#[derive(Debug, Default)]
struct Fields {
    trace: Option<TraceId>,
    id: Option<SpanId>,
    parent: Option<SpanId>,
    is_sampled: bool,
    method: Option<String>,
    has_failed: bool,
    attributes: Vec<KeyValue>,
}

impl Fields {
    /// The span of a request, where its trace is kept.
    fn request(self) -> Option<Kept> {
        if !self.is_sampled {
            return None;
        }
        Some(Kept {
            trace: self.trace?,
            id: self.id?,
            parent: self.parent,
            name: REQUEST.to_owned(),
            begun: (SystemTime::now(), Instant::now()),
            attributes: self.attributes,
            has_failed: false,
            is_request: true,
            left: Arc::new(AtomicU32::new(MAX_SPANS_OF_TRACE - 1)),
        })
    }

    fn text(&mut self, name: &'static str, text: String) {
        match name {
            "trace_id" => self.trace = TraceId::read(&text),
            "span_id" => self.id = SpanId::read(&text),
            "parent_id" => self.parent = SpanId::read(&text),
            "method" => self.method = Some(text),
            _ => {
                // Codes of gRPC and HTTP that are the server's fault.
                self.has_failed |= name == "code"
                    && (matches!(&*text, "2" | "13" | "14" | "15")
                        || text.starts_with('5') && text.len() == 3);
                self.attribute(name, Value::StringValue(text));
            }
        }
    }

    fn attribute(&mut self, name: &'static str, value: Value) {
        let value = Some(AnyValue { value: Some(value) });
        self.attributes.push(KeyValue { key: name.to_owned(), value, ..KeyValue::default() });
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "sampled" => self.is_sampled = value,
            name => self.attribute(name, Value::BoolValue(value)),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.attribute(field.name(), Value::IntValue(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.attribute(field.name(), Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.attribute(field.name(), Value::DoubleValue(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field.name(), format!("{value:?}"));
    }
}

/// Lets spans of ours through, while they are wanted.
#[derive(Debug)]
pub(super) struct Wanted(pub(super) Arc<Queue>);

impl Wanted {
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        self.0.is_on() && metadata.is_span() && metadata.target().starts_with(OURS)
    }
}

impl<S> Filter<S> for Wanted {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if self.0.is_on() { LevelFilter::DEBUG } else { LevelFilter::OFF })
    }
}
