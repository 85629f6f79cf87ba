//! Why a call did not succeed.

use sensorium_api::{ConvertError, Fault};
use sensorium_types::ErrorKind;
use tonic::Status;

/// What can go wrong on the way to a server and back.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not the address of a server.
    #[error("{url:?} is not the address of a server: write http://HOST:PORT or https://HOST:PORT")]
    Url {
        /// What was received.
        url: String,
    },
    /// No server answers there.
    #[error("no server answers at {url}")]
    Connect {
        /// The address.
        url: String,
        /// What the system said.
        #[source]
        source: tonic::transport::Error,
    },
    /// A key would leave this machine unencrypted.
    #[error(
        "{url}: the API key is not sent, for this address is another machine's and not encrypted: write https://"
    )]
    KeyInClear {
        /// The address.
        url: String,
    },
    /// Certificates that are none.
    #[error("what is given as certificates holds none: a PEM file has lines of -----BEGIN CERTIFICATE-----")]
    Ca,
    /// Certificates for an address that is not encrypted.
    #[error("{url}: certificates are for https addresses: write https://")]
    CaInClear {
        /// The address.
        url: String,
    },
    /// The certificates cannot be used.
    #[error("prepare the encryption of {url}")]
    Tls {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// A file of this machine, which a server was to be sent, cannot be read; the error names it.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The server refused the call, or could not do it.
    #[error(transparent)]
    Refused(#[from] Fault),
    /// The server's answer breaks a rule.
    #[error("the server's answer cannot be understood")]
    Answer(#[from] ConvertError),
}

impl ClientError {
    /// What the caller can do.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Url { .. } | Self::KeyInClear { .. } | Self::Ca | Self::CaInClear { .. } => {
                ErrorKind::InvalidArgument
            }
            Self::Tls { .. } => ErrorKind::FailedPrecondition,
            Self::Connect { .. } => ErrorKind::Unavailable,
            Self::File(_) => ErrorKind::NotFound,
            Self::Refused(fault) => fault.kind,
            Self::Answer(_) => ErrorKind::Bug,
        }
    }

    /// What the server said, where it refused the call or could not do it.
    pub const fn refusal(&self) -> Option<&Fault> {
        match self {
            Self::Refused(fault) => Some(fault),
            Self::Url { .. }
            | Self::Connect { .. }
            | Self::KeyInClear { .. }
            | Self::Ca
            | Self::CaInClear { .. }
            | Self::Tls { .. }
            | Self::File(_)
            | Self::Answer(_) => None,
        }
    }

    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        Self::Refused(Fault::from_status(&status))
    }
}
