//! A fixed number of workers, started at need, replaced when they die.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};
use sensorium_types::{Cancel, FailureReason, ReasonKind, WorkerFigures};

use super::process::{Death, OnPart, Outcome, TICK, WhenUp, Worker};
use super::protocol::Request;
use super::spawner::Spawner;
use crate::{Decoded, EncoderSpec, Head, Limits, Part, reason};

/// Files after which a worker is replaced, so that no leak of a decoder grows for ever.
const FILES_A_WORKER: usize = 2_000;
/// Most threads of a video's decoder while no other file is decoded.
const MAX_THREADS: usize = 2;

/// What a pool needs.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// The binary whose hidden subcommand is the worker; usually the current executable.
    pub worker_program: PathBuf,
    /// Workers that decode at the same time.
    pub workers: usize,
    /// What one file may cost.
    pub limits: Limits,
    /// What the encoders want.
    pub spec: EncoderSpec,
}

/// A pool that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// No worker was asked for.
    #[error("a pool needs at least one worker")]
    NoWorkers,
    /// The worker's program cannot be started.
    #[error("start the decoding worker {program}", program = program.display())]
    WorkerProgram {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Something to decode.
#[derive(Debug, Clone)]
pub enum MediaInput {
    /// A file.
    Path(PathBuf),
    /// Bytes in memory, for instance from the network.
    Bytes(Arc<[u8]>),
}

/// What is wanted of a file.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    All,
    /// What is heard.
    Audio,
    /// An image whose longest side is at most so many pixels.
    Preview(u32),
}

impl Wanted {
    fn spec(self, usual: &EncoderSpec) -> EncoderSpec {
        match self {
            Self::All => usual.clone(),
            Self::Audio => usual.of_audio(),
            Self::Preview(side) => EncoderSpec { preview_side: Some(side), ..usual.clone() },
        }
    }
}

/// Decodes files in worker processes. May be called from many threads; a call waits until a worker is free.
#[derive(Debug)]
pub struct MediaPool {
    config: PoolConfig,
    state: Mutex<State>,
    freed: Condvar,
    spawner: Spawner,
    tally: Tally,
}

/// What became of workers.
#[derive(Debug, Default)]
struct Tally {
    started: AtomicU64,
    timed_out: AtomicU64,
    cancelled: AtomicU64,
    died: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Worker>,
    busy: usize,
}

impl MediaPool {
    /// A pool with its first worker started, so that a wrong program shows at once.
    ///
    /// # Errors
    /// [`MediaError`] if there would be no workers or the program cannot be started.
    pub fn new(config: PoolConfig) -> Result<Self, MediaError> {
        if config.workers == 0 {
            return Err(MediaError::NoWorkers);
        }
        let cannot = |source| MediaError::WorkerProgram { program: config.worker_program.clone(), source };
        let spawner = Spawner::new(config.worker_program.clone()).map_err(cannot)?;
        let first = spawner.start().map_err(cannot)?;
        let state = Mutex::new(State { idle: vec![first], busy: 0 });
        let tally = Tally { started: AtomicU64::new(1), ..Tally::default() };
        Ok(Self { config, state, freed: Condvar::new(), spawner, tally })
    }

    /// How many workers run, and what became of those before them.
    pub fn figures(&self) -> WorkerFigures {
        let (idle, busy) = {
            let state = self.state.lock();
            (state.idle.len() as u64, state.busy as u64)
        };
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        WorkerFigures {
            most: self.config.workers as u64,
            running: idle + busy,
            busy,
            started: of(&self.tally.started),
            timed_out: of(&self.tally.timed_out),
            cancelled: of(&self.tally.cancelled),
            died: of(&self.tally.died),
        }
    }

    /// Decodes one file and collects its parts; it fails where nothing new comes for too long.
    ///
    /// # Errors
    /// The typed reason why it was not decoded. A worker that dies costs this file only.
    pub fn decode(&self, input: MediaInput, cancel: &Cancel) -> Result<Decoded, FailureReason> {
        let mut parts = Vec::new();
        let mut bytes = 0_u64;
        let most = self.config.limits.max_asset_bytes;
        let Head { modality, mime, facts, warning } = self.decode_each(input, cancel, &mut |part| {
            bytes = bytes.saturating_add(part.bytes());
            if bytes > most {
                return Err(reason(ReasonKind::TooLarge, format!("its parts take more than {most} bytes")));
            }
            parts.push(part);
            Ok(())
        })?;
        if parts.is_empty() {
            return Err(reason(ReasonKind::Corrupt, "nothing in it could be decoded"));
        }
        Ok(Decoded { modality, mime, facts, warning, parts })
    }

    /// Decodes one file and gives its parts as they come, in order of track and ordinal; what the file is becomes known
    /// at its end. It fails where nothing new comes for [`Limits::max_stall`], or has not ended after
    /// [`Limits::max_time`], in which the time of a slow taker does not count. If it fails, parts that were given are void.
    ///
    /// # Errors
    /// The typed reason why it was not decoded, or the taker's own, which stops the file.
    pub fn decode_each(
        &self,
        input: MediaInput,
        cancel: &Cancel,
        on_part: &mut dyn FnMut(Part) -> Result<(), FailureReason>,
    ) -> Result<Head, FailureReason> {
        self.decode_input(input, (WhenUp::Fail, Wanted::All), cancel, on_part)
    }

