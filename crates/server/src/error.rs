//! Why a server does not run.

use std::net::SocketAddr;

use sensorium_engine::EngineError;
use sensorium_types::ErrorKind;

/// What keeps a server from running. Errors of single calls are answers, not these.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address that others can reach.
    #[error(
        "{address} can be reached from other machines, and calls are not authenticated yet: listen on 127.0.0.1 or \
         [::1]"
    )]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
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
    /// The network gave out.
    #[error("serve")]
    Transport(#[from] tonic::transport::Error),
    /// The built-in description of the services cannot be read.
    #[error("describe the services")]
    Reflection(#[from] tonic_reflection::server::Error),
}

impl ServerError {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotLoopback { .. } => ErrorKind::InvalidArgument,
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
                ErrorKind::Conflict
            }
            Self::Listen { .. } | Self::Transport(_) => ErrorKind::Unavailable,
            Self::Engine(error) => error.kind(),
            Self::Reflection(_) => ErrorKind::Bug,
        }
    }
}
