//! Collections that are brought to the server's bundle while it serves.
//!
//! ```text
//! plan ─► what lacks its media, the plan ─► refused where too much would be lost ─► a run in the background, told event by event
//!      ─► done: the collection is opened anew, and those who hold the old one for long are told
//! ```
//!
//! The run ends when its caller leaves or the server stops. What it did is kept, and the next call goes on.

use std::sync::Arc;
use std::time::Duration;

use sensorium_api::{Fault, v1};
use sensorium_engine::{Engine, EngineError, Reembedding};
use sensorium_types::{Cancel, ErrorKind, Losses, ReembedSummary};
use tokio::sync::mpsc;

use super::answers::{AnswerSender, Answers, Unsent, answers};
use super::telling::{Told, tell};
use crate::context::Context;
use crate::convert::{reembed_plan, reembed_summary, reembedded, without_media};
use crate::fault::fault;
use crate::gate::Place;
use crate::stopping::stopped;

/// Answers that wait for the client to read them.
const UNREAD_ANSWERS: usize = 64;

type Sender = AnswerSender<v1::ReembedResponse>;

/// What a run is told.
#[derive(Debug)]
struct Order {
    dry_run: bool,
    accepted_losses: u64,
    accept_unread: bool,
    drop_old: bool,
    /// How long a reader may pause while the run goes on.
    patience: Duration,
}

/// Begins to look what there is to do.
pub(super) async fn start(
    context: &Context,
    place: Option<Place>,
    message: v1::ReembedRequest,
) -> Result<Answers<v1::ReembedResponse>, Fault> {
    let v1::ReembedRequest { collection_name, dry_run, accepted_losses, accept_unread, drop_old } = message;
    let engine = context.reader(&collection_name).await?;
    let patience = context.settings().idle_timeout;
    let order = Order { dry_run, accepted_losses, accept_unread, drop_old, patience };
    let (sender, answers) = answers(UNREAD_ANSWERS, context.settings().unread_timeout);
    let context = context.clone();
    tokio::spawn(async move {
        let _place = place;
        let mut stopping = context.stopping();
        let cancel = Cancel::new();
        let _ends_with_the_call = cancel.on_drop();
        let ended = tokio::select! {
            ended = run(&context, &engine, &order, (&sender, &cancel)) => ended,
            () = stopped(&mut stopping) => Err(End::Told(Fault::new(ErrorKind::Unavailable, "the server stops"))),
        };
        match ended {
            Ok(()) => {}
            Err(End::Left) => tracing::debug!("the client of a reembed run left before its end"),
            Err(End::Unread) => sender.end_unread(),
            Err(End::Told(fault)) => sender.end(fault),
        }
    });
    Ok(answers)
}

/// Why a call ends before its time.
enum End {
    Left,
    Unread,
    Told(Fault),
}

async fn say(sender: &Sender, answer: v1::ReembedResponse) -> Result<(), End> {
    sender.send(answer).await.map_err(|unsent| match unsent {
        Unsent::Left => End::Left,
        Unsent::Unread(_) => End::Unread,
    })
}

async fn run(
    context: &Context,
    engine: &Arc<Engine>,
    order: &Order,
    (sender, cancel): (&Sender, &Cancel),
) -> Result<(), End> {
    let told = |error| End::Told(fault(&error));
    let planned = tokio::select! {
        planned = engine.plan_reembed(cancel) => planned.map_err(told)?,
        () = sender.closed() => return Err(End::Left),
    };
    let plan = &planned.plan;
    for lacking in &plan.without_media {
        say(sender, without_media(lacking)).await?;
    }
    say(sender, reembed_plan(plan)).await?;
    if order.dry_run {
        return Ok(());
    }
    let dropped = order.drop_old && engine.drop_kept().await.map_err(told)?;
    if dropped {
        tokio::spawn(context.clone().clear_replaced());
    }
    if dropped || plan.is_done() {
        return Ok(());
    }
    let losses = plan.losses();
    if plan.from != plan.to && losses > order.accepted_losses && !order.accept_unread {
        let message = format!(
            "{losses} assets would be without vectors, for their media is gone: bring it back, or accept that (accepted_losses)"
        );
        return Err(End::Told(Fault::new(ErrorKind::FailedPrecondition, message)));
    }
    let moves = plan.from != plan.to;
    let (summary, told_all) = bring(engine, planned, order, (sender, cancel)).await;
    // Also where the caller has left just before the end.
    if moves && summary.as_ref().is_ok_and(|summary| summary.finished) {
        context.open_anew(engine).await.map_err(End::Told)?;
    }
    told_all?;
    let summary = summary.map_err(told)?;
    for lacking in &summary.unread {
        say(sender, without_media(lacking)).await?;
    }
    say(sender, reembed_summary(&summary)).await
}

/// Runs a plan, and tells each asset that is done.
async fn bring(
    engine: &Engine,
    planned: Reembedding,
    order: &Order,
    (sender, cancel): (&Sender, &Cancel),
) -> (Result<ReembedSummary, EngineError>, Result<(), End>) {
    let accepted = if order.accept_unread { Losses::All } else { Losses::Listed };
    let (events, received) = mpsc::unbounded_channel();
    let running = Box::pin(engine.reembed(planned, (accepted, !order.drop_old), events, cancel.clone()));
    let telling = tell(received, sender, |event| reembedded(&event), (order.patience, cancel.clone()));
    let (summary, told) = tokio::join!(running, telling);
    let told = match told {
        Told::All => Ok(()),
        Told::Left => Err(End::Left),
        Told::Unread => Err(End::Unread),
    };
    (summary, told)
}
