//! A request as logs and traces know it: its ids, its span, and how long its stages took.
//!
//! The span stands at the level of errors, so that every line that is logged for a request has its ids; spans of stages below it stand at
//! the level `debug`, and are nothing but a comparison where nobody asks for them.

use std::future::Future;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use sensorium_types::{StageTime, StageTimes};
use tracing::{Instrument as _, Span, field};

use super::id::{Parent, SpanId, TraceId};

/// The header that tells how long the stages of a request took (W3C Server Timing).
pub(crate) const SERVER_TIMING: &str = "server-timing";
/// The name of a request's span.
pub(super) const REQUEST: &str = "request";

tokio::task_local! {
    static TIMES: StageTimes;
}

/// A request.
#[derive(Debug)]
pub(crate) struct RequestTrace {
    /// What its answer names as its span.
    pub(crate) own: Parent,
    span: Span,
    times: StageTimes,
}

impl RequestTrace {
    /// A request with these headers: of the trace that they name, or of one of its own. `is_kept` chooses traces that are kept.
    pub(crate) fn new(headers: &HeaderMap, is_kept: impl FnOnce(TraceId, Option<bool>) -> bool) -> Self {
        let parent = Parent::of(headers);
        let trace = parent.map_or_else(TraceId::new, |parent| parent.trace);
        let is_sampled = is_kept(trace, parent.map(|parent| parent.is_sampled));
        let own = Parent { trace, span: SpanId::new(), is_sampled };
        let span = tracing::error_span!(
            REQUEST,
            trace_id = %own.trace,
            span_id = %own.span,
            parent_id = field::Empty,
            sampled = is_sampled,
            method = field::Empty,
            code = field::Empty,
        );
        if let Some(parent) = parent {
            span.record("parent_id", field::display(parent.span));
        }
        Self { own, span, times: StageTimes::default() }
    }

    /// Does the work of the request.
    pub(crate) async fn of<T>(&self, work: impl Future<Output = T>) -> T {
        TIMES.scope(self.times.clone(), work).instrument(self.span.clone()).await
    }

    /// How long its stages took so far, as [`SERVER_TIMING`] has it: `encode;dur=3.142, search;dur=4.71`, in milliseconds. `None`
    /// where it has none.
    pub(crate) fn timing(&self) -> Option<HeaderValue> {
        let stages = self.times.read();
        let each = stages.iter().map(|time| format!("{};dur={:.3}", time.stage, time.seconds * 1000.0));
        let told = each.collect::<Vec<_>>().join(", ");
        // A stage whose name is no token would be misread; all are single words.
        HeaderValue::try_from(told).ok().filter(|told| !told.is_empty())
    }

    /// Takes note of how it ended, and logs it where it took longer than it should.
    pub(crate) fn end(&self, method: &str, code: &str, took: Duration, slow: Duration) {
        self.span.record("method", method);
        self.span.record("code", code);
        if took >= slow {
            let (ms, stages) = (millis(took.as_secs_f64()), told(&self.times.read()));
            self.span.in_scope(|| tracing::warn!(%method, %code, %ms, %stages, "a slow request"));
        }
    }
}

/// Where the stages of the request of this task are noted.
pub(crate) fn stage_times() -> StageTimes {
    TIMES.try_with(Clone::clone).unwrap_or_default()
}

/// Stages in one line.
pub(crate) fn told(stages: &[StageTime]) -> String {
    let each = stages.iter().map(|time| format!("{} {} ms", time.stage, millis(time.seconds)));
    each.collect::<Vec<_>>().join(", ")
}

fn millis(seconds: f64) -> String {
    format!("{:.1}", seconds * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_told_in_one_line() {
        let stage = |stage: &'static str, seconds| StageTime { stage: stage.into(), seconds };
        assert_eq!(
            told(&[stage("encode", 0.0123), stage("search", 1.5)]),
            "encode 12.3 ms, search 1500.0 ms"
        );
        assert_eq!(told(&[]), "");
    }

    #[tokio::test]
    async fn stages_are_those_of_the_request_of_the_task() {
        let (one, other) = (HeaderMap::new(), HeaderMap::new());
        let [one, other] = [one, other].map(|headers| RequestTrace::new(&headers, |_, _| false));
        one.of(async { stage_times().add("search", Duration::from_secs(1)) }).await;
        other.of(async { assert!(stage_times().read().is_empty()) }).await;
        assert_eq!(told(&one.times.read()), "search 1000.0 ms");
        one.of(async { stage_times().add("score", Duration::from_micros(1500)) }).await;
        let timing = one.timing().expect("it has stages");
        assert_eq!(timing.to_str().expect("text"), "search;dur=1000.000, score;dur=1.500");
        assert_eq!(other.timing(), None);
        assert_ne!(one.own.trace, other.own.trace);
        assert!(stage_times().read().is_empty(), "no request");
    }
}
