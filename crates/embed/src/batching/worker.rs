//! The owner thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use sensorium_types::{Cancel, EncoderFigures};

use super::Priority;
use super::queue::{Chunk, Queue, Reply, Ticket};
use crate::bundle::Costs;
use crate::{Bundle, EmbedError, Embedding, Input, until_cancelled};

/// Budgets of a batcher, in millions of multiply-adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatcherConfig {
    /// Most that waits.
    pub queue_cost: u64,
    /// Most that is encoded at once; a query waits at most for this.
    pub batch_cost: u64,
}

impl Default for BatcherConfig {
    /// A batch of eight images, and a queue of sixteen batches.
    fn default() -> Self {
        const BATCH: u64 = 8 * 1_100;
        Self { queue_cost: 16 * BATCH, batch_cost: BATCH }
    }
}

/// Encodes for many callers on one thread of its own, which is the only one that calls the encoders.
#[derive(Debug)]
pub struct Batcher {
    bundle: Arc<Bundle>,
    queue: Arc<Queue>,
    batch_cost: u64,
    owner: Option<JoinHandle<()>>,
}

impl Batcher {
    /// Starts the owner thread.
    ///
    /// # Errors
    /// [`EmbedError::Compute`] if the system gives no thread.
    pub fn start(bundle: Arc<Bundle>, config: BatcherConfig) -> Result<Self, EmbedError> {
        let queue = Arc::new(Queue::new(config.queue_cost));
        let owner = {
            let (bundle, queue) = (Arc::clone(&bundle), Arc::clone(&queue));
            std::thread::Builder::new()
                .name("batcher".to_owned())
                .spawn(move || run(&bundle, &queue, config.batch_cost))
                .map_err(|source| EmbedError::Compute { source: source.into() })?
        };
        Ok(Self { bundle, queue, batch_cost: config.batch_cost, owner: Some(owner) })
    }

    /// The bundle that encodes.
    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// What the queue counted, and who waits in it.
    pub fn figures(&self) -> EncoderFigures {
        self.queue.figures()
    }

    /// Queues inputs. Bulk work waits here for room in the queue.
    ///
    /// # Errors
    /// [`EmbedError::InvalidInput`] for an input that no encoder can take, [`EmbedError::Overloaded`] for a query that
    /// finds the queue full, [`EmbedError::Stopped`] after the batcher's end.
    pub fn submit(&self, inputs: Vec<Input>, priority: Priority) -> Result<Ticket, EmbedError> {
        self.bundle.check(&inputs)?;
        let reply = Reply::new(inputs.len());
        // From here on a failure must take its chunks back out, which dropping the ticket does.
        let ticket = Ticket::new(Arc::clone(&reply));
        let (mut first, since) = (0, Instant::now());
        for (inputs, cost) in cut(inputs, self.batch_cost, &self.bundle.costs()) {
            let chunk_first = first;
            first += inputs.len();
            self.queue.push(Chunk {
                inputs,
                first: chunk_first,
                cost,
                priority,
                since,
                reply: Arc::clone(&reply),
            })?;
        }
        Ok(ticket)
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(owner) = self.owner.take() {
            // A panic of the owner was told to its callers already.
            let _ = owner.join();
        }
    }
}

/// Runs of neighbours that cost no more than a batch, or one input that alone costs more.
fn cut(inputs: Vec<Input>, budget: u64, costs: &Costs) -> Vec<(Vec<Input>, u64)> {
    let mut chunks: Vec<(Vec<Input>, u64)> = Vec::new();
    for input in inputs {
        let cost = costs.input(&input);
        match chunks.last_mut() {
            Some((chunk, spent)) if spent.saturating_add(cost) <= budget => {
                chunk.push(input);
                *spent += cost;
            }
            _ => chunks.push((vec![input], cost)),
        }
    }
    chunks
}

fn run(bundle: &Bundle, queue: &Queue, batch_cost: u64) {
    while let Some(batch) = queue.next_batch(batch_cost) {
        let begun = Instant::now();
        encode(bundle, batch);
        queue.encoded(begun.elapsed());
    }
}

/// Encodes a batch, as long as anybody waits for it. Where it fails, each chunk is tried alone, so that only the one at fault is told.
fn encode(bundle: &Bundle, mut batch: Vec<Chunk>) {
    let cancel = until_all_left(batch.iter().map(|chunk| &chunk.reply));
    let counts: Vec<usize> = batch.iter().map(|chunk| chunk.inputs.len()).collect();
    let inputs: Vec<Input> = batch.iter_mut().flat_map(|chunk| std::mem::take(&mut chunk.inputs)).collect();
    if let Ok(vectors) = until_cancelled(&cancel, || embed(bundle, &inputs)) {
        let mut vectors = vectors.into_iter();
        for (chunk, count) in batch.iter().zip(counts) {
            chunk.reply.fill(chunk.first, vectors.by_ref().take(count).collect());
        }
        return;
    }
    let mut rest = inputs.as_slice();
    for (chunk, count) in batch.iter().zip(counts) {
        let (inputs, after) = rest.split_at(count);
        rest = after;
        let cancel = until_all_left([&chunk.reply]);
        match until_cancelled(&cancel, || embed(bundle, inputs)) {
            Ok(vectors) => chunk.reply.fill(chunk.first, vectors),
            Err(error) => chunk.reply.fail(error),
        }
    }
}

/// Set once all who wait for these have gone.
fn until_all_left<'a>(replies: impl IntoIterator<Item = &'a Arc<Reply>>) -> Cancel {
    let replies: Vec<Arc<Reply>> = replies.into_iter().map(Arc::clone).collect();
    Cancel::new().when(move || replies.iter().all(|reply| reply.is_cancelled()))
}

/// A panic of an encoder is a bug of ours, and costs its callers an error instead of an answer that never comes.
fn embed(bundle: &Bundle, inputs: &[Input]) -> Result<Vec<Embedding>, EmbedError> {
    catch_unwind(AssertUnwindSafe(|| bundle.embed(inputs)))
        .unwrap_or_else(|_| Err(EmbedError::Compute { source: "an encoder panicked".into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_encoded_as_long_as_one_of_its_callers_waits() {
        let replies = [Reply::new(1), Reply::new(2)];
        let cancel = until_all_left(&replies);
        let [first, second] = replies.map(Ticket::new);
        drop(first);
        assert!(!cancel.is_cancelled());
        drop(second);
        assert!(cancel.is_cancelled());
    }

    #[test]
    fn submissions_are_cut_to_batches_and_lose_nothing() {
        let text = |words: usize| Input::Text("word ".repeat(words));
        let inputs = vec![text(1), text(1), text(400), text(1), Input::Audio(vec![0.0; 160_000])];
        let budget = Costs::MINI.input(&text(1)) * 2;
        let chunks = cut(inputs.clone(), budget, &Costs::MINI);
        assert_eq!(chunks.iter().map(|(chunk, _)| chunk.len()).collect::<Vec<_>>(), [2, 1, 1, 1]);
        assert_eq!(chunks.into_iter().flat_map(|(chunk, _)| chunk).collect::<Vec<_>>(), inputs);
    }
}
