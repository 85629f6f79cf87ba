//! How a client behaves.

use std::time::Duration;

use crate::{ApiKey, Retry};

/// Time to reach a server.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time that a call other than a stream may take.
pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Most bytes of an answer.
pub const DEFAULT_MAX_REPLY_BYTES: usize = 256 * 1024 * 1024;

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// The collection that all calls are about; empty: the server's own.
    pub collection: String,
    /// [`DEFAULT_CONNECT_TIMEOUT`]
    pub connect_timeout: Duration,
    /// [`DEFAULT_CALL_TIMEOUT`]
    pub call_timeout: Duration,
    /// [`DEFAULT_MAX_REPLY_BYTES`]
    pub max_reply_bytes: usize,
    /// When a call is tried again.
    pub retry: Retry,
    /// The key that the server knows its caller by. It is never sent in clear text to another machine.
    pub key: Option<ApiKey>,
    /// Certificates in PEM, of which one must have signed an https server's; `None`: those that this machine trusts.
    pub ca: Option<Vec<u8>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            collection: String::new(),
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            call_timeout: DEFAULT_CALL_TIMEOUT,
            max_reply_bytes: DEFAULT_MAX_REPLY_BYTES,
            retry: Retry::default(),
            key: None,
            ca: None,
        }
    }
}
