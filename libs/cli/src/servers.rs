//! Which servers: the flags, and where the server file is looked for.
//!
//! All files are read here, before any runtime starts. What the keys mean is
//! left to `nntp::config`, passwords to `password`, quotas and slots to
//! `accounts`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use nzbpipe_nntp::config::{self, Entry, Server, Verify};
use nzbpipe_pipeline::{Code, Stop};

use crate::accounts::Accounts;
use crate::exit::Refusal;
use crate::password::{Means, contents, private};
use crate::ui::Ui;
use crate::{duration, password, proxy};

/// Flags of every program that talks to servers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Servers")]
pub(crate) struct ServerArgs {
    /// Read the servers from FILE, in the format of nzbpipe-servers(5)
    ///
    /// Without it and without -s, `nzbpipe/servers.toml` is looked for in
    /// $XDG_CONFIG_HOME (~/.config if that is not set), then in /etc.
    #[arg(long, value_name = "FILE")]
    pub servers: Option<PathBuf>,

    /// Use this server: nntps://user@host:563/?connections=20&pipeline=8
    ///
    /// The query takes the keys of the server file. May be given several times;
    /// then the server file is read only if --servers is given, too. A password
    /// does not belong here, where other users could read it: it comes from
    /// NZBPIPE_PASSWORD, from password_file, or is asked for.
    #[arg(short, long = "server", value_name = "URL")]
    pub server: Vec<String>,

    /// Ask a server again N times after its connection failed
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub retries: u32,

    /// Give up connecting after this long (30, 30s, 2m)
    #[arg(long, value_name = "TIME", value_parser = duration::positive)]
    pub connect_timeout: Option<Duration>,

    /// Drop a connection that sends nothing for this long
    #[arg(long, value_name = "TIME", value_parser = duration::positive)]
    pub timeout: Option<Duration>,

    /// Trust the certificate authorities in FILE (PEM) as well
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,

    /// Do not check certificates: anybody on the way can read the password
    #[arg(short = 'k', long)]
    pub insecure: bool,

    /// Print a commented server file and exit
    #[arg(long)]
    pub example_servers: bool,
}

impl ServerArgs {
    /// The servers to use, with their passwords, certificates, quotas and slots. May
    /// be called again with the same `accounts` when the server file has changed;
    /// then `ask` is false, and nobody is asked for a password.
    pub(crate) fn resolve(
        &self,
        ui: &Ui,
        stop: &Stop,
        accounts: &Accounts,
        ask: bool,
    ) -> Result<Vec<Server>, Refusal> {
        let mut servers = Vec::new();
        let proxy = proxy::from_environment(ui)?;
        for (mut entry, base) in self.entries()? {
            if entry.enabled() {
                proxy.apply(&mut entry);
                let means = Means {
                    base: &base,
                    stop,
                    accounts,
                    ask,
                };
                servers.push(self.server(entry, means, ui)?);
            }
        }
        if servers.is_empty() {
            return Err(Refusal::config(
                "all servers are disabled (enabled = false): there is none to ask",
            ));
        }
        accounts.equip(&mut servers)?;
        Ok(servers)
    }

    /// The servers as they are written down, each with the folder that its
    /// relative paths start from.
    fn entries(&self) -> Result<Vec<(Entry, PathBuf)>, Refusal> {
        let mut entries = Vec::new();
        for url in &self.server {
            let entry = config::from_url(url).map_err(refused)?;
            entries.push((entry, PathBuf::new()));
        }
        let file = match &self.servers {
            Some(file) => Some(file.clone()),
            None if entries.is_empty() => Some(find()?),
            None => None,
        };
        if let Some(file) = file {
            let base = file.parent().map(Path::to_owned).unwrap_or_default();
            let listed = read(&file)?;
            entries.extend(listed.into_iter().map(|entry| (entry, base.clone())));
        }
        Ok(entries)
    }

    fn server(&self, mut entry: Entry, means: Means<'_>, ui: &Ui) -> Result<Server, Refusal> {
        let password = password::find(&mut entry, means)?;
        let mut authorities = Vec::new();
        let own = entry.cacert.as_ref().map(|path| means.base.join(path));
        for path in own.iter().chain(&self.cacert) {
            authorities.extend(contents(path, "cacert")?);
            authorities.push(b'\n');
        }
        let authorities = (!authorities.is_empty()).then_some(authorities);
        let mut server = entry.resolve(password, authorities).map_err(refused)?;
        if let Some(limit) = self.connect_timeout {
            server.connect_timeout = limit;
        }
        if let Some(limit) = self.timeout {
            server.timeout = limit;
        }
        if self.insecure {
            server.verify = Verify::None;
        }
        if server.tls && server.verify != Verify::Full {
            let what = match server.verify {
                Verify::None => "certificate",
                _ => "name in the certificate",
            };
            ui.warn(&format!(
                "warning: the {what} of {} is not checked: anybody on the way can read the \
                 password and the data",
                server.name
            ));
        }
        Ok(server)
    }
}

fn refused(error: nzbpipe_nntp::Error) -> Refusal {
    Refusal {
        code: Code::CONFIG,
        error: error.into(),
    }
}

/// Where a server file is looked for, in this order.
fn places() -> Vec<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            // The XDG specification: a relative path is to be ignored.
            .filter(|path| path.is_absolute())
    };
    let home = || variable("HOME").map(|home| home.join(".config"));
    let own = variable("XDG_CONFIG_HOME").or_else(home);
    own.into_iter()
        .chain([PathBuf::from("/etc")])
        .map(|folder| folder.join("nzbpipe/servers.toml"))
        .collect()
}

fn find() -> Result<PathBuf, Refusal> {
    let places = places();
    if let Some(found) = places.iter().find(|path| path.exists()) {
        return Ok(found.clone());
    }
    let shown: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
    let first = places.first().map(PathBuf::as_path);
    let first = first.unwrap_or(Path::new("servers.toml"));
    let folder = first.parent().unwrap_or(Path::new("."));
    Err(Refusal::config(format!(
        "no server file: looked for {}. Make one with: umask 077; mkdir -p {}; nntp-fetch \
         --example-servers > {} (and edit it), or name a server with -s nntps://user@host",
        shown.join(" and "),
        folder.display(),
        first.display()
    )))
}

fn read(file: &Path) -> Result<Vec<Entry>, Refusal> {
    let bytes = contents(file, "server file")?;
    let shown = file.display().to_string();
    let text = String::from_utf8(bytes)
        .map_err(|e| Refusal::config(format!("{shown}: this is not UTF-8 text: {e}")))?;
    let entries = config::from_toml(&text, &shown).map_err(refused)?;
    if entries.iter().any(Entry::holds_secret) {
        private(file, ", or use password_file")?;
    }
    Ok(entries)
}
