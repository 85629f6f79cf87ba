//! Standing queries. Each is asked of what the collection's changes bring, as long as its client reads.

use std::time::Duration;

use sensorium_api::{ConvertError, Fault, v1};
use sensorium_engine::Watch;
use sensorium_types::{Cancel, ErrorKind};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::answers::{AnswerSender, Answers, Unsent, answers};
use super::space::check_space;
use crate::context::{Context, Ended};
use crate::convert::{Asked, query_request, query_response_hits};
use crate::fault::fault;
use crate::gate::Place;
use crate::stopping::stopped;

/// Answers that wait for a slow client.
const UNREAD_ANSWERS: usize = 16;
/// How often a collection is asked whether it changed.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often a client is told that changes were looked at, where none of them matches.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What is watched.
struct Standing {
    watch: Watch,
    collection: String,
    without_payload: bool,
    /// Its place among those that watch.
    _seat: OwnedSemaphorePermit,
}

/// Begins to watch.
pub(super) async fn start(
    context: &Context,
    place: Option<Place>,
    message: v1::WatchRequest,
) -> Result<Answers<v1::WatchResponse>, Fault> {
    let v1::WatchRequest { query, after_change } = message;
    let query = query.ok_or(ConvertError::Missing { field: "query" })?;
    let Asked { collection_name, using, without_payload, request, .. } =
        query_request(query, (context.settings(), context.uploads()))?;
    if request.late && request.terms.len() > 1 {
        let message = "a standing query asks the sum of its terms: there are no lists to fuse";
        return Err(Fault::new(ErrorKind::InvalidArgument, message));
    }
    let seat = context.seat_of_watch()?;
    let engine = context.reader(&collection_name).await?;
    check_space(&engine, using)?;
    let cancel = Cancel::new().keeping(place.clone());
    let watch = context.within(engine.watch(request, after_change, cancel)).await?;
    // It is no call that others wait for any more.
    drop(place);
    let collection = engine.collection_name().to_owned();
    let standing = Standing { watch, collection, without_payload, _seat: seat };
    let (sender, answers) = answers(UNREAD_ANSWERS, context.settings().unread_timeout);
    tokio::spawn(run(context.clone(), standing, sender));
    Ok(answers)
}

/// Why a watch ends.
enum End {
    Left,
    Unread,
    Told(Fault),
}

/// Tells what matches until the client leaves or does not read, the collection goes, or the server stops.
async fn run(context: Context, standing: Standing, sender: AnswerSender<v1::WatchResponse>) {
    let mut stopping = context.stopping();
    let collection = standing.collection.clone();
    let ended = tokio::select! {
        ended = tell(standing, &sender) => ended,
        () = sender.closed() => End::Left,
        () = stopped(&mut stopping) => End::Told(Fault::new(ErrorKind::Unavailable, "the server stops")),
        why = context.ended(&collection) => End::Told(match why {
            Ended::Deleted => Fault::new(ErrorKind::NotFound, format!("the collection {collection:?} is deleted")),
            Ended::MadeAnew => {
                Fault::new(ErrorKind::Unavailable, format!("the collection {collection:?} was made anew: watch it again"))
            }
        }),
    };
    match ended {
        End::Left => {}
        End::Unread => sender.end_unread(),
        End::Told(fault) => sender.end(fault),
    }
}

async fn tell(mut standing: Standing, sender: &AnswerSender<v1::WatchResponse>) -> End {
    let mut answer = v1::WatchResponse { change: standing.watch.change(), hits: Vec::new() };
    loop {
        match sender.send(answer).await {
            Ok(()) => {}
            Err(Unsent::Left) => return End::Left,
            Err(Unsent::Unread(_)) => return End::Unread,
        }
        answer = match next(&mut standing, Instant::now()).await {
            Ok(answer) => answer,
            Err(fault) => return End::Told(fault),
        };
    }
}

/// What is told next.
async fn next(standing: &mut Standing, told: Instant) -> Result<v1::WatchResponse, Fault> {
    let Standing { watch, without_payload, .. } = standing;
    loop {
        if !watch.is_behind() {
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        }
        let hits = watch.look().await.map_err(|error| fault(&error))?;
        if !hits.is_empty() || told.elapsed() >= TELL_EVERY {
            let hits = query_response_hits(hits, *without_payload);
            return Ok(v1::WatchResponse { change: watch.change(), hits });
        }
    }
}
