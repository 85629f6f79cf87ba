//! What callers ask with.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::download::Start;
use crate::request::{Policy, Request, Shared};
use crate::{Download, FetchError};

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
}
