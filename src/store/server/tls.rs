//! TLS to a server. The certificate and the name of the host are always verified.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres::Socket;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::{Fault, FaultKind};
use crate::domain::postgres_url::RootCertificate;

/// Makes connectors, and records whether a handshake has begun: that is, whether the server offers TLS.
#[derive(Clone)]
pub(in crate::store) struct Tls {
    connector: MakeRustlsConnect,
    has_begun: Arc<AtomicBool>,
}

impl Tls {
    /// # Errors
    /// When the certificates cannot be read.
    pub(in crate::store) fn new(root: Option<&RootCertificate>) -> Result<Self, Fault> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let fault = |error: rustls::Error| Fault::new(FaultKind::Tls, error.to_string());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(fault)?;
        let builder = match root {
            Some(RootCertificate::File(path)) => {
                let unusable = |why: &str| Fault::new(FaultKind::Settings, why).about(path.display());
                let pem = std::fs::read(path).map_err(|error| unusable(&error.to_string()))?;
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_slice_iter(&pem) {
                    let certificate = certificate.map_err(|error| unusable(&error.to_string()))?;
                    roots.add(certificate).map_err(|error| unusable(&error.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(unusable("contains no certificate in PEM format"));
                }
                builder.with_root_certificates(roots)
            }
            Some(RootCertificate::System) | None => builder.with_platform_verifier().map_err(fault)?,
        };
        let connector = MakeRustlsConnect::new(builder.with_no_client_auth());
        Ok(Self { connector, has_begun: Arc::default() })
    }

    pub(in crate::store) fn connector(&self) -> MakeRustlsConnect {
        self.connector.clone()
    }

    /// Whether a server has agreed to use TLS since the last call.
    pub(in crate::store) fn take_has_begun(&self) -> bool {
        self.has_begun.swap(false, Ordering::Relaxed)
    }
}

type Connector = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;

impl MakeTlsConnect<Socket> for Tls {
    type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
    type TlsConnect = Handshake;
    type Error = Infallible;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Infallible> {
        let connector = MakeTlsConnect::<Socket>::make_tls_connect(&mut self.connector, host)?;
        Ok(Handshake { connector, has_begun: Arc::clone(&self.has_begun) })
    }
}

pub(in crate::store) struct Handshake {
    connector: Connector,
    has_begun: Arc<AtomicBool>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = <Connector as TlsConnect<Socket>>::Stream;
    type Error = io::Error;
    type Future = <Connector as TlsConnect<Socket>>::Future;

    fn connect(self, socket: Socket) -> Self::Future {
        self.has_begun.store(true, Ordering::Relaxed);
        self.connector.connect(socket)
    }
}
