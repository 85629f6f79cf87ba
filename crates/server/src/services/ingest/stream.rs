//! One stream of items.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sensorium_api::v1::ingest_request::Message as Asked;
use sensorium_api::v1::ingest_response::Message as Answer;
use sensorium_api::{Fault, v1};
use sensorium_engine::Engine;
use sensorium_types::{ErrorKind, StageTimes};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tonic::{Code, Streaming};
use tracing::{Instrument as _, debug_span};

use super::room::{Room, Rooms};
use super::watermark::Watermark;
use crate::context::Context;
use crate::convert::{failed_item, item, item_result};
use crate::fault::fault;
use crate::fetching::{Fetching, media_of_item, names_addresses};
use crate::metrics::Metrics;
use crate::services::answers::{AnswerSender, Unsent};
use crate::stopping::stopped;
use crate::trace::told;
use crate::uploads::Uploads;

/// How long a client waits before it sends an item again that found no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Sender = AnswerSender<v1::IngestResponse>;

/// Why a stream ends before its time.
enum End {
    /// The client has left.
    Gone,
    /// The client is told why.
    Told(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Told(fault)
    }
}

/// Serves a stream to its end.
pub(super) async fn run(context: Context, messages: Streaming<v1::IngestRequest>, answers: Sender) {
    let mut stopping = context.stopping();
    let opened = tokio::select! {
        opened = open(&context, messages, &answers) => opened,
        () = stopped(&mut stopping) => Err(Fault::new(ErrorKind::Unavailable, "the server stops").into()),
    };
    let ended = match opened {
        Ok(mut stream) => stream.serve(&mut stopping).await,
        Err(end) => Err(end),
    };
    match ended {
        Ok(()) | Err(End::Gone) => {}
        Err(End::Told(fault)) => answers.end(fault),
    }
}

/// Waits for `start`.
async fn open<'a>(
    context: &Context,
    mut messages: Streaming<v1::IngestRequest>,
    answers: &'a Sender,
) -> Result<Stream<'a>, End> {
    let idle = context.settings().idle_timeout;
    let start = match next(&mut messages, idle).await? {
        Some(Asked::Start(start)) => start,
        Some(Asked::Item(_) | Asked::Stop(_)) => {
            return Err(protocol("the first message must be start").into());
        }
        None => return Err(End::Gone),
    };
    let v1::IngestStart { collection_name, idempotency_key } = start;
    tracing::debug!(%collection_name, %idempotency_key, "ingest stream opened");
    let mut stream = Stream {
        engine: context.writer(&collection_name).await?,
        uploads: context.uploads().clone(),
        fetching: context.fetching().clone(),
        metrics: Arc::clone(context.metrics()),
        messages,
        answers,
        rooms: Rooms::new(context),
        max_in_flight: context.settings().max_items_of_stream.max(1),
        idle,
        working: JoinSet::new(),
        names: HashSet::new(),
        watermark: Watermark::default(),
    };
    let started = v1::IngestStarted {
        max_in_flight: u32::try_from(stream.max_in_flight).unwrap_or(u32::MAX),
        max_message_bytes: context.settings().max_message_bytes as u64,
    };
    stream.say(Answer::Started(started)).await?;
    Ok(stream)
}

/// What a task leaves behind.
struct Finished {
    result: v1::IngestItemResult,
    /// The name that the user gave the item.
    name: String,
}

struct Stream<'a> {
    engine: Arc<Engine>,
    uploads: Uploads,
    fetching: Fetching,
    metrics: Arc<Metrics>,
    messages: Streaming<v1::IngestRequest>,
    answers: &'a Sender,
    rooms: Rooms,
    max_in_flight: usize,
    idle: Duration,
    /// Items in progress. Dropped with the stream: what has not begun to be written is not written.
    working: JoinSet<Finished>,
    /// Names given by the user among them: two items of one name follow one another.
    names: HashSet<String>,
    watermark: Watermark,
}

