//! Where a server is, and how it is reached: in clear text or by TLS.

use std::net::IpAddr;

use sensorium_api::{MAX_STREAMS_OF_CONNECTION, STREAM_WINDOW_BYTES, connection_window_bytes};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Uri};

use crate::{ClientError, Options};

/// How a certificate begins in a PEM file.
const PEM_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
/// Silence after which the server is asked whether it lives.
const KEEPALIVE_INTERVAL: std::time::Duration = std::time::Duration::from_secs(30);

/// How a server at this address is reached: `HOST:PORT` and `http://HOST:PORT` in clear text, `https://HOST:PORT` by TLS
/// with the certificates of `options.ca`, else with those that this machine trusts.
///
/// # Errors
/// [`ClientError::Url`]; [`ClientError::KeyInClear`] if a key would leave this machine unencrypted; [`ClientError::Ca`] and
/// [`ClientError::CaInClear`] for certificates that are none, or of no use; [`ClientError::Tls`].
pub(crate) fn endpoint(url: &str, options: &Options) -> Result<Endpoint, ClientError> {
    let wrong = || ClientError::Url { url: url.to_owned() };
    let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let uri: Uri = full.parse().map_err(|_| wrong())?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
    let is_tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        Some(_) | None => return Err(wrong()),
    };
    if !is_tls && options.key.is_some() && !is_loopback(host) {
        return Err(ClientError::KeyInClear { url: url.to_owned() });
    }
    let tls = match (&options.ca, is_tls) {
        (Some(_), false) => return Err(ClientError::CaInClear { url: url.to_owned() }),
        (None, false) => None,
        (Some(pem), true) => Some(ClientTlsConfig::new().ca_certificate(certificate(pem)?)),
        (None, true) => Some(ClientTlsConfig::new().with_native_roots()),
    };
    let endpoint = Endpoint::from(uri)
        .connect_timeout(options.connect_timeout)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        // So that a server whose answers are read slowly is slowed, and the connection is not cut off.
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(connection_window_bytes(MAX_STREAMS_OF_CONNECTION))
        .http2_adaptive_window(false)
        .tcp_nodelay(true);
    let refused = |source| ClientError::Tls { url: url.to_owned(), source };
    match tls {
        Some(tls) => endpoint.tls_config(tls.timeout(options.connect_timeout)).map_err(refused),
        None => Ok(endpoint),
    }
}

fn certificate(pem: &[u8]) -> Result<Certificate, ClientError> {
    let is_pem = String::from_utf8_lossy(pem).contains(PEM_CERTIFICATE);
    if is_pem { Ok(Certificate::from_pem(pem)) } else { Err(ClientError::Ca) }
}

/// Whether what is sent to this host stays on the machine.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ApiKey;

    #[test]
    fn addresses_are_http_or_https() {
        let options = Options::default();
        for right in ["127.0.0.1:7700", "http://127.0.0.1:7700", "http://[::1]:1/", "https://a.example"] {
            assert!(endpoint(right, &options).is_ok(), "{right}");
        }
        for wrong in ["", "http://", "ftp://a:1", "http://a b", "unix:///x", "://"] {
            assert!(matches!(endpoint(wrong, &options), Err(ClientError::Url { .. })), "{wrong}");
        }
    }

    #[test]
    fn a_key_leaves_this_machine_encrypted_or_not_at_all() {
        let options = Options { key: ApiKey::new("k").ok(), ..Options::default() };
        let of = |url: &str| endpoint(url, &options);
        for here in [
            "127.0.0.1:1",
            "http://127.8.9.1:1",
            "http://[::1]:1",
            "http://[::ffff:127.0.0.1]:1",
            "LOCALHOST:1",
        ] {
            assert!(of(here).is_ok(), "{here}");
        }
        for there in
            ["10.0.0.1:1", "http://a.example", "http://localhost.example:1", "http://127.0.0.1.example:1"]
        {
            assert!(matches!(of(there), Err(ClientError::KeyInClear { .. })), "{there}");
        }
        assert!(of("http://127.0.0.1@a.example:1").is_err(), "the host is what follows the @");
        assert!(of("https://a.example").is_ok());
    }

    #[test]
    fn certificates_are_for_https() {
        let with = |ca: &[u8], url| endpoint(url, &Options { ca: Some(ca.to_vec()), ..Options::default() });
        assert!(matches!(with(b"nonsense", "https://a:1"), Err(ClientError::Ca)));
        assert!(matches!(with(b"nonsense", "http://a:1"), Err(ClientError::CaInClear { .. })));
    }
}
