//! Spans that ended and wait to be sent. Whoever ends one never waits: where there is no room it is dropped, and counted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::sync::mpsc;

use super::Sampler;
use super::id::TraceId;

/// What became of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SpanFigures {
    /// A collector has them.
    pub(crate) sent: u64,
    /// The queue was full.
    pub(crate) no_room: u64,
    /// The collector was away, or refused them.
    pub(crate) not_taken: u64,
    /// Their trace had very many.
    pub(crate) of_long_trace: u64,
}

/// The queue, and what is done with spans.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Whether spans are made at all.
    is_on: AtomicBool,
    to: RwLock<Option<(mpsc::Sender<Span>, Sampler)>>,
    sent: AtomicU64,
    no_room: AtomicU64,
    not_taken: AtomicU64,
    of_long_trace: AtomicU64,
}

impl Queue {
    /// Opens the queue for so many spans.
    pub(super) fn open(&self, room: usize, sampler: Sampler) -> mpsc::Receiver<Span> {
        let (sender, receiver) = mpsc::channel(room.max(1));
        *self.to.write().unwrap_or_else(PoisonError::into_inner) = Some((sender, sampler));
        self.is_on.store(true, Ordering::Release);
        receiver
    }

    /// Closes it: what waits may still be taken out.
    pub(super) fn close(&self) {
        self.is_on.store(false, Ordering::Release);
        *self.to.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    /// Whether the spans of a trace are made.
    pub(super) fn keeps(&self, trace: TraceId, asked: Option<bool>) -> bool {
        let to = self.to.read().unwrap_or_else(PoisonError::into_inner);
        to.as_ref().is_some_and(|(_, sampler)| sampler.keeps(trace, asked))
    }

    /// Takes a span that ended.
    pub(super) fn put(&self, span: Span) {
        let to = self.to.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((sender, _)) = to.as_ref()
            && sender.try_send(span).is_err()
        {
            self.no_room.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn sent(&self, spans: u64) {
        self.sent.fetch_add(spans, Ordering::Relaxed);
    }

    pub(super) fn not_taken(&self, spans: u64) {
        self.not_taken.fetch_add(spans, Ordering::Relaxed);
    }

    pub(super) fn of_long_trace(&self) {
        self.of_long_trace.fetch_add(1, Ordering::Relaxed);
    }

    /// What became of spans so far.
    pub(super) fn figures(&self) -> SpanFigures {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SpanFigures {
            sent: of(&self.sent),
            no_room: of(&self.no_room),
            not_taken: of(&self.not_taken),
            of_long_trace: of(&self.of_long_trace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_finds_no_room_is_dropped_and_counted() {
        let queue = Queue::default();
        queue.put(Span::default());
        assert_eq!(queue.figures(), SpanFigures::default(), "nobody wants it");
        let mut spans = queue.open(2, Sampler::default());
        assert!(
            queue.is_on() && queue.keeps(TraceId::new(), None) && !queue.keeps(TraceId::new(), Some(false))
        );
        for _ in 0..5 {
            queue.put(Span::default());
        }
        assert_eq!(queue.figures().no_room, 3);
        queue.close();
        assert!(spans.recv().await.is_some() && spans.recv().await.is_some() && spans.recv().await.is_none());
        assert!(!queue.is_on() && !queue.keeps(TraceId::new(), Some(true)));
    }
}
