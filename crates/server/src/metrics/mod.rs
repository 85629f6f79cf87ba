//! What is counted, for Prometheus.
//!
//! | module | holds |
//! | --- | --- |
//! | this one | what the server counts itself: calls by method and code, their times, what was turned away, items |
//! | `now` | what is asked for at each scrape: of collections, encoders, workers, storage and process |
//! | `text` | how that is written |

mod now;
mod text;

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use sensorium_types::StageTime;

pub(crate) use now::Scrape;

/// Buckets of times: from a millisecond, each twice the one before, to half a minute.
const BUCKETS: u16 = 16;
/// Buckets of the times of stages: from a tenth of a millisecond.
const FINE_BUCKETS: u16 = 19;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    method: String,
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Method {
    method: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    stage: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// Counters of a server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    calls: Family<Call, Counter>,
    seconds: Family<Method, Histogram>,
    stages: Family<Stage, Histogram>,
    in_flight: Gauge,
    bytes: Gauge,
    items: Family<Outcome, Counter>,
    rejected: Family<Reason, Counter>,
    fetches: Family<Outcome, Counter>,
    fetched_bytes: Counter,
    fetch_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("sensorium");
        let calls = Family::default();
        registry.register("calls", "Calls that ended, by method and code", calls.clone());
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, BUCKETS));
        let seconds = Family::new_with_constructor(histogram);
        registry.register("call_seconds", "Time from a request to the head of its answer", seconds.clone());
        let fine: fn() -> Histogram = || Histogram::new(exponential_buckets(0.0001, 2.0, FINE_BUCKETS));
        let stages = Family::new_with_constructor(fine);
        registry.register("query_stage_seconds", "Time of the stages of queries", stages.clone());
        let bytes = Gauge::default();
        registry.register(
            "ingest_bytes_in_flight",
            "Bytes of items and messages that are worked on",
            bytes.clone(),
        );
        let in_flight = Gauge::default();
        registry.register("calls_in_flight", "Requests whose answers are not begun", in_flight.clone());
        let items = Family::default();
        registry.register("ingest_items", "Items of ingest, by what became of them", items.clone());
        let rejected = Family::default();
        registry.register("rejected", "Requests that were turned away", rejected.clone());
        let fetches = Family::default();
        registry.register("fetches", "Media named by address, by what became of them", fetches.clone());
        let fetched_bytes = Counter::default();
        registry.register("fetched_bytes", "Bytes of such media that came", fetched_bytes.clone());
        let fetch_seconds = histogram();
        registry.register("fetch_seconds", "Time until such media came, or did not", fetch_seconds.clone());
        Self {
            registry,
            calls,
            seconds,
            stages,
            in_flight,
            bytes,
            items,
            rejected,
            fetches,
            fetched_bytes,
            fetch_seconds,
        }
    }
}

/// A request that is counted while it is answered.
#[derive(Debug)]
pub(crate) struct InFlight<'a>(&'a Metrics);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

impl Metrics {
    /// Counts a request until what is given is dropped.
    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(self)
    }

    /// Counts a call that ended. `method` is one of few.
    pub(crate) fn end(&self, method: &str, code: &str, took: Duration) {
        let call = Call { method: method.to_owned(), code: code.to_owned() };
        self.calls.get_or_create(&call).inc();
        self.seconds.get_or_create(&Method { method: method.to_owned() }).observe(took.as_secs_f64());
    }

    /// Counts the stages of a query, of which there are few.
    pub(crate) fn query(&self, stages: &[StageTime]) {
        for StageTime { stage, seconds } in stages {
            self.stages.get_or_create(&Stage { stage: stage.clone().into_owned() }).observe(*seconds);
        }
    }

    /// Takes note of the bytes that are worked on.
    pub(crate) fn bytes_in_flight(&self, bytes: usize) {
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Counts what was turned away before anything looked at it.
    pub(crate) fn reject(&self, reason: &'static str) {
        self.rejected.get_or_create(&Reason { reason }).inc();
    }

    /// Counts an item of ingest.
    pub(crate) fn item(&self, outcome: &'static str) {
        self.items.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts a medium that was named by its address, and the bytes that came of it.
    pub(crate) fn fetch(&self, outcome: &'static str, bytes: u64, took: Duration) {
        self.fetches.get_or_create(&Outcome { outcome }).inc();
        self.fetched_bytes.inc_by(bytes);
        self.fetch_seconds.observe(took.as_secs_f64());
    }

    /// Everything, in the text form of Prometheus.
    pub(crate) fn text(&self, scrape: Scrape) -> String {
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            tracing::error!(%error, "metrics cannot be written");
        }
        // What is asked for at this moment goes before the end mark.
        let end = text.rfind("# EOF").unwrap_or(text.len());
        text.truncate(end);
        text.push_str(&scrape.text());
        text.push_str("# EOF\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_in_the_text_with_its_end_mark_last() {
        let metrics = Metrics::default();
        let in_flight = metrics.begin();
        metrics.end("QueryService/Query", "OK", Duration::from_millis(3));
        metrics.reject("origin");
        metrics.item("indexed");
        metrics.fetch("fetched", 42, Duration::from_millis(3));
        metrics.query(&[StageTime { stage: "search".into(), seconds: 0.001 }]);
        let text = metrics.text(Scrape::default());
        for line in [
            "sensorium_calls_in_flight 1",
            "sensorium_calls_total{method=\"QueryService/Query\",code=\"OK\"} 1",
            "sensorium_call_seconds_count{method=\"QueryService/Query\"} 1",
            "sensorium_rejected_total{reason=\"origin\"} 1",
            "sensorium_ingest_items_total{outcome=\"indexed\"} 1",
            "sensorium_fetches_total{outcome=\"fetched\"} 1",
            "sensorium_fetched_bytes_total 42",
            "sensorium_fetch_seconds_count 1",
            "sensorium_query_stage_seconds_count{stage=\"search\"} 1",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
        assert!(text.contains("process_resident_memory_bytes ") && text.ends_with("# EOF\n"));
        assert_eq!(text.matches("# EOF").count(), 1);
        drop(in_flight);
        assert!(metrics.text(Scrape::default()).contains("sensorium_calls_in_flight 0"));
    }
}
