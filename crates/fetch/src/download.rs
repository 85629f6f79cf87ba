//! Bytes in pieces.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::address::WebAddress;
use crate::exchange::{Answer, Asked, exchange, lost};
use crate::request::{Request, Shared};
use crate::{Address, FetchError, root};

/// Bytes that are read of a file at a time.
const PIECE_BYTES: usize = 256 * 1024;
/// How long is waited before the first connection is taken up; each later one waits longer by as much.
const RESUME_AFTER: Duration = Duration::from_millis(200);

/// Where a download begins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    /// Bytes that are there already.
    pub(crate) from: u64,
    /// What is the same as long as the bytes are.
    pub(crate) validator: Option<String>,
    /// What is there already was put into it.
    pub(crate) hasher: Sha256,
    /// A hash of all bytes will tell whether they are the same: nothing else needs to.
    pub(crate) by_hash: bool,
    /// Bytes that are wanted of the beginning, where not all are.
    pub(crate) first: Option<u64>,
}

impl Start {
    /// Whether these are all bytes.
    pub(crate) fn is_whole(&self, bytes: u64, sha256: [u8; 32]) -> bool {
        self.from == bytes && <[u8; 32]>::from(self.hasher.clone().finalize()) == sha256
    }
}

/// Bytes that are coming. To drop it ends it.
pub struct Download {
    shared: Arc<Shared>,
    request: Request,
    deadline: Instant,
    source: Source,
    received: u64,
    total: Option<u64>,
    validator: Option<String>,
    hasher: Sha256,
    by_hash: bool,
    first: Option<u64>,
    noted: HeaderMap,
    resumes: u32,
}

enum Source {
    Web {
        body: Incoming,
        /// Moves its bytes, as long as it is held.
        _driver: JoinSet<()>,
    },
    File(File),
    Done,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, received, total, .. } = self;
        f.debug_struct("Download")
            .field("address", &request.address.to_string())
            .field("received", received)
            .field("total", total)
            .finish_non_exhaustive()
    }
}

impl Download {
    /// Asks for what is behind `start`. Where that is not given any more, it begins at 0, see [`Download::received`].
    pub(crate) async fn begin(
        shared: Arc<Shared>,
        request: Request,
        start: Start,
    ) -> Result<Self, FetchError> {
        let Start { from, validator, hasher, by_hash, first } = start;
        let deadline = Instant::now() + request.limits.whole;
        let mut download = Self {
            shared,
            deadline,
            source: Source::Done,
            received: from,
            total: None,
            validator,
            hasher,
            by_hash,
            first,
            noted: HeaderMap::new(),
            resumes: request.limits.resumes,
            request,
        };
        match download.request.address.clone() {
            Address::Web(address) => {
                let answer = match download.ask(&address).await {
                    // There is nothing behind what is there already: that may be all, or of other bytes.
                    Err(FetchError::Refused { status: 416, .. }) if from > 0 => {
                        (download.received, download.validator) = (0, None);
                        download.ask(&address).await?
                    }
                    answer => answer?,
                };
                if answer.from == 0 {
                    (download.received, download.hasher) = (0, Sha256::new());
                }
                download.take(answer);
            }
            Address::File(path) => {
                let policy = download.shared.policy.clone();
                let (file, bytes) = root::open(policy, path).await?;
                (download.received, download.hasher) = (0, Sha256::new());
                download.total = Some(bytes);
                download.source = Source::File(File::from_std(file));
            }
        }
        download.check_size(download.total.unwrap_or(0))?;
        Ok(download)
    }

    /// Bytes so far; after the beginning those that were there already, where they still count.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// How many there are, where the other side says so.
    pub const fn total(&self) -> Option<u64> {
        self.total
    }

    /// A header of [`Policy::noted`](crate::Policy), of the first answer of the origin that was asked which has it: one that leads on counts too.
    pub fn noted(&self, name: &str) -> Option<&str> {
        self.noted.get(name)?.to_str().ok()
    }

    pub(crate) fn into_noted(self) -> HeaderMap {
        self.noted
    }

    /// By what a later call may go on.
    pub(crate) fn validator(&self) -> Option<&str> {
        self.validator.as_deref()
    }

    /// SHA-256 of the bytes so far.
    pub fn sha256(&self) -> [u8; 32] {
        self.hasher.clone().finalize().into()
    }

