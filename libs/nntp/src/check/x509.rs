//! Whose a certificate is, who vouches for it and until when: as much of X.509
//! (RFC 5280 §4.1) as people ask for. Whether it may be trusted is decided
//! elsewhere.

/// What a certificate says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) subject: String,
    pub(super) issuer: String,
    /// `2031-12-24`.
    pub(super) not_after: String,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Common name and organisation (2.5.4.3 and 2.5.4.10).
const NAMES: [&[u8]; 2] = [&[0x55, 4, 3], &[0x55, 4, 10]];

/// Reads a certificate in DER.
pub(super) fn read(der: &[u8]) -> Option<Subject> {
    let mut certificate = Der(Der(der).want(SEQUENCE)?);
    let mut body = Der(certificate.want(SEQUENCE)?);
    if body.0.first() == Some(&VERSION) {
        body.next()?;
    }
    let _serial = body.next()?;
    let _algorithm = body.next()?;
    let issuer = name(body.want(SEQUENCE)?);
    let mut validity = Der(body.want(SEQUENCE)?);
    let _not_before = validity.next()?;
    let (kind, not_after) = validity.next()?;
    Some(Subject {
        subject: name(body.want(SEQUENCE)?),
        issuer,
        not_after: date(kind, not_after)?,
    })
}

/// The common name, or else the organisation.
fn name(der: &[u8]) -> String {
    NAMES
        .iter()
        .find_map(|oid| attribute(der, oid))
        .unwrap_or_default()
}

fn attribute(der: &[u8], oid: &[u8]) -> Option<String> {
    let mut sets = Der(der);
    while let Some(set) = sets.want(SET) {
        let mut pair = Der(Der(set).want(SEQUENCE)?);
        if pair.want(OID)? == oid {
            let (_, text) = pair.next()?;
            let text = String::from_utf8_lossy(text);
            let shown = text.chars().take(100);
            return Some(
                shown
                    .map(|c| if c.is_control() { '?' } else { c })
                    .collect(),
            );
        }
    }
    None
}

/// `YYMMDD…` or `YYYYMMDD…` (RFC 5280 §4.1.2.5).
fn date(kind: u8, text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let text = match kind {
        GENERALIZED_TIME => text.to_owned(),
        UTC_TIME if text < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        _ => return None,
    };
    let digits = text.get(..8)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    Some(format!(
        "{}-{}-{}",
        &digits[..4],
        &digits[4..6],
        &digits[6..]
    ))
}

/// What is left of a run of DER values.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value: its tag and its content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let add = |length: usize, &octet: &u8| length << 8 | usize::from(octet);
                (octets.iter().fold(0, add), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next value, if it has this tag.
    fn want(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|(found, _)| *found == tag)
            .map(|(_, content)| content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, Issuer, KeyPair, date_time_ymd};

    fn certificate() -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.remove(DnType::CommonName);
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Authority \u{1b}");
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["n.example".to_owned()]).unwrap();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Somebody");
        params
            .distinguished_name
            .push(DnType::CommonName, "n.example");
        params.not_after = date_time_ymd(2031, 12, 24);
        params.signed_by(&key, &issuer).unwrap().der().to_vec()
    }

    #[test]
    fn what_it_says() {
        let subject = read(&certificate()).unwrap();
        assert_eq!(subject.subject, "n.example");
        assert_eq!(subject.issuer, "Authority ?");
        assert_eq!(subject.not_after, "2031-12-24");
    }

    #[test]
    fn times() {
        let table = [
            (UTC_TIME, "491231235959Z", Some("2049-12-31")),
            (UTC_TIME, "500101000000Z", Some("1950-01-01")),
            (GENERALIZED_TIME, "99991231235959Z", Some("9999-12-31")),
            (UTC_TIME, "4912", None),
            (UTC_TIME, "49x231235959Z", None),
            (OID, "491231235959Z", None),
        ];
        for (kind, text, shown) in table {
            assert_eq!(date(kind, text.as_bytes()).as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_cut_or_broken_is_nothing() {
        let whole = certificate();
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), None);
        }
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 0x55;
            let _ = read(&broken);
        }
    }
}
