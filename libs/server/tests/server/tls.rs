//! The server over TLS, with a client that trusts its certificate only.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use crate::client::{Client, Running, bytes, decode, local, start};
#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs::default_provider;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

type TlsClient = Client<StreamOwned<ClientConnection, TcpStream>>;

fn connect(server: &Running, ca: &Path, name: &str) -> TlsClient {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(&fs::read(ca).unwrap()).unwrap();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(server.tls[0]).unwrap();
    Client::new(StreamOwned::new(connection, stream))
}

#[test]
fn a_large_body_arrives_whole_without_a_further_command() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    let files = dir.path().join("files");
    fs::create_dir(&files).unwrap();
    let content = bytes(716_800, 3);
    fs::write(files.join("a.bin"), &content).unwrap();
    let server = start(&files, |config| {
        config.listen.clear();
        config.listen_tls.push(local());
        config.ca_out = Some(ca.clone());
        config.article_size = 716_800;
    });
    for name in ["localhost", "127.0.0.1", "::1"] {
        let mut client = connect(&server, &ca, name);
        assert!(client.line().starts_with("201"), "{name}");
        assert!(client.ask("GROUP alt.binaries.test").starts_with("211"));
        client.send("BODY 1\r\nBODY 1\r\n");
        for _ in 0..2 {
            assert!(client.line().starts_with("222"));
            assert_eq!(decode(&client.block()).data, content);
        }
        assert!(client.ask("QUIT").starts_with("205"));
        // An end of file in the middle of TLS would be an error here.
        assert!(client.is_closed());
    }
}
