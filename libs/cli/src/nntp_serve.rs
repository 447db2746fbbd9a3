//! `nntp-serve`: an embedded news server that offers local files.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use nzbpipe_pipeline::Code;
use nzbpipe_server::{Config, Reloader, Server, Stage};
use nzbpipe_yenc::Kernel;
use tokio::sync::Notify;

use crate::exit::{self, Refusal};
use crate::ui::{Common, Ui};
use crate::{duration, kernel, message, signals, size};

const NAME: &str = "nntp-serve";

/// Offer local files as a news server
///
/// Every file below the --files folder is offered as yEnc articles, encoded when
/// they are asked for; nothing is stored. The matching NZB files are written at the
/// start: one for each file of the folder itself and one for each folder in it.
/// Made to try and to test news clients without an account: it can delay its
/// answers, miss articles, limit its rate and refuse connections as real servers
/// do.
///
/// SIGHUP has it look at the files and the password anew while sessions go on; the
/// NZB files are written again.
#[derive(Parser, Debug)]
#[command(name = NAME, version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Offer the files below DIR
    #[arg(long, value_name = "DIR")]
    files: PathBuf,

    /// Write the NZB files to DIR
    #[arg(long, value_name = "DIR")]
    nzb_out: Option<PathBuf>,

    /// Listen without TLS (may be repeated); port 0 is a free one
    ///
    /// Without this and --listen-tls, 127.0.0.1:1119 is listened on.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<SocketAddr>,

    /// Listen with TLS (may be repeated), with a certificate made at the start
    #[arg(long, value_name = "ADDR:PORT")]
    listen_tls: Vec<SocketAddr>,

    /// Write the authority that signs the certificate to FILE (PEM)
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,

    /// Write a server file for nntp-fetch and nzbpipe to FILE
    ///
    /// It is there when the server is ready to be asked.
    #[arg(long, value_name = "FILE")]
    servers_out: Option<PathBuf>,

    /// Ask for this user name (needs --password-file)
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,

    /// The user's password is the first line of FILE
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,

    /// Send each answer TIME after its command came (30ms, 1s)
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = duration::parse)]
    latency: Duration,

    /// Say that PERCENT of the articles do not exist, always the same ones
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    missing: f64,

    /// Cut files into articles of BYTES bytes
    #[arg(long, value_name = "BYTES", default_value_t = 716_800)]
    article_size: usize,

    /// Offer the articles in this newsgroup
    #[arg(long, value_name = "GROUP", default_value = "alt.binaries.test")]
    group: String,

    /// Refuse more than N connections at once
    #[arg(long, value_name = "N")]
    max_connections: Option<u32>,

    /// What one connection too many is told before it is closed: code and text
    ///
    /// Servers are not of one mind about it: 400, 481, 482 and 502 are used.
    #[arg(
        long,
        value_name = "REPLY",
        default_value = "502 too many connections",
        requires = "max_connections"
    )]
    max_connections_reply: String,

    /// When it is told so
    ///
    /// Connections count from then on.
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "greeting",
        requires = "max_connections"
    )]
    max_connections_at: When,

    /// Send each connection no more than RATE bytes a second (500K, 10M)
    ///
    /// K, M and G are 1000 each, Ki, Mi and Gi 1024. What the line carries is
    /// counted, TLS and all. 0 is no limit, also below.
    #[arg(long, value_name = "RATE", value_parser = size::parse, default_value = "0")]
    limit_rate: u64,

    /// Send all connections together no more than RATE bytes a second
    #[arg(long, value_name = "RATE", value_parser = size::parse, default_value = "0")]
    total_rate: u64,

    /// Keep SIZE bytes of encoded articles in memory
    ///
    /// With more than all files need, each is read and encoded once.
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = "32Mi")]
    cache: u64,

    #[command(flatten)]
    common: Common,
}

/// When one connection too many is told so.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum When {
    /// In place of the greeting
    Greeting,
    /// After the login
    Login,
    /// At the first request for an article
    Body,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  nntp-serve --files ~/share --nzb-out /tmp/nzb
  nzbpipe -s nntp://127.0.0.1:1119 -d out /tmp/nzb/holiday.mkv.nzb

  nntp-serve --files ~/share --nzb-out /tmp/nzb --listen-tls 127.0.0.1:0 \\
      --ca-out /tmp/ca.pem --servers-out /tmp/servers.toml
  nzbpipe --servers /tmp/servers.toml -d out /tmp/nzb/holiday.mkv.nzb";

/// The program.
pub fn main() -> ExitCode {
    exit::main(NAME, run)
}

