//! What is told of a single request, in logs and to a collector of traces.
//!
//! ```text
//! request ─► its span ─► spans of its stages ─► SpanLayer ─► queue, bounded ─► Exporter ─► collector (OTLP)
//!                └─► the lines that are logged for it        └─ full: dropped, counted
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | `id` | ids of traces and spans, and the header `traceparent` |
//! | `request` | a request's span and the times of its stages; slow ones are logged |
//! | `sampler` | which traces are kept |
//! | `layer` | spans of `tracing` as those of OpenTelemetry |
//! | `queue`, `export` | spans that ended, on their way to a collector |

mod export;
mod id;
mod layer;
mod queue;
mod request;
mod sampler;

use std::sync::Arc;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

pub use export::{DEFAULT_MAX_SPANS_WAITING, DEFAULT_SERVICE_NAME, DEFAULT_SPANS_EVERY, Export};
pub(crate) use id::TRACEPARENT;
pub(crate) use queue::SpanFigures;
pub(crate) use request::{RequestTrace, SERVER_TIMING, stage_times, told};
pub use sampler::Sampler;

use export::Exporter;
use id::TraceId;
use queue::Queue;

/// The spans of a process, on their way to a collector. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Traces(Arc<Queue>);

impl Traces {
    /// What makes spans, as a part of the process's subscriber. Until a server sends them somewhere it makes none.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        layer::SpanLayer(Arc::clone(&self.0)).with_filter(layer::Wanted(Arc::clone(&self.0)))
    }

    /// Begins to send them, so many of which may wait, as often.
    pub(crate) fn start(&self, to: &Export, pace: (usize, Duration)) -> Result<Sending, String> {
        Ok(Sending(Exporter::start(Arc::clone(&self.0), to, pace)?))
    }

    /// Whether the spans of a trace are made; `asked` is what the one who asks says.
    pub(crate) fn keeps(&self, trace: TraceId, asked: Option<bool>) -> bool {
        self.0.keeps(trace, asked)
    }

    /// What became of spans; `None` where none was ever to be sent.
    pub(crate) fn figures(&self) -> Option<SpanFigures> {
        let figures = self.0.figures();
        (self.0.is_on() || figures != SpanFigures::default()).then_some(figures)
    }
}

/// Spans are sent until it ends.
#[derive(Debug)]
pub(crate) struct Sending(Exporter);

impl Sending {
    /// Sends what waits, for two seconds at most.
    pub(crate) async fn end(self) {
        self.0.end().await;
    }
}
