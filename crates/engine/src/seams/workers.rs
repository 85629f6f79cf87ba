//! [`Decode`] by worker processes.
//!
//! A worker process asks the kernel to kill it when its parent dies, and by parent the kernel means the thread that
//! started it. So all workers are started, and fed, by threads that live as long as the pool: a thread of the runtime
//! that ends when it has nothing to do would take its worker along, in the middle of another's file.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use parking_lot::Mutex;
use sensorium_media::{Cancel, Decoded, MediaError, MediaInput, MediaPool, PoolConfig};
use sensorium_types::FailureReason;

use super::Decode;
use crate::EngineError;

/// A pool of worker processes, which starts at its first use.
#[derive(Debug)]
pub(crate) struct Workers {
    config: PoolConfig,
    /// The way to the threads. They end when it closes.
    requests: Mutex<Option<Sender<Request>>>,
}

/// A file to decode.
#[derive(Debug)]
struct Request {
    input: MediaInput,
    cancel: Cancel,
    reply: Sender<Result<Decoded, FailureReason>>,
}

impl Workers {
    pub(crate) fn new(config: PoolConfig) -> Self {
        Self { config, requests: Mutex::new(None) }
    }

    fn requests(&self) -> Result<Sender<Request>, EngineError> {
        let mut slot = self.requests.lock();
        if let Some(requests) = slot.as_ref() {
            return Ok(requests.clone());
        }
        let requests = start(&self.config)?;
        *slot = Some(requests.clone());
        Ok(requests)
    }
}

impl Decode for Workers {
    fn decode(
        &self,
        input: MediaInput,
        cancel: &Cancel,
    ) -> Result<Result<Decoded, FailureReason>, EngineError> {
        let (reply, decoded) = bounded(1);
        let request = Request { input, cancel: cancel.clone(), reply };
        let died = EngineError::Task { action: "decode a file" };
        if self.requests()?.send(request).is_err() {
            return Err(died);
        }
        decoded.recv().map_err(|_| died)
    }

    fn max_bytes(&self) -> u64 {
        self.config.limits.max_bytes.max(self.config.limits.max_stream_bytes)
    }
}

/// Starts the pool and a thread for each of its workers; the first thread makes the pool, which starts a worker.
fn start(config: &PoolConfig) -> Result<Sender<Request>, EngineError> {
    let (requests, queue) = unbounded();
    let (made, pool) = bounded::<Result<Arc<MediaPool>, MediaError>>(1);
    let (first_config, first_queue) = (config.clone(), queue.clone());
    spawn(move || match MediaPool::new(first_config) {
        Ok(pool) => {
            let pool = Arc::new(pool);
            let _ = made.send(Ok(Arc::clone(&pool)));
            serve(&pool, &first_queue);
        }
        Err(error) => {
            let _ = made.send(Err(error));
        }
    })?;
    let pool = pool.recv().map_err(|_| EngineError::Task { action: "start decoding workers" })??;
    for _ in 1..config.workers {
        let (pool, queue) = (Arc::clone(&pool), queue.clone());
        spawn(move || serve(&pool, &queue))?;
    }
    Ok(requests)
}

fn spawn(body: impl FnOnce() + Send + 'static) -> Result<(), EngineError> {
    thread::Builder::new()
        .name("sensorium-decode".to_owned())
        .spawn(body)
        .map(drop)
        .map_err(|source| EngineError::Io { action: "start a thread for decoding", source })
}

fn serve(pool: &MediaPool, queue: &Receiver<Request>) {
    while let Ok(Request { input, cancel, reply }) = queue.recv() {
        // Who asked may be gone; then nobody wants the answer.
        let _ = reply.send(pool.decode(input, &cancel));
    }
}
