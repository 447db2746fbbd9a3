//! TLS as a client of news servers: provider, certificate authorities, and
//! which of its failures are for good.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CipherSuite, ClientConfig, DigitallySignedStruct, InvalidMessage, RootCertStore,
    SignatureScheme,
};
use tokio_rustls::TlsConnector;

use crate::config::{Server, Verify};

/// Certificates of the authorities the system trusts. Reads files: not for a
/// runtime's thread.
pub(crate) fn system_roots() -> Vec<CertificateDer<'static>> {
    // Errors are about single files; if nothing is left, `connector` says so.
    rustls_native_certs::load_native_certs().certs
}

/// The certificates in `pem`.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(certificates) if certificates.is_empty() => Err("no certificate in the PEM file".into()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("bad PEM file: {error}")),
    }
}

/// What connections to `server` are made with; they share resumed sessions.
pub(crate) fn connector(
    server: &Server,
    system: &[CertificateDer<'static>],
) -> Result<TlsConnector, String> {
    // Passed explicitly: with two providers in the tree the default one panics.
    let provider = Arc::new(provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let config = match server.verify {
        Verify::Full => builder
            .with_root_certificates(roots(server, system)?)
            .with_no_client_auth(),
        Verify::None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unchecked(provider)))
            .with_no_client_auth(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// AES-128 first: with hardware support it is the fastest of the suites.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    });
    provider
}

fn roots(server: &Server, system: &[CertificateDer<'static>]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    // Some systems ship certificates that do not parse.
    store.add_parsable_certificates(system.iter().cloned());
    if let Some(pem) = &server.extra_ca {
        for certificate in certificates(pem)? {
            store
                .add(certificate)
                .map_err(|e| format!("bad certificate in the PEM file: {e}"))?;
        }
    }
    if store.is_empty() {
        return Err(
            "this system has no certificate authorities; install them or set cacert".into(),
        );
    }
    Ok(store)
}

/// Whether a handshake that failed with `error` would fail again: a refused
/// certificate, no common version or cipher, or a port that does not speak TLS.
pub(crate) fn is_final(error: &io::Error) -> bool {
    let inner = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    matches!(
        inner,
        Some(
            rustls::Error::InvalidCertificate(_)
                | rustls::Error::NoCertificatesPresented
                | rustls::Error::PeerIncompatible(_)
                | rustls::Error::AlertReceived(_)
                | rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)
        )
    )
}

/// `verify = "none"`: any certificate will do, but whoever shows it has to own
/// its key.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aes_128_comes_first() {
        let provider = provider();
        let first = provider.cipher_suites[0].suite();
        assert_eq!(first, CipherSuite::TLS13_AES_128_GCM_SHA256);
        assert_eq!(
            provider.cipher_suites.len(),
            aws_lc_rs::default_provider().cipher_suites.len()
        );
    }

    #[test]
    fn pem_without_certificates() {
        assert!(certificates(b"").is_err());
        assert!(
            certificates(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").is_err()
        );
    }
}
