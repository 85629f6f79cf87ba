//! The bounded queue, and the ticket that a caller holds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use sensorium_types::{Cancel, EncoderFigures};

use super::planner::{self, Entry};
use super::priority::Priority;
use super::tally::Tally;
use crate::{EmbedError, Embedding, Input};

/// Time between two looks of one who waits at whether he is still to.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A part of a submission, no larger than a batch.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) inputs: Vec<Input>,
    /// Where its vectors go in the submission's.
    pub(super) first: usize,
    pub(super) cost: u64,
    pub(super) priority: Priority,
    /// When it was sent.
    pub(super) since: Instant,
    pub(super) reply: Arc<Reply>,
}

/// Where the vectors of a submission are gathered.
#[derive(Debug)]
pub(super) struct Reply {
    state: Mutex<ReplyState>,
    ready: Condvar,
    cancelled: AtomicBool,
}

#[derive(Debug)]
struct ReplyState {
    vectors: Vec<Embedding>,
    missing: usize,
    error: Option<EmbedError>,
}

impl Reply {
    pub(super) fn new(inputs: usize) -> Arc<Self> {
        let state = ReplyState { vectors: vec![Vec::new(); inputs], missing: inputs, error: None };
        Arc::new(Self { state: Mutex::new(state), ready: Condvar::new(), cancelled: AtomicBool::new(false) })
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    pub(super) fn fill(&self, first: usize, vectors: Vec<Embedding>) {
        let mut state = self.state.lock();
        state.missing = state.missing.saturating_sub(vectors.len());
        for (slot, vector) in state.vectors.iter_mut().skip(first).zip(vectors) {
            *slot = vector;
        }
        self.ready.notify_all();
    }

    /// The first failure stands; what is left of the submission is not encoded.
    pub(super) fn fail(&self, error: EmbedError) {
        self.cancelled.store(true, Ordering::Release);
        self.state.lock().error.get_or_insert(error);
        self.ready.notify_all();
    }
}

/// The promise of vectors. Dropping it cancels what is not encoded yet.
#[derive(Debug)]
pub struct Ticket(Arc<Reply>);

impl Ticket {
    pub(super) fn new(reply: Arc<Reply>) -> Self {
        Self(reply)
    }

    /// Waits for the vectors, in the order of the inputs.
    ///
    /// # Errors
    /// The first fault of an input, [`EmbedError::Stopped`] if the batcher went away, or [`EmbedError::Cancelled`].
    pub fn wait(self, cancel: &Cancel) -> Result<Vec<Embedding>, EmbedError> {
        let mut state = self.0.state.lock();
        loop {
            if let Some(error) = state.error.take() {
                return Err(error);
            }
            if state.missing == 0 {
                return Ok(std::mem::take(&mut state.vectors));
            }
            if cancel.is_cancelled() {
                return Err(EmbedError::Cancelled);
            }
            self.0.ready.wait_for(&mut state, LOOK_EVERY);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.cancelled.store(true, Ordering::Release);
    }
}

/// Chunks that wait, bounded by their cost.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
    bound: u64,
    tally: Tally,
}

#[derive(Debug, Default)]
struct QueueState {
    chunks: VecDeque<Chunk>,
    cost: u64,
    closed: bool,
}

impl Queue {
    pub(super) fn new(bound: u64) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), bound, tally: Tally::default() }
    }

    /// Takes a chunk in. Bulk waits for room; a query is refused where there is none. A chunk larger than the bound gets in
    /// when the queue is empty.
    pub(super) fn push(&self, chunk: Chunk) -> Result<(), EmbedError> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return Err(EmbedError::Stopped);
            }
            if state.chunks.is_empty() || state.cost.saturating_add(chunk.cost) <= self.bound {
                state.cost = state.cost.saturating_add(chunk.cost);
                state.chunks.push_back(chunk);
                self.changed.notify_all();
                return Ok(());
            }
            if state.drop_cancelled() {
                continue;
            }
            match chunk.priority {
                Priority::Query => {
                    self.tally.refuse();
                    return Err(EmbedError::Overloaded);
                }
                Priority::Bulk => self.changed.wait(&mut state),
            }
        }
    }

    /// Waits for the chunks of the next batch; `None` once the queue is closed.
    pub(super) fn next_batch(&self, budget: u64) -> Option<Vec<Chunk>> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            state.drop_cancelled();
            let entries: Vec<Entry> = state
                .chunks
                .iter()
                .map(|chunk| Entry { cost: chunk.cost, priority: chunk.priority })
                .collect();
            let mut places = planner::plan(&entries, budget);
            if places.is_empty() {
                self.changed.notify_all();
                self.changed.wait(&mut state);
                continue;
            }
            places.sort_unstable();
            let mut batch: Vec<Chunk> =
                places.into_iter().rev().filter_map(|place| state.chunks.remove(place)).collect();
            batch.reverse();
            state.cost = state.chunks.iter().map(|chunk| chunk.cost).sum();
            self.changed.notify_all();
            self.tally.begin(batch.iter().map(|chunk| (chunk.priority, chunk.since, chunk.inputs.len())));
            return Some(batch);
        }
    }

    /// Takes note of how long a batch took.
    pub(super) fn encoded(&self, took: Duration) {
        self.tally.end(took);
    }

    /// What it counted, and who waits.
    pub(super) fn figures(&self) -> EncoderFigures {
        let waiting = {
            let state = self.state.lock();
            let of = |priority| {
                let chunks = state.chunks.iter().filter(|chunk| chunk.priority == priority);
                chunks.map(|chunk| chunk.inputs.len() as u64).sum()
            };
            (of(Priority::Query), of(Priority::Bulk))
        };
        self.tally.read(waiting)
    }

    /// Refuses new chunks and fails those that wait.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        for chunk in state.chunks.drain(..) {
            chunk.reply.fail(EmbedError::Stopped);
        }
        self.changed.notify_all();
    }
}