    /// As [`MediaPool::decode_each`], but of a video or an audio clip whose time is up what came in it stands; its head
    /// has a warning that says up to where.
    ///
    /// # Errors
    /// As [`MediaPool::decode_each`].
    pub fn decode_in_time(
        &self,
        input: MediaInput,
        cancel: &Cancel,
        on_part: &mut dyn FnMut(Part) -> Result<(), FailureReason>,
    ) -> Result<Head, FailureReason> {
        self.decode_input(input, (WhenUp::Keep, Wanted::All), cancel, on_part)
    }

    /// As [`MediaPool::decode_each`], but only what is heard: frames of a video are not decoded.
    ///
    /// # Errors
    /// As [`MediaPool::decode_each`]; if there is no audio.
    pub fn hear_each(
        &self,
        input: MediaInput,
        cancel: &Cancel,
        on_part: &mut dyn FnMut(Part) -> Result<(), FailureReason>,
    ) -> Result<Head, FailureReason> {
        self.decode_input(input, (WhenUp::Fail, Wanted::Audio), cancel, on_part)
    }

    /// As [`MediaPool::decode_each`], but an image that is to be looked at: its part's thumbnail is a JPEG whose longest side is at most
    /// so many pixels.
    ///
    /// # Errors
    /// As [`MediaPool::decode_each`]; if it is no image.
    pub fn show_each(
        &self,
        input: MediaInput,
        side: u32,
        cancel: &Cancel,
        on_part: &mut dyn FnMut(Part) -> Result<(), FailureReason>,
    ) -> Result<Head, FailureReason> {
        self.decode_input(input, (WhenUp::Fail, Wanted::Preview(side)), cancel, on_part)
    }

    fn decode_input(
        &self,
        input: MediaInput,
        ask: (WhenUp, Wanted),
        cancel: &Cancel,
        on_part: OnPart,
    ) -> Result<Head, FailureReason> {
        match input {
            MediaInput::Path(path) => self.decode_path(&path, ask, cancel, on_part),
            MediaInput::Bytes(bytes) => {
                let failed = |error: std::io::Error| reason(ReasonKind::Unreadable, error.to_string());
                let mut file = tempfile::NamedTempFile::with_prefix("sensorium-").map_err(failed)?;
                file.write_all(&bytes).and_then(|()| file.flush()).map_err(failed)?;
                self.decode_path(file.path(), ask, cancel, on_part)
            }
        }
    }

    fn decode_path(
        &self,
        path: &Path,
        (when_up, wanted): (WhenUp, Wanted),
        cancel: &Cancel,
        on_part: OnPart,
    ) -> Result<Head, FailureReason> {
        if cancel.is_cancelled() {
            return Err(interrupted());
        }
        let Limits { max_stall, max_time, .. } = self.config.limits;
        let (mut worker, alone) = self.take(cancel)?;
        let request = Request {
            path: path.as_os_str().as_bytes().to_vec(),
            spec: wanted.spec(&self.config.spec),
            limits: self.config.limits.clone(),
            threads: if alone { self.config.workers.min(MAX_THREADS) } else { 1 },
            stops: match when_up {
                WhenUp::Keep => {
                    Some((Limits::before_last_words(max_stall), Limits::before_last_words(max_time)))
                }
                WhenUp::Fail => None,
            },
        };
        match worker.decode(&request, when_up, cancel, on_part) {
            Outcome::Fit(decoded) => {
                self.give_back(Some(worker).filter(|worker| worker.files < FILES_A_WORKER));
                decoded
            }
            Outcome::Dead(why, decoded) => {
                let count = match why {
                    Death::OutOfTime => &self.tally.timed_out,
                    Death::Unwanted => &self.tally.cancelled,
                    Death::Died => &self.tally.died,
                };
                count.fetch_add(1, Ordering::Relaxed);
                drop(worker);
                self.give_back(None);
                decoded
            }
        }
    }

    /// An idle worker, or a new one where fewer than allowed are busy, else waits; and whether no other is busy.
    fn take(&self, cancel: &Cancel) -> Result<(Worker, bool), FailureReason> {
        let mut state = self.state.lock();
        while state.busy >= self.config.workers {
            if cancel.is_cancelled() {
                return Err(interrupted());
            }
            self.freed.wait_for(&mut state, TICK);
        }
        state.busy += 1;
        let alone = state.busy == 1;
        while let Some(mut worker) = state.idle.pop() {
            if worker.is_alive() {
                return Ok((worker, alone));
            }
        }
        drop(state);
        let worker = self.spawner.start().map_err(|error| {
            self.give_back(None);
            reason(ReasonKind::Crashed, format!("no worker can be started: {error}"))
        })?;
        self.tally.started.fetch_add(1, Ordering::Relaxed);
        Ok((worker, alone))
    }

    fn give_back(&self, worker: Option<Worker>) {
        let mut state = self.state.lock();
        state.busy -= 1;
        state.idle.extend(worker);
        drop(state);
        self.freed.notify_one();
    }
}

fn interrupted() -> FailureReason {
    reason(ReasonKind::TimedOut, "interrupted")
}
