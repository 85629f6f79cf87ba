//! [`Decode`] by worker processes.
//!
//! A worker process asks the kernel to kill it when its parent dies, and by parent the kernel means the thread that
//! started it. So all workers are started, and fed, by threads that live as long as the pool: a thread of the runtime
//! that ends when it has nothing to do would take its worker along, in the middle of another's file.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use parking_lot::Mutex;
use sensorium_embed::Priority;
use sensorium_media::{Cancel, Head, MediaError, MediaInput, MediaPool, Part, PoolConfig};
use sensorium_types::{FailureReason, ReasonKind, WorkerFigures};

use super::{Decode, OnPart};
use crate::EngineError;

/// Parts that are decoded before they are taken.
const PARTS_AHEAD: usize = 2;
/// Time between two looks of one who waits for a part at whether he is still to.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Decoding by worker processes, which start at their first use.
pub fn decoding_workers(config: PoolConfig) -> Arc<dyn Decode> {
    Arc::new(Workers::new(config))
}

/// Worker processes, which start at their first use. A video keeps its worker for as long as the encoders need for it, so
/// queries have workers of their own.
#[derive(Debug)]
pub(crate) struct Workers {
    config: PoolConfig,
    bulk: Lane,
    query: Lane,
}

/// The way to the threads of one pool. They end when it closes.
#[derive(Debug, Default)]
struct Lane(Mutex<Option<Started>>);

/// A pool that was started. It lives as long as its threads.
#[derive(Debug, Clone)]
struct Started {
    requests: Sender<Request>,
    pool: Weak<MediaPool>,
}

/// A file to decode.
#[derive(Debug)]
struct Request {
    input: MediaInput,
    want: Want,
    cancel: Cancel,
    reply: Sender<Reply>,
}

/// What is wanted of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    /// All of it, as far as there is time.
    Bulk,
    /// All of it.
    Query,
    /// What is heard.
    Audio,
    /// An image to be looked at, its longest side at most so many pixels.
    Preview(u32),
}

/// What comes of it: parts, then the end.
#[derive(Debug)]
enum Reply {
    Part(Part),
    End(Result<Head, FailureReason>),
}

impl Workers {
    pub(crate) fn new(config: PoolConfig) -> Self {
        Self { config, bulk: Lane::default(), query: Lane::default() }
    }
}

impl Lane {
    fn requests(&self, config: &PoolConfig) -> Result<Sender<Request>, EngineError> {
        let mut slot = self.0.lock();
        if let Some(started) = slot.as_ref() {
            return Ok(started.requests.clone());
        }
        let started = start(config)?;
        let requests = started.requests.clone();
        *slot = Some(started);
        Ok(requests)
    }

    fn figures(&self) -> Option<WorkerFigures> {
        let pool = self.0.lock().as_ref()?.pool.upgrade()?;
        Some(pool.figures())
    }
}

impl Decode for Workers {
    fn decode_each(
        &self,
        input: MediaInput,
        priority: Priority,
        cancel: &Cancel,
        on_part: OnPart<'_>,
    ) -> Result<Result<Head, FailureReason>, EngineError> {
        let want = match priority {
            Priority::Bulk => Want::Bulk,
            Priority::Query => Want::Query,
        };
        self.ask(input, want, cancel, on_part)
    }

    fn hear(
        &self,
        input: MediaInput,
        cancel: &Cancel,
        on_part: OnPart<'_>,
    ) -> Result<Result<Head, FailureReason>, EngineError> {
        self.ask(input, Want::Audio, cancel, on_part)
    }

    fn show(
        &self,
        input: MediaInput,
        side: u32,
        cancel: &Cancel,
        on_part: OnPart<'_>,
    ) -> Result<Result<Head, FailureReason>, EngineError> {
        self.ask(input, Want::Preview(side), cancel, on_part)
    }

    fn max_bytes(&self) -> u64 {
        self.config.limits.max_bytes.max(self.config.limits.max_stream_bytes)
    }

    fn figures(&self) -> Vec<(&'static str, WorkerFigures)> {
        let lanes = [(Priority::Bulk, &self.bulk), (Priority::Query, &self.query)];
        lanes.into_iter().filter_map(|(priority, lane)| Some((priority.name(), lane.figures()?))).collect()
    }
}

