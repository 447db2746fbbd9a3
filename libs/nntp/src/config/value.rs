//! The values of the server file that TOML has no type for. What is wrong with
//! one is said without quoting it.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::{Ip, Proxy, Secret, TlsVersion, Verify, size};

/// What `read` makes of a text or a number; else what was `expected`.
fn word<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    struct Word;

    impl Visitor<'_> for Word {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or a number")
        }

        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_i64<E>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_bool<E>(self, flag: bool) -> Result<String, E> {
            Ok(flag.to_string())
        }
    }

    let text = deserializer.deserialize_any(Word);
    let value = text.ok().and_then(|text| read(&text));
    value.ok_or_else(|| de::Error::custom(format!("expected {expected}")))
}

/// A newtype over what `word` reads.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident($value:ty) = $expected:literal, $read:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub(super) struct $name(pub $value);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                word(deserializer, $expected, $read).map($name)
            }
        }
    )*};
}

words! {
    /// A time: seconds as a number, or `"30s"`, `"500ms"`, `"2m"`, `"30"`.
    Span(Duration) = "a time like \"30s\", \"2m\" or 30 (seconds)",
        |text| duration(text).filter(|span| !span.is_zero());
    /// Octets, or octets a second.
    Size(u64) = "a size like \"500K\", \"10M\", \"1.5G\" or a number of bytes", size;
    /// What of a certificate is checked.
    VerifyWord(Verify) = "\"full\", \"chain\" or \"none\"", |text| match text {
        "full" => Some(Verify::Full),
        "chain" => Some(Verify::Chain),
        "none" => Some(Verify::None),
        _ => None,
    };
    /// Whether there is TLS, and whether it is asked for in the clear.
    TlsWord((bool, bool)) = "true, false or \"starttls\"", |text| match text {
        "true" => Some((true, false)),
        "false" => Some((false, false)),
        "starttls" => Some((true, true)),
        _ => None,
    };
    /// A version of TLS.
    TlsMinWord(TlsVersion) = "\"1.2\" or \"1.3\"", |text| match text {
        "1.2" => Some(TlsVersion::V12),
        "1.3" => Some(TlsVersion::V13),
        _ => None,
    };
    /// A family of addresses.
    IpWord(Ip) = "\"auto\", \"4\" or \"6\"", |text| match text {
        "auto" => Some(Ip::Auto),
        "4" => Some(Ip::V4),
        "6" => Some(Ip::V6),
        _ => None,
    };
    /// An address of this machine.
    Address(IpAddr) = "an IP address of this machine", |text| text.parse().ok();
    /// A proxy, or that there is to be none.
    ProxyWord(Option<Proxy>) = "\"none\" or a proxy like \"socks5://host:1080\"", |text| match text {
        "none" => Some(None),
        text => Proxy::parse(text).ok().map(Some),
    };
    /// Whether netrc is read, and which file.
    NetrcWord(Option<Option<PathBuf>>) = "true, false or the name of a file", |text| match text {
        "" => None,
        "false" => Some(None),
        "true" => Some(Some(None)),
        path => Some(Some(Some(path.into()))),
    };
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u32 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "" | "s" => Some(Duration::from_secs(number.into())),
        "ms" => Some(Duration::from_millis(number.into())),
        "m" => Some(Duration::from_secs(60 * u64::from(number))),
        _ => None,
    }
}

/// A command: a text for the shell, or a program and its arguments.
#[derive(Clone, Debug)]
pub(super) struct CommandWords(pub Vec<String>);

impl<'de> Deserialize<'de> for CommandWords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CommandWords, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Words(Vec<String>),
        }
        let words = match Either::deserialize(deserializer) {
            Ok(Either::Text(text)) if !text.trim().is_empty() => {
                Some(vec!["sh".to_owned(), "-c".to_owned(), text])
            }
            Ok(Either::Words(words)) if words.first().is_some_and(|word| !word.is_empty()) => {
                Some(words)
            }
            _ => None,
        };
        let nul = |words: &Vec<String>| words.iter().any(|word| word.contains('\0'));
        words
            .filter(|words| !nul(words))
            .map(CommandWords)
            .ok_or_else(|| de::Error::custom("expected a command like \"pass show news\""))
    }
}

pub(super) fn secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret>, D::Error> {
    String::deserialize(deserializer).map(|text| Some(Secret::new(text)))
}
