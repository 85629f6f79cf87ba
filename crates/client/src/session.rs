//! One connection of an ingest.
//!
//! The client keeps every item until its result is there, at most as many as the server works on at a time, so it never
//! waits with a full channel while answers wait for it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::Fuse;
use futures::{Stream, StreamExt};
use sensorium_api::v1::ingest_request::Message as Ask;
use sensorium_api::v1::ingest_response::Message as Answer;
use sensorium_api::v1::ingest_service_client::IngestServiceClient;
use sensorium_api::{Fault, v1};
use sensorium_types::{ErrorKind, IngestItem, ItemOutcome};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use crate::item::{ingest_item, item_outcome};
use crate::{Client, ClientError};

/// Most items without a result, whatever the server allows.
const MAX_WINDOW: usize = 128;
/// Messages on their way to the connection: more than [`MAX_WINDOW`], so that sending never waits.
const UNSENT_MESSAGES: usize = 2 * MAX_WINDOW;
/// How often an item is sent again that found no room.
const MAX_REFUSALS: u32 = 20;
/// The wait before such an item is sent again, where the server names none.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(1);

/// An item without a result.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Which item of the stream it is, from 0.
    pub(crate) index: u64,
    pub(crate) message: v1::IngestItem,
    /// How often it found no room.
    pub(crate) refused: u32,
}

/// Where outcomes go.
pub(crate) type Outcomes = mpsc::Sender<Result<(u64, ItemOutcome), ClientError>>;

/// What lives longer than a connection.
pub(crate) struct Work<S> {
    pub(crate) client: Client,
    pub(crate) items: Fuse<S>,
    pub(crate) next_index: u64,
    /// Items to be sent again, in order.
    pub(crate) again: Vec<Kept>,
    pub(crate) outcomes: Outcomes,
}

/// A connection that ended before the work did.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) error: ClientError,
    /// Results that it brought.
    pub(crate) results: u64,
}

struct Session {
    asks: mpsc::Sender<v1::IngestRequest>,
    /// Sent, without a result, by sequence.
    open: BTreeMap<u64, Kept>,
    next_sequence: u64,
    /// Most items without a result; small until the server has said how many.
    window: usize,
    /// What the server allows at most.
    allowed: usize,
    /// Nothing is sent before this.
    not_before: Instant,
    /// The server takes no more items.
    closing: bool,
    stopped: bool,
    results: u64,
}

/// Sends items until there are no more and all have their results. Those without one stay in `work.again`.
pub(crate) async fn session<S>(work: &mut Work<S>) -> Result<(), Lost>
where
    S: Stream<Item = IngestItem> + Send + Unpin + 'static,
{
    let (asks, receiver) = mpsc::channel(UNSENT_MESSAGES);
    let mut session = Session {
        asks,
        open: BTreeMap::new(),
        next_sequence: 1,
        window: 1,
        allowed: 1,
        not_before: Instant::now(),
        closing: false,
        stopped: false,
        results: 0,
    };
    let ended = session.serve(work, receiver).await;
    let Session { open, results, .. } = session;
    work.again.extend(open.into_values());
    work.again.sort_by_key(|kept| kept.index);
    ended.map_err(|error| Lost { error, results })
}

