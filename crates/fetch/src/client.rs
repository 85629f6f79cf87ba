//! What callers ask with.

use std::sync::Arc;

use http::HeaderMap;
use tokio::sync::OnceCell;

use crate::download::Start;
use crate::request::{Policy, Request, Shared};
use crate::{Download, FetchError};

/// Bytes that were fetched into memory.
#[derive(Debug, Clone)]
pub struct InMemory {
    /// As many as were wanted, or all.
    pub bytes: Vec<u8>,
    /// How many there are, where the other side says so.
    pub total: Option<u64>,
    noted: HeaderMap,
}

impl InMemory {
    async fn of(mut download: Download, count: usize) -> Result<Self, FetchError> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let Some(piece) = download.next().await? else { break };
            bytes.extend_from_slice(&piece);
        }
        bytes.truncate(count);
        Ok(Self { bytes, total: download.total(), noted: download.into_noted() })
    }

    /// As [`Download::noted`].
    pub fn noted(&self, name: &str) -> Option<&str> {
        self.noted.get(name)?.to_str().ok()
    }
}

/// Fetches from allowed places. Clones share what they know.
#[derive(Debug, Clone)]
pub struct Client(Arc<Shared>);

impl Client {
    /// A client by these rules.
    pub fn new(policy: Policy) -> Self {
        Self(Arc::new(Shared { policy, tls: OnceCell::new() }))
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.0)
    }

    /// Asks, and gives what comes in pieces. To drop it, or this future, ends it.
    ///
    /// # Errors
    /// [`FetchError`]: the address is not allowed, its machine is not public, it answers otherwise than with its bytes, or not in time.
    pub async fn get(&self, request: Request) -> Result<Download, FetchError> {
        Download::begin(self.shared(), request, Start::default()).await
    }

    /// All bytes of something small, at most as many as its limits take.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn whole(&self, request: Request) -> Result<InMemory, FetchError> {
        let download = self.get(request).await?;
        InMemory::of(download, usize::MAX).await
    }

    /// The first bytes of what is behind an address, by a range: all, where there are fewer. Where the other side gives no ranges, no more
    /// is read than that. The limit of bytes counts for these alone.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn beginning(&self, mut request: Request, count: u64) -> Result<InMemory, FetchError> {
        let limit = request.limits.max_bytes;
        if count > limit {
            return Err(FetchError::TooLarge { address: request.address.to_string(), limit });
        }
        request.limits.max_bytes = u64::MAX;
        let start = Start { first: Some(count), ..Start::default() };
        let download = Download::begin(self.shared(), request, start).await?;
        InMemory::of(download, usize::try_from(count).unwrap_or(usize::MAX)).await
    }
}
