//! The proxy that the environment names for all programs (ALL_PROXY and
//! NO_PROXY, as curl reads them).

use nzbpipe_nntp::config::{Entry, Proxy};

use crate::exit::Refusal;
use crate::ui::Ui;

/// A proxy, and the hosts it is not for.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    proxy: Option<Proxy>,
    except: Vec<String>,
}

/// What the environment says.
///
/// A SOCKS proxy that cannot be used is refused: to go without it would tell the
/// server who asks. One of another kind is for other programs.
pub(crate) fn from_environment(ui: &Ui) -> Result<Environment, Refusal> {
    let Some(text) = variable("all_proxy", "ALL_PROXY") else {
        return Ok(Environment::default());
    };
    let proxy = match Proxy::parse(&text) {
        Ok(proxy) => proxy,
        Err(what) if text.to_ascii_lowercase().starts_with("socks") => {
            return Err(Refusal::config(format!(
                "ALL_PROXY: {what}; proxy = \"none\" in the server file does without"
            )));
        }
        Err(_) => {
            ui.warn("warning: ALL_PROXY is no SOCKS5 proxy and is not used");
            return Ok(Environment::default());
        }
    };
    let except = variable("no_proxy", "NO_PROXY").unwrap_or_default();
    Ok(Environment {
        proxy: Some(proxy),
        except: list(&except),
    })
}

impl Environment {
    /// Gives `entry` the proxy, unless it says otherwise or is excepted.
    pub(crate) fn apply(&self, entry: &mut Entry) {
        if let Some(proxy) = &self.proxy
            && !excepted(&self.except, &entry.server.host)
        {
            entry.default_proxy(proxy);
        }
    }
}

/// curl prefers lower case.
fn variable(lower: &str, upper: &str) -> Option<String> {
    let value = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    value(lower).or_else(|| value(upper))
}

/// Hosts and domains, `*` for all.
fn list(text: &str) -> Vec<String> {
    let words = text.split([',', ' ']).map(|word| word.trim_matches('.'));
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect()
}

fn excepted(list: &[String], host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    list.iter().any(|word| {
        let within = |rest: &str| rest.is_empty() || rest.ends_with('.');
        word == "*" || host.strip_suffix(word.as_str()).is_some_and(within)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions() {
        let table = [
            ("localhost,example.net", "news.example.net", true),
            (".example.net", "news.example.net", true),
            (".example.net", "Example.NET", true),
            ("example.net", "badexample.net", false),
            ("127.0.0.1, ::1", "::1", true),
            ("*", "anything", true),
            ("", "anything", false),
            ("news", "news.example.net", false),
        ];
        for (text, host, expected) in table {
            assert_eq!(excepted(&list(text), host), expected, "{text} {host}");
        }
    }
}
