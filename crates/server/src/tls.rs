//! TLS: certificates from files, read anew when they change or on SIGHUP.
//!
//! A file that cannot be read any more, or holds something else, is told and the certificate before stays in use.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;

use crate::{ServerError, TlsFiles};

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What a certificate is read from, and what is in use.
#[derive(Debug)]
pub(crate) struct Certificates {
    files: TlsFiles,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// [`ServerError::Tls`] if one cannot be read, or they do not fit together.
    pub(crate) fn read(files: &TlsFiles) -> Result<Arc<Self>, ServerError> {
        let current = RwLock::new(Arc::new(certified(files)?));
        Ok(Arc::new(Self { files: files.clone(), current }))
    }

    /// What connections are encrypted with.
    ///
    /// # Errors
    /// [`ServerError::Tls`] if the roots of clients cannot be read.
    pub(crate) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, ServerError> {
        let failed = |what: String| ServerError::Tls { what };
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?;
        let builder = match &self.files.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| failed(format!("{}: {error}", path.display())))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| failed(error.to_string()))?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files anew when they change, and on SIGHUP; does not end.
    pub(crate) async fn keep_current(self: Arc<Self>) {
        let mut hangup = signal(SignalKind::hangup()).ok();
        let mut known = self.stamp();
        loop {
            let told = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            let is_told = tokio::select! {
                _ = told => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            let stamp = self.stamp();
            if is_told || stamp != known {
                known = stamp;
                self.read_again();
            }
        }
    }

    fn read_again(&self) {
        match certified(&self.files) {
            Ok(fresh) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
                tracing::info!(cert = %self.files.cert.display(), "the certificate was read anew");
            }
            Err(error) => tracing::error!(%error, "the certificate before stays in use"),
        }
    }

    fn stamp(&self) -> [Option<SystemTime>; 2] {
        [&self.files.cert, &self.files.key].map(|path| fs_err::metadata(path).ok()?.modified().ok())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ServerError> {
    let failed = |what: String| ServerError::Tls { what: format!("{}: {what}", path.display()) };
    let bytes = fs_err::read(path).map_err(|error| failed(error.to_string()))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = read.map_err(|error| failed(error.to_string()))?;
    match certificates.is_empty() {
        true => Err(failed("there is no certificate in it".to_owned())),
        false => Ok(certificates),
    }
}

fn certified(files: &TlsFiles) -> Result<CertifiedKey, ServerError> {
    let failed = |what: String| ServerError::Tls { what: format!("{}: {what}", files.key.display()) };
    let chain = certificates(&files.cert)?;
    let bytes = fs_err::read(&files.key).map_err(|error| failed(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| failed(error.to_string()))?;
    let key = any_supported_type(&key).map_err(|error| failed(error.to_string()))?;
    let certified = CertifiedKey::new(chain, key);
    certified
        .keys_match()
        .map_err(|error| failed(format!("the key is not that of the certificate: {error}")))?;
    Ok(certified)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(files: &TlsFiles) -> Vec<u8> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("makes a certificate");
        fs_err::write(&files.cert, made.cert.pem()).expect("writes");
        fs_err::write(&files.key, made.signing_key.serialize_pem()).expect("writes");
        made.cert.der().to_vec()
    }

    #[test]
    fn a_new_certificate_is_taken_and_one_that_cannot_be_read_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
        let files = TlsFiles { cert, key, client_ca: None };
        let first = write(&files);
        let certificates = Certificates::read(&files).expect("reads");
        let used = || {
            let current = certificates.current.read().expect("not poisoned");
            current.end_entity_cert().expect("one").to_vec()
        };
        assert_eq!(used(), first);
        let second = write(&files);
        certificates.read_again();
        assert_eq!(used(), second);
        for damaged in ["", "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"] {
            fs_err::write(&files.cert, damaged).expect("writes");
            certificates.read_again();
            assert_eq!(used(), second);
        }
        assert!(Certificates::read(&files).is_err());
    }
}
