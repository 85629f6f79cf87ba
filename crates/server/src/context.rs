//! What all services share.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use sensorium_api::Fault;
use sensorium_engine::{Cancel, Engine, EngineError};
use sensorium_types::{Alias, AliasChange, CollectionSummary, ErrorKind};
use tokio::sync::{Mutex, OnceCell, OwnedSemaphorePermit, Semaphore, SemaphorePermit, broadcast, watch};
use tracing::Instrument as _;

use crate::Settings;
use crate::access::{Access, check_collection};
use crate::fault::fault;
use crate::fetching::Fetching;
use crate::gate::{Gate, Place};
use crate::metrics::Metrics;
use crate::stopping::stopped;
use crate::uploads::Uploads;

/// Bytes of items are counted in units of this, for a semaphore counts to 32 bits.
pub(crate) const BYTES_UNIT: usize = 1024;

/// Standing queries at a time; more are answered RESOURCE_EXHAUSTED at once.
const MAX_WATCHES: usize = 64;
/// Collections that may end before one who holds another for long has heard of it.
const TOLD_OF_ENDED: usize = 64;
/// How often it is looked whether nobody reads any more what was made anew.
const CLEAR_EVERY: Duration = Duration::from_secs(2);
/// Images that are converted at a time for who looks at them; more wait.
const MAX_CONVERTED: usize = 2;
/// How often it is looked whether calls are done when the server stops.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often, and how long apart, a deletion is tried while those who hold the collection for long let go.
const DROP_TRIES: (usize, Duration) = (40, Duration::from_millis(25));

/// The open collections, the limits, and the sign to stop.
#[derive(Debug, Clone)]
pub(crate) struct Context(Arc<Shared>);

/// A collection that is open, or is being opened: nobody waits for that but who asks for it.
type Slot = OnceCell<Arc<Engine>>;

/// Each alias with the collection that it stands for.
type Aliases = Arc<BTreeMap<String, String>>;

#[derive(Debug)]
struct Shared {
    /// The name of the server's own collection.
    own_name: String,
    own: std::sync::RwLock<Arc<Engine>>,
    others: std::sync::Mutex<HashMap<String, Arc<Slot>>>,
    /// Other names of collections, once somebody asked for one.
    aliases: Mutex<Option<Aliases>>,
    settings: Settings,
    access: Arc<Access>,
    metrics: Arc<Metrics>,
    stopping: watch::Receiver<bool>,
    items: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    calls: Gate,
    queries: Gate,
    streams: Gate,
    /// Places of standing queries.
    watches: Arc<Semaphore>,
    /// Places of images that are being converted.
    converted: Semaphore,
    uploads: Uploads,
    fetching: Fetching,
    /// Tells those who hold a collection for long that they are to let go of it.
    ended: broadcast::Sender<(String, Ended)>,
    background: Background,
}

/// Why a collection ends for those who hold it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ended {
    Deleted,
    /// Another stands in its place, under its name.
    MadeAnew,
}

/// The work that is done while nobody asks for anything.
#[derive(Debug, Default)]
pub(crate) struct Background {
    /// Held for each piece of it.
    pub(crate) turn: Mutex<()>,
    /// Ends the piece in hand.
    cancel: std::sync::Mutex<Cancel>,
}

impl Background {
    /// Begins a piece; what is given ends it.
    pub(crate) fn begin(&self) -> Cancel {
        let cancel = Cancel::new();
        *self.cancel.lock().unwrap_or_else(PoisonError::into_inner) = cancel.clone();
        cancel
    }

    /// Ends the piece in hand; none is begun as long as what is given is held.
    async fn halt(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.end();
        self.turn.lock().await
    }

    /// Ends the piece in hand.
    pub(crate) fn end(&self) {
        self.cancel.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }
}

