//! What is asked for, and by what rules.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use crate::{Address, AllowList, Reach};

/// What may be fetched, and by what rules names are read.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The places that may be asked. None: nothing is fetched.
    pub allowed: AllowList,
    /// Folders of this machine out of which nothing is given, whatever the list says: that with keys and databases.
    pub closed: Vec<PathBuf>,
    /// What names stand for.
    pub reach: Reach,
    /// Headers of answers that are told, see [`Download::noted`](crate::Download::noted).
    pub noted: &'static [&'static str],
}

/// How much, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes.
    pub max_bytes: u64,
    /// From the call to the last byte, redirects and repetitions included.
    pub whole: Duration,
    /// Without a byte, and for the head of an answer.
    pub no_progress: Duration,
    /// For the connection to one machine, encryption included.
    pub connect: Duration,
    /// How often a connection that broke off is taken up. Only where the other side says by what the bytes are the same
    /// (`ETag`, `Last-Modified`).
    pub resumes: u32,
}

impl Limits {
    /// Time without a byte.
    pub const NO_PROGRESS: Duration = Duration::from_secs(30);
    /// Time for a connection.
    pub const CONNECT: Duration = Duration::from_secs(10);
    /// Connections that are taken up.
    pub const RESUMES: u32 = 5;

    /// At most so many bytes in so much time, and defaults for the rest.
    pub const fn new(max_bytes: u64, whole: Duration) -> Self {
        let (no_progress, connect, resumes) = (Self::NO_PROGRESS, Self::CONNECT, Self::RESUMES);
        Self { max_bytes, whole, no_progress, connect, resumes }
    }
}

/// A key that is sent as `Authorization: Bearer KEY`, to the origin of the address, by https or to a loopback address alone. It is not shown.
#[derive(Clone)]
pub struct Bearer(String);

impl Bearer {
    /// A key.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer")
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The address.
    pub address: Address,
    /// The key that it wants.
    pub bearer: Option<Bearer>,
    /// How much, and how long.
    pub limits: Limits,
}

/// What the requests of a client share.
pub(crate) struct Shared {
    pub(crate) policy: Policy,
    /// Made when the first encrypted address is asked.
    pub(crate) tls: OnceCell<TlsConnector>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("policy", &self.policy).finish_non_exhaustive()
    }
}
