//! TLS without a buffer of its own: records are decrypted where they were received, by
//! rustls' connection or, after the handshake, by `records`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::unbuffered::ConnectionState;
use rustls::{CipherSuite, ClientConfig, RootCertStore};

use crate::linux::records::Records;

pub struct Tls {
    /// Until `records` takes over.
    connection: Option<UnbufferedClientConnection>,
    records: Option<Records>,
    /// Whether it shall.
    in_place: bool,
    /// What is ready to be sent.
    out: Vec<u8>,
    /// Where it is made.
    scratch: Vec<u8>,
}

/// Takes the text of a record.
pub type Take<'a> = dyn FnMut(&[u8]) -> Result<(), Box<dyn Error>> + 'a;

/// A record and its head (RFC 8446 section 5.2).
pub const RECORD: usize = (16 << 10) + 256 + 5;

/// Trusts the certificates in `ca` and prefers AES-128, like `nzbpipe`.
pub fn config(ca: &Path, in_place: bool) -> Result<Arc<ClientConfig>, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)? {
        roots.add(certificate?)?;
    }
    let mut provider = default_provider();
    provider
        .cipher_suites
        .sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.enable_secret_extraction = in_place;
    Ok(Arc::new(config))
}

impl Tls {
    pub fn new(config: Arc<ClientConfig>) -> Result<Tls, Box<dyn Error>> {
        let name = ServerName::try_from("127.0.0.1")?;
        Ok(Tls {
            in_place: config.enable_secret_extraction,
            connection: Some(UnbufferedClientConnection::new(config, name)?),
            records: None,
            out: Vec::new(),
            scratch: vec![0; RECORD],
        })
    }

    /// Goes through the records in `received` and hands what they hold to `take`. What the
    /// handshake has to say goes to `send`.
    pub fn process(
        &mut self,
        received: &mut [u8],
        mut take: impl FnMut(&[u8]) -> Result<(), Box<dyn Error>>,
        send: impl FnMut(&[u8]) -> Result<(), Box<dyn Error>>,
    ) -> Result<Done, Box<dyn Error>> {
        let mut done = Done {
            used: 0,
            writable: true,
        };
        if self.records.is_none() {
            done = self.unbuffered(received, &mut take, send)?;
            if let Some(connection) = self.connection.take_if(|_| self.in_place && done.writable) {
                self.records = Some(Records::new(connection)?);
            }
        }
        if let Some(records) = &mut self.records {
            done.used += records.open(&mut received[done.used..], &mut take)?;
        }
        Ok(done)
    }

    fn unbuffered(
        &mut self,
        received: &mut [u8],
        take: &mut Take<'_>,
        mut send: impl FnMut(&[u8]) -> Result<(), Box<dyn Error>>,
    ) -> Result<Done, Box<dyn Error>> {
        let connection = self.connection.as_mut().ok_or("no connection")?;
        let mut done = Done::default();
        loop {
            let status = connection.process_tls_records(&mut received[done.used..]);
            let mut used = status.discard;
            let mut more = true;
            match status.state? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        used += record.discard;
                        take(record.payload)?;
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    let len = data.encode(&mut self.scratch)?;
                    self.out.extend_from_slice(&self.scratch[..len]);
                }
                ConnectionState::TransmitTlsData(data) => {
                    send(&self.out)?;
                    self.out.clear();
                    data.done();
                }
                ConnectionState::WriteTraffic(_) => {
                    done.writable = true;
                    more = false;
                }
                // More has to come, or nothing will.
                _ => more = false,
            }
            done.used += used;
            if !more {
                return Ok(done);
            }
        }
    }

    /// Encrypts `text`; only when writable.
    pub fn seal(&mut self, text: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
        if let Some(records) = &mut self.records {
            return records.seal(text);
        }
        let connection = self.connection.as_mut().ok_or("no connection")?;
        let ConnectionState::WriteTraffic(mut traffic) =
            connection.process_tls_records(&mut []).state?
        else {
            return Err("TLS does not want to write".into());
        };
        let mut sealed = vec![0; text.len() + RECORD];
        let len = traffic.encrypt(text, &mut sealed)?;
        sealed.truncate(len);
        Ok(sealed)
    }
}

/// What [`Tls::process`] did.
#[derive(Default)]
pub struct Done {
    pub used: usize,
    /// Nothing is left to read, and something may be sent.
    pub writable: bool,
}