impl Context {
    pub(crate) fn new(
        engine: Arc<Engine>,
        settings: Settings,
        access: Arc<Access>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let items = Arc::new(Semaphore::new(settings.max_items_in_flight));
        let bytes = Arc::new(Semaphore::new(settings.max_bytes_in_flight.div_ceil(BYTES_UNIT)));
        let others = std::sync::Mutex::default();
        let calls = Gate::new(settings.max_calls, "calls");
        let queries = Gate::new(settings.max_queries, "queries");
        let streams = Gate::new(settings.max_ingest_streams, "ingest streams");
        let background = Background::default();
        let metrics = Arc::<Metrics>::default();
        let uploads = Uploads::new(engine.data_dir(), engine.max_media_bytes());
        let from = (engine.data_dir(), &uploads);
        let fetching = Fetching::new(&settings, from, Arc::clone(&metrics), stopping.clone());
        let watches = Arc::new(Semaphore::new(MAX_WATCHES));
        let (ended, _) = broadcast::channel(TOLD_OF_ENDED);
        let shared = Shared {
            own_name: engine.collection_name().to_owned(),
            own: std::sync::RwLock::new(engine),
            others,
            aliases: Mutex::default(),
            settings,
            access,
            metrics,
            stopping,
            items,
            bytes,
            calls,
            queries,
            streams,
            watches,
            converted: Semaphore::new(MAX_CONVERTED),
            uploads,
            fetching,
            ended,
            background,
        };
        Self(Arc::new(shared))
    }

    /// The gate of calls, and that of ingest streams.
    pub(crate) fn gates(&self) -> (Gate, Gate) {
        (self.0.calls.clone(), self.0.streams.clone())
    }

    /// The gate of queries, which all want the same cores: with many more at a time none is answered sooner.
    pub(crate) fn queries(&self) -> &Gate {
        &self.0.queries
    }

    /// Whether somebody waits for an answer.
    pub(crate) fn is_busy(&self) -> bool {
        !(self.0.calls.is_empty() && self.0.streams.is_empty())
    }

    /// Completes once nothing works for any call, not even for one whose caller has left.
    pub(crate) async fn done(&self) {
        while self.is_busy() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The work that is done while nobody asks for anything.
    pub(crate) fn background(&self) -> &Background {
        &self.0.background
    }

    /// The collections that are open.
    pub(crate) fn opened(&self) -> Vec<String> {
        let own = self.0.own_name.clone();
        let others = self.others();
        let open = others.iter().filter(|(_, slot)| slot.initialized()).map(|(name, _)| name.clone());
        std::iter::once(own).chain(open).collect()
    }

    /// A collection, if it is open.
    pub(crate) fn opened_as(&self, name: &str) -> Option<Arc<Engine>> {
        self.open(name)
    }

    /// The server's own collection.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.0.own.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The limits.
    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Who may ask what.
    pub(crate) fn access(&self) -> &Arc<Access> {
        &self.0.access
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// Files that clients sent in pieces.
    pub(crate) fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    /// What brings media that are named by address.
    pub(crate) fn fetching(&self) -> &Fetching {
        &self.0.fetching
    }

    /// Turns true when the server stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.clone()
    }

    /// Places for items of all streams.
    pub(crate) fn items(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.items)
    }

