//! What all services share.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use sensorium_api::Fault;
use sensorium_engine::{CollectionSummary, Engine, EngineError};
use sensorium_types::ErrorKind;
use tokio::sync::{Mutex, Semaphore, watch};

use crate::Settings;
use crate::fault::fault;

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
    stopping: watch::Receiver<bool>,
    items: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// Completes when the server stops.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and the server with it.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

impl Context {
    pub(crate) fn new(engine: Arc<Engine>, settings: Settings, stopping: watch::Receiver<bool>) -> Self {
        let items = Arc::new(Semaphore::new(settings.max_items_in_flight));
        let bytes = Arc::new(Semaphore::new(settings.max_bytes_in_flight.div_ceil(BYTES_UNIT)));
        let others = Mutex::default();
        Self(Arc::new(Shared { engine, others, settings, stopping, items, bytes }))
    }

    /// The server's own collection.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    /// The limits.
    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
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