    /// The next piece; `None` once all have come.
    ///
    /// # Errors
    /// [`FetchError`]. A connection that broke off is taken up by itself, where the other side gives ranges of bytes that have not changed.
    pub async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            let piece = match self.read().await {
                Ok(piece) => piece,
                Err(error) => {
                    self.resume(error).await?;
                    continue;
                }
            };
            let Some(piece) = piece else {
                self.source = Source::Done;
                return self.whole().map(|()| None);
            };
            if piece.is_empty() {
                continue;
            }
            let received = self.received.saturating_add(piece.len() as u64);
            self.check_size(received)?;
            self.received = received;
            self.hasher.update(&piece);
            return Ok(Some(piece));
        }
    }

    fn address(&self) -> String {
        self.request.address.to_string()
    }

    fn check_size(&self, bytes: u64) -> Result<(), FetchError> {
        let limit = self.request.limits.max_bytes;
        if bytes > limit { Err(FetchError::TooLarge { address: self.address(), limit }) } else { Ok(()) }
    }

    /// That there are as many as were told.
    fn whole(&self) -> Result<(), FetchError> {
        match self.total {
            Some(total) if total != self.received => {
                let what = format!("{} of {total} bytes came", self.received);
                Err(FetchError::Connection { address: self.address(), what })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What comes next from where it comes. Only a lost connection is an error of the kind that is taken up.
    async fn read(&mut self) -> Result<Option<Bytes>, FetchError> {
        let limits = self.request.limits;
        let (until, what, limit) = self.patience(limits.no_progress, "no byte came");
        let timed_out = |address: &Address| FetchError::TimedOut {
            address: address.to_string(),
            what,
            seconds: limit.as_secs_f64(),
        };
        match &mut self.source {
            Source::Done => Ok(None),
            Source::Web { body, _driver } => {
                let frame =
                    timeout_at(until, body.frame()).await.map_err(|_| timed_out(&self.request.address))?;
                match (frame, &self.request.address) {
                    (None, _) => Ok(None),
                    // Trailers are nothing to us.
                    (Some(Ok(frame)), _) => Ok(Some(frame.into_data().unwrap_or_default())),
                    (Some(Err(error)), Address::Web(address)) => Err(lost(address, &error)),
                    (Some(Err(_)), Address::File(_)) => Ok(None),
                }
            }
            Source::File(file) => {
                let mut piece = vec![0; PIECE_BYTES];
                let read = timeout_at(until, file.read(&mut piece)).await;
                let read = read.map_err(|_| timed_out(&self.request.address))?;
                let failed = |source| FetchError::File { place: self.request.address.to_string(), source };
                let read = read.map_err(failed)?;
                piece.truncate(read);
                Ok((read > 0).then(|| Bytes::from(piece)))
            }
        }
    }

    /// Until when is waited, for what, and how long that is in all.
    fn patience(&self, idle: Duration, what: &'static str) -> (Instant, &'static str, Duration) {
        let until = Instant::now() + idle;
        if until < self.deadline {
            (until, what, idle)
        } else {
            (self.deadline, "not all came", self.request.limits.whole)
        }
    }

    async fn ask(&self, address: &WebAddress) -> Result<Answer, FetchError> {
        let asked = Asked {
            address,
            bearer: self.request.bearer.as_ref(),
            from: if self.validator.is_some() || self.by_hash { self.received } else { 0 },
            validator: self.validator.as_deref().filter(|_| !self.by_hash),
            first: self.first,
            limits: &self.request.limits,
        };
        let asking = timeout_at(self.deadline, exchange(&self.shared, asked)).await;
        asking.map_err(|_| FetchError::TimedOut {
            address: self.address(),
            what: "not all came",
            seconds: self.request.limits.whole.as_secs_f64(),
        })?
    }

    /// Whether an answer is of the same bytes, as far as it tells.
    fn is_same(&self, answer: &Answer) -> bool {
        let is_as_long = self.total.is_none() || answer.total.is_none() || answer.total == self.total;
        is_as_long && (self.by_hash || answer.validator == self.validator)
    }

    fn take(&mut self, answer: Answer) {
        let Answer { body, driver, from: _, total, validator, noted } = answer;
        self.total = total;
        self.noted = noted;
        self.validator = validator;
        self.source = Source::Web { body, _driver: driver };
    }

    /// Takes a lost connection up where it broke off, or fails by what it was lost by.
    async fn resume(&mut self, mut error: FetchError) -> Result<(), FetchError> {
        let Address::Web(address) = self.request.address.clone() else { return Err(error) };
        self.source = Source::Done;
        loop {
            let is_lost = matches!(error, FetchError::Connection { .. } | FetchError::Away { .. });
            if !is_lost || self.resumes == 0 || (self.validator.is_none() && !self.by_hash) {
                return Err(error);
            }
            self.resumes -= 1;
            let waited = self.request.limits.resumes - self.resumes;
            tokio::time::sleep(RESUME_AFTER * waited).await;
            match self.ask(&address).await {
                Ok(answer) if answer.from == self.received && self.is_same(&answer) => {
                    self.take(answer);
                    return Ok(());
                }
                Ok(_) => {
                    let what =
                        "it changed while it was read, or gives no ranges, and the connection was lost";
                    return Err(FetchError::Answer { address: self.address(), what });
                }
                Err(next) => error = next,
            }
        }
    }
}