    /// Room for the bytes of items of all streams, in units of [`BYTES_UNIT`].
    pub(crate) fn bytes(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.bytes)
    }

    /// A collection that exists; an empty name means the server's own.
    pub(crate) async fn reader(&self, name: &str) -> Result<Arc<Engine>, Fault> {
        if let Some(engine) = self.open(name) {
            self.check(name)?;
            return Ok(engine);
        }
        let name = &*self.own_name(name).await?;
        self.check(name)?;
        if let Some(engine) = self.open(name) {
            return Ok(engine);
        }
        let known = self.collections().await?;
        if !known.iter().any(|collection| collection.name == name) {
            let known = known.into_iter().map(|collection| collection.name).collect::<Vec<_>>().join(", ");
            let error = EngineError::UnknownCollection { name: name.to_owned(), known };
            return Err(fault(&error));
        }
        self.writer(name).await
    }

    /// A collection, made if it is missing; an empty name means the server's own.
    pub(crate) async fn writer(&self, name: &str) -> Result<Arc<Engine>, Fault> {
        if let Some(engine) = self.open(name) {
            self.check(name)?;
            return Ok(engine);
        }
        let name = &*self.own_name(name).await?;
        self.check(name)?;
        if let Some(engine) = self.open(name) {
            return Ok(engine);
        }
        let slot = Arc::clone(self.others().entry(name.to_owned()).or_default());
        let own = self.engine();
        let opened = slot.get_or_try_init(|| own.collection(name)).await.cloned();
        let mut others = self.others();
        match opened {
            Ok(engine) => {
                // One who failed before may have taken it away.
                others.entry(name.to_owned()).or_insert(slot);
                Ok(engine)
            }
            Err(error) => {
                if others.get(name).is_some_and(|slot| !slot.initialized()) {
                    others.remove(name);
                }
                Err(fault(&error))
            }
        }
    }

    /// The collection's own name, where an alias may be meant.
    pub(crate) async fn own_name<'a>(&self, name: &'a str) -> Result<Cow<'a, str>, Fault> {
        let known = self.aliases().await?;
        Ok(known.get(name).map_or(Cow::Borrowed(name), |own| Cow::Owned(own.clone())))
    }

    /// Each alias with the collection that it stands for.
    pub(crate) async fn aliases(&self) -> Result<Aliases, Fault> {
        let mut known = self.0.aliases.lock().await;
        if let Some(known) = known.as_ref() {
            return Ok(Arc::clone(known));
        }
        let read = self.engine().aliases().await.map_err(|error| fault(&error))?;
        let read: Aliases =
            Arc::new(read.into_iter().map(|Alias { alias, collection }| (alias, collection)).collect());
        *known = Some(Arc::clone(&read));
        Ok(read)
    }

    /// Changes aliases, all or none.
    pub(crate) async fn change_aliases(
        &self,
        place: Option<Place>,
        changes: Vec<AliasChange>,
    ) -> Result<(), Fault> {
        let known = self.aliases().await?;
        for change in &changes {
            let (alias, of) = match change {
                AliasChange::Set(Alias { alias, collection }) => (alias, Some(collection)),
                AliasChange::Remove(alias) => (alias, None),
            };
            // A key reaches the aliases of the collections that it reaches.
            known.get(alias).into_iter().chain(of).try_for_each(|collection| self.check(collection))?;
        }
        let shared = self.clone();
        self.to_its_end(place, async move {
            let mut known = shared.0.aliases.lock().await;
            let changed = shared.engine().change_aliases(changes).await;
            *known = None;
            changed
        })
        .await
    }

    /// That the caller reaches a collection.
    fn check(&self, name: &str) -> Result<(), Fault> {
        check_collection(if name.is_empty() { &self.0.own_name } else { name })
    }

    /// Every collection.
    pub(crate) async fn collections(&self) -> Result<Vec<CollectionSummary>, Fault> {
        self.engine().collections().await.map_err(|error| fault(&error))
    }

    /// Removes a collection; `false` if there is none of this name.
    pub(crate) async fn drop_collection(&self, name: &str) -> Result<bool, Fault> {
        if name.is_empty() || name == self.0.own_name {
            let message = "the server's own collection cannot be deleted while it serves";
            return Err(Fault::new(ErrorKind::FailedPrecondition, message));
        }
        self.check(name)?;
        // What is made in the background may hold it.
        let _turn = self.0.background.halt().await;
        self.others().remove(name);
        let mut tries =
            if self.0.ended.send((name.to_owned(), Ended::Deleted)).is_ok() { DROP_TRIES.0 } else { 0 };
        loop {
            match self.engine().drop_collection(name).await {
                Err(error) if error.kind() == ErrorKind::Conflict && tries > 0 => {
                    tries -= 1;
                    tokio::time::sleep(DROP_TRIES.1).await;
                }
                dropped => {
                    // Its aliases went with it.
                    *self.0.aliases.lock().await = None;
                    return dropped.map_err(|error| fault(&error));
                }
            }
        }
    }

    /// Opens a collection anew in whose place another stands now. Calls that have begun end with what they have; those who would hold
    /// it for long are told. Its files go once nobody reads it any more.
    pub(crate) async fn open_anew(&self, old: &Engine) -> Result<(), Fault> {
        let name = old.collection_name();
        // What is made in the background may hold it.
        let _turn = self.0.background.halt().await;
        let new = old.collection(name).await.map_err(|error| fault(&error))?;
        if name == self.0.own_name {
            *self.0.own.write().unwrap_or_else(PoisonError::into_inner) = new;
        } else {
            self.others().insert(name.to_owned(), Arc::new(OnceCell::new_with(Some(new))));
        }
        // An error means that nobody holds anything for long.
        let _ = self.0.ended.send((name.to_owned(), Ended::MadeAnew));
        tokio::spawn(self.clone().clear_replaced());
        Ok(())
    }

    /// Removes what was replaced once nobody reads it any more, or leaves that to the next start.
    pub(crate) async fn clear_replaced(self) {
        let mut stopping = self.stopping();
        loop {
            tokio::select! {
                () = tokio::time::sleep(CLEAR_EVERY) => {}
                () = stopped(&mut stopping) => return,
            }
            match self.engine().clear_replaced().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    return tracing::warn!(%error, "the files of a collection that was made anew stay");
                }
            }
        }
    }

    /// Completes when a collection ends, for those who would else hold it.
    pub(crate) async fn ended(&self, name: &str) -> Ended {
        let mut names = self.0.ended.subscribe();
        loop {
            match names.recv().await {
                Ok((ended, why)) if ended == name => return why,
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// A turn to have an image converted, within the time of a call.
    pub(crate) async fn turn_to_convert(&self) -> Result<SemaphorePermit<'_>, Fault> {
        let turn = tokio::time::timeout(self.0.settings.call_timeout, self.0.converted.acquire()).await;
        let busy = || Fault::new(ErrorKind::Overloaded, "other images are being converted: ask again");
        turn.map_err(|_| busy())?.map_err(|_| busy())
    }

    /// A place among standing queries.
    pub(crate) fn seat_of_watch(&self) -> Result<OwnedSemaphorePermit, Fault> {
        Arc::clone(&self.0.watches).try_acquire_owned().map_err(|_| {
            let message = format!("{MAX_WATCHES} queries stand already, the server's limit");
            Fault::new(ErrorKind::Overloaded, message).quota("standing queries")
        })
    }

    fn open(&self, name: &str) -> Option<Arc<Engine>> {
        if name.is_empty() || name == self.0.own_name {
            return Some(self.engine());
        }
        self.others().get(name).and_then(|slot| slot.get()).cloned()
    }

    fn others(&self) -> MutexGuard<'_, HashMap<String, Arc<Slot>>> {
        self.0.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The engine's answer to work that, once begun, is done whole: no deadline stops it half-way, nor that its caller left. It
    /// keeps the call's place as long.
    pub(crate) async fn to_its_end<T: Send + 'static>(
        &self,
        place: Option<Place>,
        work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
    ) -> Result<T, Fault> {
        to_its_end(place, work).await
    }

    /// The engine's answer within the time that a call may take, which ordinary reads have.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, Fault> {
        let limit = self.0.settings.call_timeout;
        match tokio::time::timeout(limit, work).await {
            Ok(answer) => answer.map_err(|error| fault(&error)),
            Err(_) => {
                let message = format!("the call took longer than {} s", limit.as_secs_f64());
                Err(Fault::new(ErrorKind::DeadlineExceeded, message))
            }
        }
    }
}