impl Workers {
    /// Has a worker decode a file, and passes its parts on.
    fn ask(
        &self,
        input: MediaInput,
        want: Want,
        cancel: &Cancel,
        on_part: OnPart<'_>,
    ) -> Result<Result<Head, FailureReason>, EngineError> {
        let lane = match want {
            Want::Bulk => &self.bulk,
            Want::Query | Want::Audio | Want::Preview(_) => &self.query,
        };
        let (reply, replies) = bounded(PARTS_AHEAD);
        let request = Request { input, want, cancel: cancel.clone(), reply };
        let died = EngineError::Task { action: "decode a file" };
        if lane.requests(&self.config)?.send(request).is_err() {
            return Err(died);
        }
        // Whoever returns here closes the channel, which stops the decoder. A request that waits for its turn is passed over then.
        loop {
            let reply = replies.recv_timeout(LOOK_EVERY);
            if cancel.is_cancelled() && !matches!(reply, Ok(Reply::End(_))) {
                return Ok(Err(FailureReason::new(ReasonKind::TimedOut, "interrupted")));
            }
            match reply {
                Ok(Reply::Part(part)) => {
                    if let Err(stopped) = on_part(part) {
                        return Ok(Err(stopped));
                    }
                }
                Ok(Reply::End(decoded)) => return Ok(decoded),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(died),
            }
        }
    }
}

/// Starts the pool and a thread for each of its workers; the first thread makes the pool, which starts a worker.
fn start(config: &PoolConfig) -> Result<Started, EngineError> {
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
    let first = pool.recv().map_err(|_| EngineError::Task { action: "start decoding workers" })??;
    for _ in 1..config.workers {
        let (pool, queue) = (Arc::clone(&first), queue.clone());
        spawn(move || serve(&pool, &queue))?;
    }
    Ok(Started { requests, pool: Arc::downgrade(&first) })
}

fn spawn(body: impl FnOnce() + Send + 'static) -> Result<(), EngineError> {
    thread::Builder::new()
        .name("sensorium-decode".to_owned())
        .spawn(body)
        .map(drop)
        .map_err(|source| EngineError::Io { action: "start a thread for decoding", source })
}

fn serve(pool: &MediaPool, queue: &Receiver<Request>) {
    while let Ok(Request { input, want, cancel, reply }) = queue.recv() {
        let mut on_part = |part| {
            let gone = |_| FailureReason::new(ReasonKind::TimedOut, "nobody waits for it");
            reply.send(Reply::Part(part)).map_err(gone)
        };
        let decoded = match want {
            Want::Bulk => pool.decode_in_time(input, &cancel, &mut on_part),
            Want::Audio => pool.hear_each(input, &cancel, &mut on_part),
            Want::Preview(side) => pool.show_each(input, side, &cancel, &mut on_part),
            // A part of a file is of no use to a query: its mean would be that of the beginning.
            Want::Query => pool.decode_each(input, &cancel, &mut on_part),
        };
        // Who asked may be gone; then nobody wants the answer.
        let _ = reply.send(Reply::End(decoded));
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use sensorium_media::{EncoderSpec, Limits};

    use super::*;

    #[test]
    fn one_who_leaves_does_not_wait_for_the_file_before_his() {
        let folder = tempfile::tempdir().expect("a folder");
        let worker_program = folder.path().join("worker");
        // A worker that never answers. Written by a child: a file that this process has open for writing cannot be run.
        let script = "printf '#!/bin/sh\ntouch \"$0.here\"\nexec sleep 3600\n' > \"$1\" && chmod 755 \"$1\"";
        let written = Command::new("sh").args(["-c", script, "sh"]).arg(&worker_program).status();
        assert!(written.expect("sh starts").success());
        let (limits, spec) = (Limits::default(), EncoderSpec::default());
        let workers = Workers::new(PoolConfig { worker_program, workers: 1, limits, spec });
        let (first, second) = (Cancel::new(), Cancel::new());
        let decode = |cancel: &Cancel| {
            let input = MediaInput::Bytes(Arc::from(b"a text".as_slice()));
            workers.decode_each(input, Priority::Query, cancel, &mut |_| Ok(()))
        };
        std::thread::scope(|scope| {
            let before = scope.spawn(|| decode(&first));
            second.cancel();
            let left = decode(&second).expect("decoding works").expect_err("nothing is decoded");
            assert_eq!((left.detail.as_str(), before.is_finished()), ("interrupted", false));
            first.cancel();
            let before = before.join().expect("no panic").expect("decoding works");
            assert_eq!(before.expect_err("nothing is decoded").detail, "interrupted");
        });
    }
}
