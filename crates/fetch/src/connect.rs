//! One connection: to numbers that were looked at, encrypted where the address says so.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::FetchError;
use crate::address::{Host, Origin};
use crate::request::{Limits, Shared};

/// Most bytes of an answer's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Numbers of one name that are tried.
const MAX_TRIES: usize = 4;

/// A connection that a request can be sent by. To drop it closes it.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Empty<Bytes>>,
    /// What moves its bytes.
    pub(crate) driver: JoinSet<()>,
}

/// Connects to a machine that may be asked.
pub(crate) async fn connect(
    shared: &Shared,
    origin: &Origin,
    limits: &Limits,
) -> Result<Connection, FetchError> {
    let numbers =
        within(limits.connect, origin, shared.policy.reach.numbers(&origin.host, origin.port)).await??;
    let mut last = None;
    for ip in numbers.into_iter().take(MAX_TRIES) {
        match within(limits.connect, origin, connect_to(shared, origin, ip)).await.flatten() {
            Ok(connection) => return Ok(connection),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| failed(origin, "the name stands for no machine")))
}

async fn within<T>(limit: Duration, origin: &Origin, work: impl Future<Output = T>) -> Result<T, FetchError> {
    timeout(limit, work).await.map_err(|_| FetchError::TimedOut {
        address: origin.to_string(),
        what: "no connection was made",
        seconds: limit.as_secs_f64(),
    })
}

fn failed(origin: &Origin, what: impl ToString) -> FetchError {
    FetchError::Connection { address: origin.to_string(), what: what.to_string() }
}

async fn connect_to(shared: &Shared, origin: &Origin, ip: IpAddr) -> Result<Connection, FetchError> {
    let stream = TcpStream::connect(SocketAddr::new(ip, origin.port));
    let stream = stream.await.map_err(|error| failed(origin, error))?;
    if !origin.is_encrypted {
        return handshake(origin, stream).await;
    }
    let name = match &origin.host {
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|error| failed(origin, error))?,
        Host::Ip(ip) => ServerName::IpAddress((*ip).into()),
    };
    let tls = shared.tls.get_or_try_init(|| connector(shared)).await?;
    let stream = tls.connect(name, stream).await.map_err(|error| failed(origin, error))?;
    handshake(origin, stream).await
}

/// Speaks HTTP/1.1 on a stream.
async fn handshake<S>(origin: &Origin, stream: S) -> Result<Connection, FetchError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let made = Builder::new().max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await;
    let (sender, connection) = made.map_err(|error| failed(origin, error))?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // What goes wrong is told where the answer is read.
        let _ = connection.await;
    });
    Ok(Connection { sender, driver })
}

/// Encryption by the roots that this machine trusts.
async fn connector(shared: &Shared) -> Result<TlsConnector, FetchError> {
    let known = shared.policy.reach.roots().map(<[_]>::to_vec);
    let config = tokio::task::spawn_blocking(move || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(
            known.unwrap_or_else(|| rustls_native_certs::load_native_certs().certs),
        );
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok::<_, rustls::Error>(config.with_root_certificates(roots).with_no_client_auth())
    });
    let address = || "https".to_owned();
    match config.await {
        Ok(Ok(config)) => Ok(TlsConnector::from(Arc::new(config))),
        Ok(Err(error)) => Err(FetchError::Connection { address: address(), what: error.to_string() }),
        Err(error) => Err(FetchError::Connection { address: address(), what: error.to_string() }),
    }
}
