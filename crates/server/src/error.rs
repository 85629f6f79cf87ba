//! Why a server does not run.

use std::net::SocketAddr;

use sensorium_engine::EngineError;
use sensorium_types::ErrorKind;

use crate::KeysError;

/// What keeps a server from running. Errors of single calls are answers, not these.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address that others can reach, without TLS.
    #[error(
        "{address} can be reached from other machines: encrypt by --tls-cert and --tls-key, or say --insecure where the network \
         is trusted or something before it encrypts"
    )]
    NotEncrypted {
        /// The address.
        address: SocketAddr,
    },
    /// An address that others can reach, or one that asks for keys, without any.
    #[error(
        "{address} would answer nobody, for there is no key: make one by `sensorium keys create --scope admin`"
    )]
    NoKey {
        /// The address.
        address: SocketAddr,
    },
    /// The files of TLS cannot be used.
    #[error("TLS: {what}")]
    Tls {
        /// What is wrong.
        what: String,
    },
    /// Spans cannot be sent as it is said.
    #[error("traces cannot be sent: {what}")]
    Traces {
        /// What is wrong.
        what: String,
    },
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The address is taken, or not ours.
    #[error("listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The data folder does not take `server.json`.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The built-in description of the services cannot be read.
    #[error("describe the services")]
    Reflection(#[from] tonic_reflection::server::Error),
}

impl ServerError {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotEncrypted { .. } | Self::NoKey { .. } | Self::Tls { .. } | Self::Traces { .. } => {
                ErrorKind::InvalidArgument
            }
            Self::Keys(error) => error.kind(),
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
                ErrorKind::Conflict
            }
            Self::Listen { .. } => ErrorKind::Unavailable,
            Self::Engine(error) => error.kind(),
            Self::Reflection(_) => ErrorKind::Bug,
        }
    }
}
