//! The server's end of TLS: a CA and a certificate made at the start, and the
//! configuration that uses it. Keys live in memory only, so what a client was
//! told to trust ends with the process.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as backend;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring as backend;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::Error;

/// The certificate to trust, and how to speak TLS with it.
pub(crate) struct Identity {
    /// Certificate of the CA, PEM.
    pub(crate) ca: String,
    pub(crate) config: Arc<ServerConfig>,
}

/// Makes a CA and a certificate for this machine's own names and `addresses`.
pub(crate) fn identity(addresses: &[SocketAddr]) -> Result<Identity, Error> {
    let ca = authority().map_err(failed)?;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = leaf(&ca, &key, addresses).map_err(failed)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // The provider is named here: a library installs no process-wide default.
    let config = ServerConfig::builder_with_provider(Arc::new(backend::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .map_err(failed)?;
    Ok(Identity {
        ca: ca.pem(),
        config: Arc::new(config),
    })
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "nntp-serve CA of this run");
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn leaf(
    ca: &CertifiedIssuer<'_, KeyPair>,
    key: &KeyPair,
    addresses: &[SocketAddr],
) -> Result<Certificate, rcgen::Error> {
    let mut names = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .to_vec();
    let given = addresses.iter().map(SocketAddr::ip);
    names.extend(
        given
            .filter(|ip| !ip.is_unspecified())
            .map(|ip| ip.to_string()),
    );
    names.sort();
    names.dedup();
    let mut params = CertificateParams::new(names)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
        .distinguished_name
        .push(DnType::CommonName, "nntp-serve");
    params.signed_by(key, ca)
}

fn failed(error: impl std::error::Error) -> Error {
    Error::Certificate(error.to_string())
}