impl Stream<'_> {
    /// Takes items until the client or the server stops, and ends when all have their results.
    async fn serve(&mut self, stopping: &mut watch::Receiver<bool>) -> Result<(), End> {
        let mut reading = true;
        while reading || !self.working.is_empty() {
            let more = reading && self.working.len() < self.max_in_flight;
            tokio::select! {
                biased;
                () = self.answers.closed() => return Err(End::Gone),
                Some(done) = self.working.join_next() => self.finished(done).await?,
                () = stopped(stopping), if reading => {
                    self.say(Answer::ShuttingDown(v1::IngestShuttingDown {})).await?;
                    reading = false;
                }
                asked = next(&mut self.messages, self.idle), if more => match asked? {
                    Some(Asked::Item(item)) => self.take(item).await?,
                    Some(Asked::Stop(_)) | None => reading = false,
                    Some(Asked::Start(_)) => return Err(protocol("start comes once").into()),
                },
            }
        }
        Ok(())
    }

    /// Begins to work on an item.
    async fn take(&mut self, mut message: v1::IngestItem) -> Result<(), End> {
        let sequence = message.sequence;
        if !self.watermark.begin(sequence) {
            return Err(protocol("item.sequence must be above those before it").into());
        }
        while !message.asset_id.is_empty() && self.names.contains(&message.asset_id) {
            let Some(done) = self.working.join_next().await else { break };
            self.finished(done).await?;
        }
        let name = message.asset_id.clone();
        if names_addresses(&mut message) {
            if !name.is_empty() {
                self.names.insert(name.clone());
            }
            let (hands, fetching) = ((Arc::clone(&self.engine), self.uploads.clone()), self.fetching.clone());
            self.working.spawn(fetch_and_work(hands, (fetching, self.rooms.clone()), message, name));
            return Ok(());
        }
        let Some(room) = self.room(&message).await? else {
            let wait_ms = u64::try_from(RETRY_AFTER.as_millis()).unwrap_or(u64::MAX);
            self.say(Answer::OutOfMemory(v1::IngestOutOfMemory { sequence, wait_ms })).await?;
            return self.result(failed_item(sequence, message.asset_id, no_room())).await;
        };
        if !name.is_empty() {
            self.names.insert(name.clone());
        }
        let item = debug_span!("item", sequence);
        let work = work((Arc::clone(&self.engine), self.uploads.clone()), message, name, room);
        self.working.spawn(work.instrument(item));
        Ok(())
    }

    /// Room for an item; its neighbours finish meanwhile.
    async fn room(&mut self, item: &v1::IngestItem) -> Result<Option<Room>, End> {
        if !self.rooms.has_place() {
            let max_in_flight = u32::try_from(self.working.len().max(1)).unwrap_or(u32::MAX);
            self.say(Answer::Backoff(v1::IngestBackoff { max_in_flight })).await?;
        }
        let mut room = Box::pin(self.rooms.clone().take(item));
        loop {
            tokio::select! {
                room = &mut room => return Ok(room),
                Some(done) = self.working.join_next() => self.finished(done).await?,
                () = self.answers.closed() => return Err(End::Gone),
            }
        }
    }

    async fn finished(&mut self, done: Result<Finished, JoinError>) -> Result<(), End> {
        let Finished { result, name } = done.map_err(|error| {
            tracing::error!(%error, "a task of an ingest stream died");
            Fault::new(ErrorKind::Bug, "an item's task died; items without a result may not be written")
        })?;
        self.names.remove(&name);
        self.result(result).await
    }

    async fn result(&mut self, result: v1::IngestItemResult) -> Result<(), End> {
        let sequence = result.sequence;
        self.metrics.item(outcome(result.state()));
        self.say(Answer::ItemResult(result)).await?;
        if let Some(sequence) = self.watermark.finish(sequence) {
            let change = self.engine.change();
            self.say(Answer::Ack(v1::IngestAck { sequence, change })).await?;
        }
        Ok(())
    }

    async fn say(&mut self, answer: Answer) -> Result<(), End> {
        let answer = v1::IngestResponse { message: Some(answer) };
        self.answers.send(answer).await.map_err(|unsent| match unsent {
            Unsent::Left => End::Gone,
            Unsent::Unread(_) => End::Told(self.answers.not_read()),
        })
    }
}

/// What became of an item, as it is counted.
const fn outcome(state: v1::ItemState) -> &'static str {
    match state {
        v1::ItemState::Indexed => "indexed",
        v1::ItemState::Unchanged => "unchanged",
        v1::ItemState::Failed => "failed",
        v1::ItemState::Pruned => "pruned",
        v1::ItemState::Unspecified => "unknown",
    }
}

fn no_room() -> Fault {
    let message = "the bytes of the items in progress are at the server's limit: send it again";
    Fault::new(ErrorKind::Overloaded, message)
}

/// One item whose media are elsewhere. It takes room among the items in progress once they are here, so that slow servers of others hold
/// up nobody but those who named them.
async fn fetch_and_work(
    hands: (Arc<Engine>, Uploads),
    (fetching, rooms): (Fetching, Rooms),
    mut message: v1::IngestItem,
    name: String,
) -> Finished {
    let sequence = message.sequence;
    let brought = async {
        let mut brought = fetching.bring(media_of_item(&mut message)).await?;
        let room = rooms.take(&message).await.ok_or_else(no_room)?;
        brought.leave_place();
        Ok::<_, Fault>((brought, room))
    };
    match brought.await {
        Ok((_brought, room)) => work(hands, message, name, room).await,
        Err(refusal) => Finished { result: failed_item(sequence, name.clone(), refusal), name },
    }
}

/// One item to its result, after the commit that makes it true.
async fn work(
    (engine, uploads): (Arc<Engine>, Uploads),
    message: v1::IngestItem,
    name: String,
    room: Room,
) -> Finished {
    let sequence = message.sequence;
    let times = StageTimes::default();
    let outcome = match item(message, &uploads) {
        Ok(item) => engine.ingest_timed(item, &times).await.map_err(|error| fault(&error)),
        Err(error) => Err(error.into()),
    };
    tracing::debug!(stages = %told(&times.read()), "an item is done");
    drop(room);
    let result = match outcome {
        Ok(outcome) => item_result(sequence, &outcome, engine.change()),
        Err(refusal) => failed_item(sequence, name.clone(), refusal),
    };
    Finished { result, name }
}

/// The next message; `None` at the end.
async fn next(messages: &mut Streaming<v1::IngestRequest>, idle: Duration) -> Result<Option<Asked>, End> {
    let received = timeout(idle, messages.message()).await.map_err(|_| {
        let message = format!("no message came for {} s", idle.as_secs_f64());
        Fault::new(ErrorKind::DeadlineExceeded, message)
    })?;
    match received {
        Ok(Some(v1::IngestRequest { message: Some(message) })) => Ok(Some(message)),
        Ok(Some(v1::IngestRequest { message: None })) => Err(protocol("a message without content").into()),
        Ok(None) => Ok(None),
        Err(status) if status.code() == Code::OutOfRange => Err(protocol(status.message()).into()),
        Err(status) if status.code() == Code::Internal => {
            Err(protocol(&format!("not a message: {}", status.message())).into())
        }
        Err(_) => Err(End::Gone),
    }
}

fn protocol(what: &str) -> Fault {
    Fault::new(ErrorKind::InvalidArgument, format!("ingest: {what}"))
}