/// Does work on a task of its own, which nobody who leaves takes along.
async fn to_its_end<T: Send + 'static>(
    place: Option<Place>,
    work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
) -> Result<T, Fault> {
    let work = async move {
        let _place = place;
        work.await
    };
    let task = tokio::spawn(work.in_current_span());
    match task.await {
        Ok(answer) => answer.map_err(|error| fault(&error)),
        Err(error) => {
            tracing::error!(%error, "the task of a call died");
            let message = "the task of the call died; what it was to do may be done in part";
            Err(Fault::new(ErrorKind::Bug, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_to_be_done_whole_is_done_though_its_caller_leaves() {
        let (begin, begun) = oneshot::channel();
        let (go_on, told) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let work = async move {
            begin.send(()).expect("awaited");
            told.await.expect("told");
            end.send(()).expect("awaited");
            Ok(())
        };
        let call = tokio::spawn(to_its_end(None, work));
        begun.await.expect("it begins");
        call.abort();
        assert!(call.await.expect_err("left").is_cancelled());
        go_on.send(()).expect("it waits");
        ended.await.expect("it ends");

        let failed: Result<(), Fault> = to_its_end(None, async { Err(EngineError::ReadOnly) }).await;
        assert_eq!(failed.expect_err("told").kind, ErrorKind::FailedPrecondition);
    }
}
