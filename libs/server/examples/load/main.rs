//! A news server that costs less than any client, for benchmarks: articles are encoded
//! once and kept in memory, and each goes out in one large write.
//!
//!     cargo run --release -p nzbpipe-server --example load -- \
//!         --listen-port-file ready.json --nzb job.nzb --bytes 2000000000
//!
//! The job it offers may be larger than memory: its parts share a few hundred bodies, and
//! only their control lines are made for each request. Once it listens, `ready.json` says
//! where, and which CRC32 and size each file must have. It is no server for anything
//! else: every password is right, and of NNTP it knows what a downloader needs. It ends
//! with SIGTERM, with `--stdin` also when its standard input ends.

#![expect(
    clippy::disallowed_methods,
    reason = "no runtime here: a thread for each connection"
)]

mod args;
mod cert;
mod job;
mod line;
mod session;

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use args::Args;
use job::Job;
use session::Server;

fn main() -> ExitCode {
    let result = Args::parse(std::env::args().skip(1)).and_then(|args| run(&args));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = io::Write::write_all(&mut io::stderr(), format!("load: {error}\n").as_bytes());
            ExitCode::from(64)
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let job = Job::new(args.bytes, args.article, args.bodies, args.files);
    job.write_nzb(&args.nzb)?;
    let server = Arc::new(Server {
        job,
        delay: args.delay,
        rate: args.rate,
        login: args.login,
    });
    let plain = listen(&server, None)?;
    let tls = match &args.ca_out {
        None => None,
        Some(path) => {
            let identity = cert::identity()?;
            std::fs::write(path, identity.ca)?;
            Some(listen(&server, Some(identity.config))?)
        }
    };
    announce(args, &server.job, plain, tls)?;
    if args.stdin {
        io::copy(&mut io::stdin().lock().take(u64::MAX), &mut io::sink())?;
        return Ok(());
    }
    loop {
        thread::park();
    }
}

/// The port on which `server` now answers.
fn listen(server: &Arc<Server>, tls: Option<Arc<rustls::ServerConfig>>) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // BBR, where it is the default, paces by timers: on loopback these fire on the client's
    // core, too, and send there on our behalf. The connections inherit what is set here.
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_congestion(&listener, "reno")?;
    let port = listener.local_addr()?.port();
    let server = Arc::clone(server);
    thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            let (server, tls) = (Arc::clone(&server), tls.clone());
            // A client that goes away in the middle is no error of ours.
            thread::spawn(move || server.serve(tcp, tls).ok());
        }
    });
    Ok(port)
}

/// Says that the server is ready. The file appears whole.
fn announce(args: &Args, job: &Job, plain: u16, tls: Option<u16>) -> io::Result<()> {
    let mut text = format!("{{\"port\":{plain}");
    if let Some(tls) = tls {
        let _ = write!(text, ",\"tls_port\":{tls}");
    }
    let _ = write!(
        text,
        ",\"bytes\":{},\"article\":{},\"files\":[",
        args.bytes, args.article
    );
    for (n, file) in job.files().iter().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(
            text,
            "{comma}{{\"name\":\"{}\",\"size\":{},\"parts\":{},\"crc32\":\"{:08x}\"}}",
            file.name, file.size, file.parts, file.crc
        );
    }
    text.push_str("]}\n");
    let part = args.ready.with_extension("new");
    std::fs::write(&part, text)?;
    std::fs::rename(&part, &args.ready)
}
