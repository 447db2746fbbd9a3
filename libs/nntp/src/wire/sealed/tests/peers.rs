//! A server for tests, which sends what and when it is told, and by hand what no session
//! would.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self as backend, cipher_suite};
use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ConnectionTrafficSecrets, ContentType, ProtocolVersion, RootCertStore,
    ServerConfig, ServerConnection, SupportedCipherSuite, SupportedProtocolVersion,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::{Buffers, Sealed};
use crate::meter::{Meter, Metered};

pub(super) type Versions = &'static [&'static SupportedProtocolVersion];

pub(super) const ALL: Versions = &[&TLS13, &TLS12];

pub(super) const OLD: Versions = &[&TLS12];

/// What both sides go by.
pub(super) struct Pair {
    pub(super) client: Arc<ClientConfig>,
    pub(super) server: Arc<ServerConfig>,
}

impl Pair {
    pub(super) fn new(versions: Versions) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = params.self_signed(&key).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = CryptoProvider {
            cipher_suites: vec![
                cipher_suite::TLS13_AES_256_GCM_SHA384,
                cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            ],
            ..backend::default_provider()
        };
        let mut server = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key.into())
            .unwrap();
        server.enable_secret_extraction = true;
        Pair {
            client: Pair::client(&[leaf.der().clone()]),
            server: Arc::new(server),
        }
    }

    pub(super) fn client(trusted: &[CertificateDer<'static>]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for one in trusted {
            roots.add(one.clone()).unwrap();
        }
        let provider = Arc::new(backend::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        Arc::new(client.with_root_certificates(roots).with_no_client_auth())
    }

    pub(super) async fn connect(&self, tcp: TcpStream, buffers: &Buffers) -> io::Result<Sealed> {
        let tcp = Metered::new(tcp, Meter::none());
        let name = ServerName::try_from("localhost").unwrap();
        Sealed::connect(tcp, Arc::clone(&self.client), name, buffers.clone()).await
    }

    /// Two sides that have shaken hands.
    pub(super) async fn meet(&self, buffers: &Buffers) -> (Sealed, Peer) {
        let (ours, theirs) = sockets().await;
        let mut peer = Peer::new(self, theirs);
        let (sealed, ()) = tokio::join!(self.connect(ours, buffers), peer.shake());
        (sealed.unwrap(), peer)
    }
}

pub(super) async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (ours, (theirs, _)) = (ours.unwrap(), theirs.unwrap());
    theirs.set_nodelay(true).unwrap();
    (ours, theirs)
}

/// The server: its session, and the socket, which sends what and when it is told.
pub(super) struct Peer {
    pub(super) tls: ServerConnection,
    pub(super) tcp: TcpStream,
    /// What it heard and did not check yet.
    pub(super) told: Vec<u8>,
}

impl Peer {
    pub(super) fn new(pair: &Pair, tcp: TcpStream) -> Peer {
        let tls = ServerConnection::new(Arc::clone(&pair.server)).unwrap();
        let told = Vec::new();
        Peer { tls, tcp, told }
    }

    /// What it wants to send.
    pub(super) fn sealed(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut out).unwrap();
        }
        out
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.tcp.write_all(bytes).await.unwrap();
    }

    pub(super) async fn shake(&mut self) {
        loop {
            let out = self.sealed();
            self.send(&out).await;
            if !self.tls.is_handshaking() {
                return;
            }
            self.hear().await.unwrap();
        }
    }

    /// Reads once.
    pub(super) async fn hear(&mut self) -> Result<usize, rustls::Error> {
        let mut bytes = vec![0; 64 << 10];
        let count = self.tcp.read(&mut bytes).await.unwrap_or(0);
        let mut bytes = &bytes[..count];
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes).unwrap();
            self.tls.process_new_packets()?;
            // It ends with an error where more may come.
            let _ = self.tls.reader().read_to_end(&mut self.told);
        }
        Ok(count)
    }

    /// Reads until it was told `text`.
    pub(super) async fn is_told(&mut self, text: &[u8]) {
        while self.told.len() < text.len() {
            assert!(self.hear().await.unwrap() > 0, "the end");
        }
        assert!(self.told == text);
        self.told.clear();
    }

    /// `text`, as records of at most `most` bytes.
    pub(super) fn records(&mut self, text: &[u8], most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for some in text.chunks(most) {
            self.tls.writer().write_all(some).unwrap();
            out.append(&mut self.sealed());
        }
        out
    }

    /// From here on by hand.
    pub(super) fn by_hand(self) -> (Hand, TcpStream) {
        let suite = self.tls.negotiated_cipher_suite().unwrap();
        let (number, secrets) = self.tls.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else {
            panic!("another cipher");
        };
        let encrypter = match suite {
            SupportedCipherSuite::Tls13(suite) => suite.aead_alg.encrypter(key, iv),
            SupportedCipherSuite::Tls12(suite) => {
                let iv = iv.as_ref();
                suite.aead_alg.encrypter(key, &iv[..4], &iv[4..])
            }
        };
        let mut hand = Hand {
            encrypter,
            number: 0,
        };
        // The cipher wants to have seen them all.
        while hand.number < number {
            hand.data(&[]);
        }
        (hand, self.tcp)
    }
}

/// Makes records that no session would make.
pub(super) struct Hand {
    encrypter: Box<dyn MessageEncrypter>,
    number: u64,
}

impl Hand {
    pub(super) fn record(&mut self, typ: ContentType, payload: &[u8]) -> Vec<u8> {
        let message = OutboundPlainMessage {
            typ,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(payload),
        };
        self.number += 1;
        let sealed = self.encrypter.encrypt(message, self.number - 1);
        sealed.unwrap().encode()
    }

    pub(super) fn data(&mut self, payload: &[u8]) -> Vec<u8> {
        self.record(ContentType::ApplicationData, payload)
    }
}