fn run(mut args: Args) -> Result<Code, Refusal> {
    let ui = Ui::new(NAME, &args.common);
    if args.listen.is_empty() && args.listen_tls.is_empty() {
        args.listen.push(SocketAddr::from(([127, 0, 0, 1], 1119)));
    }
    if !(0.0..=100.0).contains(&args.missing) {
        return Err(Refusal::usage("--missing is a percentage: 0 to 100"));
    }
    let kernel = kernel::from_environment()?;
    let hangup = Arc::new(Notify::new());
    let (shown, rung) = (ui.clone(), Arc::clone(&hangup));
    // Rings that come while one is answered are answered by one more.
    let stop = signals::watch_serving(move || shown.status(), move || rung.notify_one())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Refusal::new(Code::IO, format!("starting threads: {e}")))?;
    let credentials = credentials(args.user.as_deref(), args.password_file.as_deref())?;
    runtime.block_on(async {
        let server = Server::bind(config(&args, kernel, credentials))
            .await
            .map_err(refused)?;
        for (scheme, address) in addresses(&server) {
            ui.warn(&format!("listening on {scheme}://{address}"));
        }
        ui.warn(&serving(server.files(), server.articles()));
        ui.detail(&format!("yEnc kernel: {kernel}"));
        for nzb in server.nzbs() {
            ui.detail(&format!("wrote {}", nzb.display()));
        }
        if let Some(file) = &args.servers_out {
            let text = servers_file(&args, &server)?;
            nzbpipe_store::atomic::write(file, text.as_bytes())
                .map_err(|e| Refusal::new(Code::CANNOT_CREATE, e.to_string()))?;
        }
        let reloader = server.reloader();
        let stats = tokio::select! {
            stats = server.run(stop.clone().wait()) => stats.map_err(refused)?,
            never = reload(&args, &ui, &reloader, &hangup) => match never {},
        };
        ui.warn(&format!(
            "{} sent, {}",
            message::count(stats.bodies, "article"),
            message::size(stats.bytes)
        ));
        Ok(stop.requested().unwrap_or(Code::OK))
    })
}

fn serving(files: usize, articles: u64) -> String {
    let files = message::count(files as u64, "file");
    format!("serving {files}, {}", message::count(articles, "article"))
}

/// Looks at the files and the password anew whenever `hangup` rings. What fails is
/// told, and all stays as it was.
async fn reload(args: &Args, ui: &Ui, reloader: &Reloader, hangup: &Notify) -> Infallible {
    loop {
        hangup.notified().await;
        let reloaded = match reread(args).await {
            Ok(credentials) => reloader.reload(credentials).await.map_err(refused),
            Err(refusal) => Err(refusal),
        };
        match reloaded {
            Ok(now) => ui.warn(&serving(now.files, now.articles)),
            Err(refusal) => ui.warn(&format!("nothing changed: {:#}", refusal.error)),
        }
    }
}

/// The password may lie on a slow disk: sessions go on meanwhile.
async fn reread(args: &Args) -> Result<Option<(String, String)>, Refusal> {
    let (user, file) = (args.user.clone(), args.password_file.clone());
    tokio::task::spawn_blocking(move || credentials(user.as_deref(), file.as_deref()))
        .await
        .unwrap_or_else(|e| Err(Refusal::new(Code::IO, e.to_string())))
}

fn refused(error: nzbpipe_server::Error) -> Refusal {
    let code = if error.is_input() {
        Code::NO_INPUT
    } else if error.is_config() {
        Code::CONFIG
    } else {
        Code::CANNOT_CREATE
    };
    Refusal {
        code,
        error: error.into(),
    }
}

fn config(args: &Args, kernel: Kernel, credentials: Option<(String, String)>) -> Config {
    Config {
        nzb_out: args.nzb_out.clone(),
        listen: args.listen.clone(),
        listen_tls: args.listen_tls.clone(),
        credentials,
        ca_out: args.ca_out.clone(),
        latency: args.latency,
        missing_percent: args.missing,
        article_size: args.article_size,
        group: args.group.clone(),
        max_connections: args.max_connections,
        too_many: args.max_connections_reply.clone(),
        too_many_at: match args.max_connections_at {
            When::Greeting => Stage::Greeting,
            When::Login => Stage::Login,
            When::Body => Stage::Body,
        },
        limit_rate: args.limit_rate,
        total_rate: args.total_rate,
        cache_bytes: usize::try_from(args.cache).unwrap_or(usize::MAX),
        kernel,
        ..Config::new(&args.files)
    }
}

fn credentials(
    user: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<(String, String)>, Refusal> {
    let (Some(user), Some(file)) = (user, file) else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(file)
        .map_err(|e| Refusal::config(format!("password file {}: {e}", file.display())))?;
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(Some((user.to_owned(), password.to_owned()))),
        _ => Err(Refusal::config(format!(
            "password file {}: its first line is empty",
            file.display()
        ))),
    }
}

fn addresses(server: &Server) -> Vec<(&'static str, SocketAddr)> {
    let plain = server.plain_addrs().iter().map(|a| ("nntp", *a));
    let tls = server.tls_addrs().iter().map(|a| ("nntps", *a));
    plain.chain(tls).collect()
}

/// A server file for our own clients: TLS if it is offered.
fn servers_file(args: &Args, server: &Server) -> Result<String, Refusal> {
    let tls = server.tls_addrs().first();
    let Some(address) = tls.or(server.plain_addrs().first()) else {
        return Ok(String::new());
    };
    let mut text = format!(
        "[[server]]\nname = \"{NAME}\"\nhost = \"{}\"\nport = {}\ntls = {}\nconnections = 8\n",
        address.ip(),
        address.port(),
        tls.is_some()
    );
    if let (Some(_), Some(ca)) = (tls, &args.ca_out) {
        text += &format!("cacert = {}\n", quoted(ca)?);
    }
    if let (Some(user), Some(file)) = (&args.user, &args.password_file) {
        text += &format!("username = {user:?}\npassword_file = {}\n", quoted(file)?);
    }
    Ok(text)
}

/// An absolute path as a TOML string: the clients may run elsewhere.
fn quoted(path: &Path) -> Result<String, Refusal> {
    let path = std::path::absolute(path)
        .map_err(|e| Refusal::new(Code::IO, format!("{}: {e}", path.display())))?;
    let text = path.to_str().ok_or_else(|| {
        Refusal::config(format!("{}: a server file is UTF-8 text", path.display()))
    })?;
    Ok(serde_json::Value::from(text).to_string())
}
