//! TLS as a client of news servers: provider, certificate authorities, and
//! which of its failures are for good.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as backend;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring as backend;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CipherSuite, ClientConfig, CommonState, DigitallySignedStruct, HandshakeKind,
    InvalidMessage, ProtocolVersion, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};
use tokio_rustls::TlsConnector;

use crate::config::{Server, TlsVersion, Verify};

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
        .with_protocol_versions(versions(server.tls_min))
        .map_err(|e| e.to_string())?;
    let unnamed = |roots| {
        Arc::new(Unnamed {
            roots,
            algorithms: provider.signature_verification_algorithms,
        })
    };
    let config = match server.verify {
        Verify::Full => builder
            .with_root_certificates(roots(server, system)?)
            .with_no_client_auth(),
        Verify::Chain => builder
            .dangerous()
            .with_custom_certificate_verifier(unnamed(Some(roots(server, system)?)))
            .with_no_client_auth(),
        Verify::None => builder
            .dangerous()
            .with_custom_certificate_verifier(unnamed(None))
            .with_no_client_auth(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The name that the certificate of `server` must bear, and that is sent for
/// servers with several (SNI).
pub(crate) fn name(server: &Server) -> Result<ServerName<'static>, String> {
    let name = server.tls_name.as_ref().unwrap_or(&server.host);
    ServerName::try_from(name.clone())
        .map_err(|_| "host is neither a host name nor an address".to_owned())
}

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static NEWEST: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
    match least {
        TlsVersion::V12 => rustls::DEFAULT_VERSIONS,
        TlsVersion::V13 => &NEWEST,
    }
}

/// AES-128 first: with hardware support it is the fastest of the suites.
fn provider() -> CryptoProvider {
    let mut provider = backend::default_provider();
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

/// What was agreed upon in a handshake.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    /// How long it took.
    pub(crate) took: Duration,
    pub(crate) version: &'static str,
    pub(crate) cipher: String,
    /// How the key was agreed upon; not always known when a session is resumed.
    pub(crate) exchange: Option<String>,
    pub(crate) resumed: bool,
    /// The server's certificate, DER.
    pub(crate) certificate: Option<CertificateDer<'static>>,
}

impl Handshake {
    /// Of `connection`, after the handshake.
    pub(crate) fn of(connection: &CommonState, took: Duration) -> Handshake {
        let group = connection.negotiated_key_exchange_group();
        let suite = connection.negotiated_cipher_suite();
        let certificates = connection.peer_certificates().unwrap_or_default();
        Handshake {
            took,
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
                Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
                _ => "TLS",
            },
            cipher: suite.map_or(String::new(), |suite| format!("{:?}", suite.suite())),
            exchange: group.map(|group| format!("{:?}", group.name())),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            certificate: certificates
                .first()
                .cloned()
                .map(CertificateDer::into_owned),
        }
    }
}

/// What of the TLS library failed a handshake with `error`, if it did.
pub(crate) fn fault(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Whether a handshake that failed with `error` would fail again: a refused
/// certificate, no common version or cipher, or a port that does not speak TLS.
pub(crate) fn is_final(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::NoCertificatesPresented
        | rustls::Error::PeerIncompatible(_)
        | rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => true,
        rustls::Error::AlertReceived(alert) => !passing(*alert),
        _ => false,
    }
}

/// Alerts about one connection, or about the server's own trouble.
fn passing(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CloseNotify
            | AlertDescription::UserCanceled
            | AlertDescription::InternalError
            | AlertDescription::UnexpectedMessage
            | AlertDescription::BadRecordMac
            | AlertDescription::DecryptError
            | AlertDescription::DecodeError
            | AlertDescription::RecordOverflow
    )
}

/// `verify = "chain"` and `verify = "none"`: the name does not matter, but
/// whoever shows a certificate has to own its key.
#[derive(Debug)]
struct Unnamed {
    /// Who must vouch for it; `None`: nobody.
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Unnamed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let all = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                all,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
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
            backend::default_provider().cipher_suites.len()
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