impl QueueState {
    /// Forgets chunks whose caller has gone; `true` if there were any.
    fn drop_cancelled(&mut self) -> bool {
        let before = self.chunks.len();
        self.chunks.retain(|chunk| !chunk.reply.is_cancelled());
        self.cost = self.chunks.iter().map(|chunk| chunk.cost).sum();
        self.chunks.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(cost: u64, priority: Priority, reply: &Arc<Reply>) -> Chunk {
        let inputs = vec![Input::Text(String::new())];
        Chunk { inputs, first: 0, cost, priority, since: Instant::now(), reply: Arc::clone(reply) }
    }

    #[test]
    fn a_query_is_refused_by_a_full_queue_and_let_in_when_a_caller_leaves() {
        let queue = Queue::new(10);
        let (gone, stays) = (Reply::new(1), Reply::new(1));
        queue.push(chunk(8, Priority::Bulk, &gone)).unwrap();
        let refused = queue.push(chunk(5, Priority::Query, &stays));
        assert!(matches!(refused, Err(EmbedError::Overloaded)));
        drop(Ticket::new(Arc::clone(&gone)));
        queue.push(chunk(5, Priority::Query, &stays)).unwrap();
        let batch = queue.next_batch(100).unwrap();
        assert_eq!(batch.len(), 1);
        assert_eq!(batch[0].priority, Priority::Query);
    }

    #[test]
    fn what_waits_and_what_was_refused_is_counted() {
        let queue = Queue::new(10);
        let reply = Reply::new(3);
        queue.push(chunk(4, Priority::Bulk, &reply)).unwrap();
        queue.push(chunk(4, Priority::Query, &reply)).unwrap();
        assert!(queue.push(chunk(5, Priority::Query, &reply)).is_err());
        let figures = queue.figures();
        assert_eq!((figures.waiting, figures.refused), (vec![("query", 1), ("bulk", 1)], 1));
        assert_eq!(figures.batch_inputs.total(), 0);
        queue.next_batch(100).unwrap();
        queue.encoded(Duration::from_millis(1));
        let figures = queue.figures();
        assert_eq!(figures.waiting, [("query", 0), ("bulk", 0)]);
        assert_eq!((figures.batch_inputs.total(), figures.batch_seconds.total()), (1, 1));
        assert!((figures.batch_inputs.sum - 2.0).abs() < 1e-9);
        assert!(figures.wait_seconds.iter().all(|(_, wait)| wait.total() == 1));
    }

    #[test]
    fn a_query_goes_before_the_bulk_that_waits() {
        let queue = Queue::new(1_000);
        let (bulk, query) = (Reply::new(60), Reply::new(1));
        for _ in 0..60 {
            queue.push(chunk(10, Priority::Bulk, &bulk)).unwrap();
        }
        let first = queue.next_batch(20).unwrap();
        assert_eq!(first.len(), 2);
        queue.push(chunk(20, Priority::Query, &query)).unwrap();
        let next: Vec<_> = queue.next_batch(20).unwrap().iter().map(|chunk| chunk.priority).collect();
        assert_eq!(next, [Priority::Query]);
        let after: Vec<_> = queue.next_batch(20).unwrap().iter().map(|chunk| chunk.priority).collect();
        assert_eq!(after, [Priority::Bulk; 2]);
    }

    #[test]
    fn a_dropped_ticket_takes_its_work_along() {
        let queue = Queue::new(1_000);
        let (gone, stays) = (Reply::new(40), Reply::new(1));
        let ticket = Ticket::new(Arc::clone(&gone));
        for _ in 0..40 {
            queue.push(chunk(10, Priority::Bulk, &gone)).unwrap();
        }
        queue.push(chunk(10, Priority::Bulk, &stays)).unwrap();
        assert_eq!(queue.next_batch(20).unwrap().len(), 2, "the batcher has begun");
        drop(ticket);
        let next = queue.next_batch(1_000).unwrap();
        assert_eq!(next.len(), 1);
        assert!(Arc::ptr_eq(&next[0].reply, &stays));
    }

    #[test]
    fn closing_tells_those_who_wait() {
        let queue = Queue::new(10);
        let reply = Reply::new(1);
        queue.push(chunk(1, Priority::Bulk, &reply)).unwrap();
        queue.close();
        assert!(matches!(Ticket::new(reply).wait(&Cancel::new()), Err(EmbedError::Stopped)));
        assert!(queue.next_batch(10).is_none());
        assert!(matches!(queue.push(chunk(1, Priority::Bulk, &Reply::new(1))), Err(EmbedError::Stopped)));
    }

    #[test]
    fn one_who_gives_up_waits_no_longer_and_what_he_asked_for_is_not_encoded() {
        let queue = Queue::new(10);
        let reply = Reply::new(1);
        queue.push(chunk(1, Priority::Query, &reply)).unwrap();
        let (ticket, cancel) = (Ticket::new(Arc::clone(&reply)), Cancel::new());
        let waiting = {
            let cancel = cancel.clone();
            std::thread::spawn(move || ticket.wait(&cancel))
        };
        cancel.cancel();
        assert!(matches!(waiting.join().unwrap(), Err(EmbedError::Cancelled)));
        assert!(reply.is_cancelled());
        let stays = Reply::new(1);
        queue.push(chunk(1, Priority::Query, &stays)).unwrap();
        let batch = queue.next_batch(100).unwrap();
        assert!(batch.iter().all(|chunk| Arc::ptr_eq(&chunk.reply, &stays)));
    }
}
