//! What TLS does not like about a server, told apart for people.

use rustls::{AlertDescription, CertificateError, InvalidMessage};

/// What TLS does not like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsTrouble {
    /// The certificate is for another name.
    Name,
    /// It was good once.
    Expired,
    /// It will be good, or the clock of this machine is wrong.
    NotYet,
    /// Nobody vouches for it whom this machine trusts.
    Issuer,
    /// The server does not speak TLS at this port.
    NoTls,
    /// There is no version of TLS that both speak.
    Version,
    /// Something else.
    Other,
}

impl TlsTrouble {
    /// What `fault` is about.
    pub(crate) fn of(fault: &rustls::Error) -> TlsTrouble {
        use rustls::Error;
        match fault {
            Error::InvalidCertificate(certificate) => match certificate {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    TlsTrouble::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    TlsTrouble::NotYet
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => TlsTrouble::Name,
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    TlsTrouble::Issuer
                }
                // A certificate that signed itself may be one for an authority.
                other if format!("{other:?}").contains("CaUsedAsEndEntity") => TlsTrouble::Issuer,
                _ => TlsTrouble::Other,
            },
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => TlsTrouble::NoTls,
            Error::PeerIncompatible(_) => TlsTrouble::Version,
            Error::AlertReceived(
                AlertDescription::ProtocolVersion
                | AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity,
            ) => TlsTrouble::Version,
            _ => TlsTrouble::Other,
        }
    }

    /// In plain words what `fault` is about; the TLS library's are for its users.
    pub(crate) fn words(fault: &rustls::Error) -> Option<String> {
        if let rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented,
            ..
        }) = fault
        {
            return Some(format!("the certificate is for {}", names(presented)));
        }
        let words = match TlsTrouble::of(fault) {
            TlsTrouble::Name => "the certificate is for another name",
            TlsTrouble::Expired => "the certificate has expired",
            TlsTrouble::NotYet => "the certificate is not valid yet",
            TlsTrouble::Issuer => "nobody whom this machine trusts vouches for the certificate",
            TlsTrouble::NoTls => "the server does not speak TLS at this port",
            TlsTrouble::Version => "no version or cipher of TLS in common",
            TlsTrouble::Other => return None,
        };
        Some(words.to_owned())
    }
}

/// The first few of a certificate's names, given as `DnsName("a.example")`.
fn names(presented: &[String]) -> String {
    let inner = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest);
        inner.trim_matches(['"', ')']).to_owned()
    };
    let shown: Vec<String> = presented.iter().take(3).map(inner).collect();
    match (shown.is_empty(), presented.len() > shown.len()) {
        (true, _) => "no name at all".to_owned(),
        (_, true) => format!("{} and others", shown.join(", ")),
        (_, false) => shown.join(", "),
    }
}
