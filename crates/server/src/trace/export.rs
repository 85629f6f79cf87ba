//! Spans to a collector, by OTLP over gRPC. Nobody waits for it: what the collector does not take is dropped, and counted.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::metadata::{Ascii, MetadataKey, MetadataValue};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use super::Sampler;
use super::queue::Queue;

/// Spans of one message.
const BATCH: usize = 512;
/// Time that a collector has to take a message.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time for what is left when the server ends.
const LAST_PATIENCE: Duration = Duration::from_secs(2);
/// Spans that may wait, unless it is told.
pub const DEFAULT_MAX_SPANS_WAITING: usize = 2048;
/// Time between two messages where few spans come, unless it is told.
pub const DEFAULT_SPANS_EVERY: Duration = Duration::from_secs(5);
/// The name under which a server's spans stand, unless it is told.
pub const DEFAULT_SERVICE_NAME: &str = "sensorium";

/// Where spans are sent, and which.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// The collector: `http://HOST:4317`, or https with the roots of the system.
    pub endpoint: String,
    /// The name under which the server's spans stand.
    pub service_name: String,
    /// Which traces are kept.
    pub sampler: Sampler,
    /// Sent with every message, for collectors that ask who sends.
    pub headers: Vec<(String, String)>,
}

type Metadata = Vec<(MetadataKey<Ascii>, MetadataValue<Ascii>)>;

/// A task that sends spans.
#[derive(Debug)]
pub(super) struct Exporter {
    queue: Arc<Queue>,
    sending: JoinHandle<()>,
}

impl Exporter {
    /// Begins to send. The collector need not be there.
    ///
    /// # Errors
    /// If the address or a header is none.
    pub(super) fn start(
        queue: Arc<Queue>,
        to: &Export,
        (room, every): (usize, Duration),
    ) -> Result<Self, String> {
        let Export { endpoint, service_name, sampler, headers } = to;
        let channel = channel(endpoint).map_err(|error| format!("{endpoint:?}: {error}"))?;
        let metadata = headers
            .iter()
            .map(|(name, value)| {
                let name = name.to_ascii_lowercase().parse().map_err(|_| format!("the header {name:?}"))?;
                let of = || format!("the value of the header {name}");
                let value = value.parse().map_err(|_| of())?;
                Ok((name, value))
            })
            .collect::<Result<Metadata, String>>()?;
        let spans = queue.open(room, *sampler);
        // Where spans were off, it is looked again whether they are wanted.
        tracing::callsite::rebuild_interest_cache();
        let sender = Sender {
            client: TraceServiceClient::new(channel),
            metadata,
            resource: resource(service_name),
            queue: Arc::clone(&queue),
            every,
            is_away: false,
        };
        Ok(Self { queue, sending: tokio::spawn(sender.run(spans)) })
    }

    /// Sends what waits, as long as there is patience.
    pub(super) async fn end(self) {
        self.queue.close();
        tracing::callsite::rebuild_interest_cache();
        let mut sending = self.sending;
        if tokio::time::timeout(LAST_PATIENCE, &mut sending).await.is_err() {
            sending.abort();
        }
    }
}

fn channel(endpoint: &str) -> Result<Channel, tonic::transport::Error> {
    let is_encrypted = endpoint.starts_with("https://");
    let endpoint = Endpoint::from_shared(endpoint.to_owned())?.connect_timeout(PATIENCE).timeout(PATIENCE);
    let endpoint = match is_encrypted {
        true => endpoint.tls_config(ClientTlsConfig::new().with_native_roots())?,
        false => endpoint,
    };
    Ok(endpoint.connect_lazy())
}

/// Who sends.
fn resource(service_name: &str) -> Resource {
    let text = |key: &str, text: &str| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) }),
        ..KeyValue::default()
    };
    let attributes =
        vec![text("service.name", service_name), text("service.version", env!("CARGO_PKG_VERSION"))];
    Resource { attributes, ..Resource::default() }
}

struct Sender {
    client: TraceServiceClient<Channel>,
    metadata: Metadata,
    resource: Resource,
    queue: Arc<Queue>,
    every: Duration,
    /// Whether the last message was not taken.
    is_away: bool,
}

impl Sender {
    async fn run(mut self, mut spans: mpsc::Receiver<Span>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            // The first is waited for, those behind it for a while.
            if spans.recv_many(&mut batch, BATCH).await == 0 {
                return;
            }
            let filled = async {
                while batch.len() < BATCH {
                    let room = BATCH - batch.len();
                    if spans.recv_many(&mut batch, room).await == 0 {
                        break;
                    }
                }
            };
            // Those that came are sent either way.
            let _ = tokio::time::timeout(self.every, filled).await;
            self.send(std::mem::take(&mut batch)).await;
        }
    }

    async fn send(&mut self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        let scope = InstrumentationScope { name: "sensorium".to_owned(), ..InstrumentationScope::default() };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
        let resource = Some(self.resource.clone());
        let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
        let mut request = tonic::Request::new(ExportTraceServiceRequest { resource_spans });
        for (name, value) in &self.metadata {
            request.metadata_mut().insert(name.clone(), value.clone());
        }
        match self.client.export(request).await {
            Ok(answer) => {
                let refused = answer.into_inner().partial_success.map_or(0, |part| part.rejected_spans);
                let refused = u64::try_from(refused).unwrap_or(0).min(count);
                self.queue.not_taken(refused);
                self.queue.sent(count - refused);
                if std::mem::take(&mut self.is_away) {
                    tracing::info!("the collector of traces takes spans again");
                }
            }
            Err(status) => {
                self.queue.not_taken(count);
                if !std::mem::replace(&mut self.is_away, true) {
                    // No field is called `message`: that is the sentence's own name.
                    let (code, said) = (status.code(), status.message());
                    tracing::warn!(
                        ?code,
                        said,
                        "the collector of traces takes no spans; they are dropped until it does"
                    );
                }
            }
        }
    }
}