impl Session {
    async fn serve<S>(
        &mut self,
        work: &mut Work<S>,
        asks: mpsc::Receiver<v1::IngestRequest>,
    ) -> Result<(), ClientError>
    where
        S: Stream<Item = IngestItem> + Send + Unpin + 'static,
    {
        let start =
            v1::IngestStart { collection_name: work.client.collection(), idempotency_key: String::new() };
        self.say(Ask::Start(start)).await?;
        let mut service = IngestServiceClient::new(work.client.service.clone());
        let mut answers = service.ingest(ReceiverStream::new(asks)).await?.into_inner();
        let outcomes = work.outcomes.clone();
        loop {
            if !self.stopped && self.open.is_empty() && work.again.is_empty() && work.items.is_done() {
                self.say(Ask::Stop(v1::IngestStop {})).await?;
                self.stopped = true;
            }
            let may_send = !self.closing && !self.stopped && self.open.len() < self.window;
            let early = Instant::now() < self.not_before;
            tokio::select! {
                () = outcomes.closed() => return Ok(()),
                answer = answers.message() => match answer?.map(|answer| answer.message) {
                    Some(Some(answer)) => self.answered(answer, work).await?,
                    Some(None) => {}
                    None if self.stopped => return Ok(()),
                    None => {
                        let message = "the server ended the stream before every item had its result";
                        return Err(Fault::new(ErrorKind::Unavailable, message).into());
                    }
                },
                () = tokio::time::sleep_until(self.not_before), if may_send && early => {}
                kept = next(work), if may_send && !early && !(work.again.is_empty() && work.items.is_done()) => {
                    if let Some(kept) = kept {
                        self.send(kept).await?;
                    }
                }
            }
        }
    }

    async fn send(&mut self, mut kept: Kept) -> Result<(), ClientError> {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        kept.message.sequence = sequence;
        let message = kept.message.clone();
        self.open.insert(sequence, kept);
        self.say(Ask::Item(message)).await
    }

    async fn answered<S>(&mut self, answer: Answer, work: &mut Work<S>) -> Result<(), ClientError>
    where
        S: Stream<Item = IngestItem> + Send + Unpin + 'static,
    {
        match answer {
            Answer::Started(v1::IngestStarted { max_in_flight, .. }) => {
                self.allowed = (max_in_flight as usize).clamp(1, MAX_WINDOW);
                self.window = self.allowed;
            }
            Answer::Ack(v1::IngestAck { .. }) => {}
            Answer::Backoff(v1::IngestBackoff { max_in_flight }) => {
                self.window = (max_in_flight as usize).clamp(1, self.allowed);
            }
            Answer::OutOfMemory(v1::IngestOutOfMemory { wait_ms, .. }) => {
                self.not_before = Instant::now() + Duration::from_millis(wait_ms);
            }
            Answer::ShuttingDown(v1::IngestShuttingDown {}) => self.closing = true,
            Answer::ItemResult(result) => self.result(result, work).await?,
        }
        Ok(())
    }

    async fn result<S>(&mut self, result: v1::IngestItemResult, work: &mut Work<S>) -> Result<(), ClientError>
    where
        S: Stream<Item = IngestItem> + Send + Unpin + 'static,
    {
        let Some(mut kept) = self.open.remove(&result.sequence) else { return Ok(()) };
        self.results += 1;
        // What a backoff took away comes back result by result.
        self.window = (self.window + 1).min(self.allowed);
        let no_room =
            result.failure.as_ref().and_then(v1::Failure::error_kind) == Some(ErrorKind::Overloaded);
        if no_room && kept.refused < MAX_REFUSALS {
            kept.refused += 1;
            self.not_before = self.not_before.max(Instant::now() + WAIT_FOR_ROOM);
            work.again.push(kept);
            return Ok(());
        }
        let outcome = item_outcome(result).map(|outcome| (kept.index, outcome)).map_err(ClientError::from);
        // A reader that left is seen by the loop.
        let _ = work.outcomes.send(outcome).await;
        Ok(())
    }

    async fn say(&self, ask: Ask) -> Result<(), ClientError> {
        let lost = |_| Fault::new(ErrorKind::Unavailable, "the connection to the server is lost");
        Ok(self.asks.send(v1::IngestRequest { message: Some(ask) }).await.map_err(lost)?)
    }
}

/// The next item to send: first those to be sent again. `None`: there are no more.
async fn next<S>(work: &mut Work<S>) -> Option<Kept>
where
    S: Stream<Item = IngestItem> + Send + Unpin + 'static,
{
    if !work.again.is_empty() {
        return Some(work.again.remove(0));
    }
    let item = work.items.next().await?;
    let index = work.next_index;
    work.next_index += 1;
    Some(Kept { index, message: ingest_item(item), refused: 0 })
}
