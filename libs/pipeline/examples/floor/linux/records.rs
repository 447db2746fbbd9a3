//! TLS 1.3 after the handshake, with rustls' ciphers but without its connection, which
//! copies each record that it has decrypted. Keys are never changed here.

use std::error::Error;

use rustls::client::UnbufferedClientConnection;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks,
    OutboundPlainMessage,
};
use rustls::{ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite};

use crate::linux::tls::Take;

/// Of a record (RFC 8446 section 5.1).
const HEAD: usize = 5;

pub struct Records {
    decrypter: Box<dyn MessageDecrypter>,
    received: u64,
    encrypter: Box<dyn MessageEncrypter>,
    sent: u64,
}

impl Records {
    /// Goes on where the handshake has ended.
    pub fn new(connection: UnbufferedClientConnection) -> Result<Records, Box<dyn Error>> {
        let (secrets, kernel) = connection.dangerous_into_kernel_connection()?;
        let SupportedCipherSuite::Tls13(suite) = kernel.negotiated_cipher_suite() else {
            return Err("records are decrypted in place with TLS 1.3 only".into());
        };
        let (received, (key, iv)) = (secrets.rx.0, parts(secrets.rx.1)?);
        let decrypter = suite.aead_alg.decrypter(key, iv);
        let (sent, (key, iv)) = (secrets.tx.0, parts(secrets.tx.1)?);
        Ok(Records {
            decrypter,
            received,
            encrypter: suite.aead_alg.encrypter(key, iv),
            sent,
        })
    }

    /// Hands the text of whole records to `take`, and says how long they were.
    pub fn open(&mut self, bytes: &mut [u8], take: &mut Take<'_>) -> Result<usize, Box<dyn Error>> {
        let mut used = 0;
        while let Some(head) = bytes[used..].first_chunk::<HEAD>() {
            let end = used + HEAD + usize::from(u16::from_be_bytes([head[3], head[4]]));
            let typ = ContentType::from(head[0]);
            let Some(payload) = bytes.get_mut(used + HEAD..end) else {
                break;
            };
            let sealed = InboundOpaqueMessage::new(typ, ProtocolVersion::TLSv1_2, payload);
            let plain = self.decrypter.decrypt(sealed, self.received)?;
            self.received += 1;
            match plain.typ {
                ContentType::ApplicationData => take(plain.payload)?,
                // A ticket for another time.
                ContentType::Handshake if plain.payload.first() == Some(&4) => {}
                ContentType::Alert => {}
                _ => return Err("an unexpected record".into()),
            }
            used = end;
        }
        Ok(used)
    }

    pub fn seal(&mut self, text: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
        let plain = OutboundPlainMessage {
            typ: ContentType::ApplicationData,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(text),
        };
        let sealed = self.encrypter.encrypt(plain, self.sent)?;
        self.sent += 1;
        Ok(sealed.encode())
    }
}

fn parts(secrets: ConnectionTrafficSecrets) -> Result<(AeadKey, Iv), Box<dyn Error>> {
    match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => Ok((key, iv)),
        _ => Err("an unknown cipher".into()),
    }
}
