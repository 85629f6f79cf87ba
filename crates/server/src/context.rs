//! What all services share.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, PoisonError};

use sensorium_api::Fault;
use sensorium_engine::{Cancel, Engine, EngineError};
use sensorium_types::{CollectionSummary, ErrorKind};
use tokio::sync::{Mutex, Semaphore, watch};

use crate::Settings;
use crate::access::{Access, check_collection};
use crate::fault::fault;
use crate::gate::Gate;
use crate::metrics::Metrics;

/// Bytes of items are counted in units of this, for a semaphore counts to 32 bits.
pub(crate) const BYTES_UNIT: usize = 1024;

/// The open collections, the limits, and the sign to stop.
#[derive(Debug, Clone)]
pub(crate) struct Context(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    engine: Arc<Engine>,
    others: Mutex<HashMap<String, Arc<Engine>>>,
    settings: Settings,
    access: Arc<Access>,
    metrics: Arc<Metrics>,
    stopping: watch::Receiver<bool>,
    items: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    calls: Gate,
    streams: Gate,
    background: Background,
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

    /// Ends the piece in hand.
    pub(crate) fn end(&self) {
        self.cancel.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }
}

/// Completes when the server stops.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and the server with it.
    let _ = stopping.wait_for(|stopping| *stopping).await;
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
        let others = Mutex::default();
        let calls = Gate::new(settings.max_calls, "calls");
        let streams = Gate::new(settings.max_ingest_streams, "ingest streams");
        let background = Background::default();
        let metrics = Arc::default();
        let shared = Shared {
            engine,
            others,
            settings,
            access,
            metrics,
            stopping,
            items,
            bytes,
            calls,
            streams,
            background,
        };
        Self(Arc::new(shared))
    }

    /// The gate of calls, and that of ingest streams.
    pub(crate) fn gates(&self) -> (Gate, Gate) {
        (self.0.calls.clone(), self.0.streams.clone())
    }

    /// Whether somebody waits for an answer.
    pub(crate) fn is_busy(&self) -> bool {
        !(self.0.calls.is_empty() && self.0.streams.is_empty())
    }

    /// The work that is done while nobody asks for anything.
    pub(crate) fn background(&self) -> &Background {
        &self.0.background
    }

    /// The collections that are open.
    pub(crate) async fn opened(&self) -> Vec<String> {
        let own = self.0.engine.collection_name().to_owned();
        let others = self.0.others.lock().await;
        std::iter::once(own).chain(others.keys().cloned()).collect()
    }

    /// A collection, if it is open.
    pub(crate) async fn opened_as(&self, name: &str) -> Option<Arc<Engine>> {
        self.open(name).await
    }

    /// The server's own collection.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
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
        self.check(name)?;
        if let Some(engine) = self.open(name).await {
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
        self.check(name)?;
        if let Some(engine) = self.open(name).await {
            return Ok(engine);
        }
        let mut others = self.0.others.lock().await;
        if let Some(engine) = others.get(name) {
            return Ok(Arc::clone(engine));
        }
        let engine = self.0.engine.collection(name).await.map_err(|error| fault(&error))?;
        others.insert(name.to_owned(), Arc::clone(&engine));
        Ok(engine)
    }

    /// That the caller reaches a collection.
    fn check(&self, name: &str) -> Result<(), Fault> {
        check_collection(if name.is_empty() { self.0.engine.collection_name() } else { name })
    }

    /// Every collection.
    pub(crate) async fn collections(&self) -> Result<Vec<CollectionSummary>, Fault> {
        self.0.engine.collections().await.map_err(|error| fault(&error))
    }

    /// Removes a collection; `false` if there is none of this name.
    pub(crate) async fn drop_collection(&self, name: &str) -> Result<bool, Fault> {
        if name.is_empty() || name == self.0.engine.collection_name() {
            let message = "the server's own collection cannot be deleted while it serves";
            return Err(Fault::new(ErrorKind::FailedPrecondition, message));
        }
        self.check(name)?;
        // What is made in the background may hold it.
        self.0.background.end();
        let _turn = self.0.background.turn.lock().await;
        let mut others = self.0.others.lock().await;
        others.remove(name);
        self.0.engine.drop_collection(name).await.map_err(|error| fault(&error))
    }

    async fn open(&self, name: &str) -> Option<Arc<Engine>> {
        if name.is_empty() || name == self.0.engine.collection_name() {
            return Some(Arc::clone(&self.0.engine));
        }
        self.0.others.lock().await.get(name).cloned()
    }

    /// The engine's answer within the time that a call may take.
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
