//! Captions of collections that keep them, made while nobody asks for anything.
//!
//! One asset at a time; each caption waits while a call or an ingest stream is open. What is missing is read off the
//! collections, so that a server that was killed goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use sensorium_engine::{CaptionOutcome, CaptionPace, Engine, EngineError};
use sensorium_types::{AssetId, Cursor};

use crate::context::Context;
use crate::stopping::stopped;

/// How long everybody must have been quiet before a new asset is begun.
const QUIET: Duration = Duration::from_millis(300);
/// How long until collections without anything missing are looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Makes captions until the server stops.
pub(crate) async fn run(context: Context) {
    let mut stopping = context.stopping();
    tokio::select! {
        () = stopped(&mut stopping) => context.background().end(),
        () = work(&context) => {}
    }
}

async fn work(context: &Context) {
    loop {
        for name in context.opened() {
            if let Err(error) = collection(context, &name).await {
                tracing::warn!(collection = name, %error, "captions are not made");
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn collection(context: &Context, name: &str) -> Result<(), EngineError> {
    let mut after: Option<Cursor> = None;
    loop {
        let Some((assets, next)) = missing(context, name, after.as_ref()).await? else { return Ok(()) };
        for asset in assets {
            quiet(context).await;
            if !one(context, name, &asset).await? {
                return Ok(());
            }
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

type Missing = (Vec<AssetId>, Option<Cursor>);

/// Assets without captions; `None` where the collection keeps none.
async fn missing(
    context: &Context,
    name: &str,
    after: Option<&Cursor>,
) -> Result<Option<Missing>, EngineError> {
    let _turn = context.background().turn.lock().await;
    match wants(context, name) {
        Some(engine) => engine.captions_missing(after).await.map(Some),
        None => Ok(None),
    }
}

/// Makes the captions of one asset; `false` if the collection keeps none any more.
async fn one(context: &Context, name: &str, asset: &AssetId) -> Result<bool, EngineError> {
    let background = context.background();
    let _turn = background.turn.lock().await;
    let Some(engine) = wants(context, name) else { return Ok(false) };
    let watched = context.clone();
    let is_busy = Arc::new(move || watched.is_busy());
    let pace = CaptionPace { cancel: background.begin(), is_busy: Some(is_busy) };
    match engine.make_captions_of(asset, &pace).await? {
        CaptionOutcome::Failed(reason) if !pace.cancel.is_cancelled() => {
            tracing::info!(collection = name, %asset, %reason, "no captions");
        }
        CaptionOutcome::Made(_) | CaptionOutcome::Failed(_) | CaptionOutcome::Away | CaptionOutcome::Gone => {
        }
    }
    Ok(true)
}

/// The collection, if it keeps captions and this bundle can make them.
fn wants(context: &Context, name: &str) -> Option<Arc<Engine>> {
    let engine = context.opened_as(name)?;
    (engine.keeps_captions() && engine.space_mismatch().is_none()).then_some(engine)
}

/// Waits until nobody has asked for anything for a while.
async fn quiet(context: &Context) {
    let mut since = tokio::time::Instant::now();
    while since.elapsed() < QUIET {
        tokio::time::sleep(QUIET / 6).await;
        if context.is_busy() {
            since = tokio::time::Instant::now();
        }
    }
}
