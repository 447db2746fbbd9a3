//! A server in a process of its own, and a download from it in this one.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use globset::GlobSet;
use nzbpipe_allocations::{self as allocations, Counted, LARGE};
use nzbpipe_pipeline::{
    Code, Event, Outlet, Silent, Stop, Watch, fetch, fuse, split, verdict, write,
};
use nzbpipe_yenc::Kernel;

/// Bytes in a segment, decoded: the usual size.
pub const SIZE: u64 = 716_800;

/// Segments until buffers, queues and tables have their size.
pub const WARM_UP: u64 = 100;

/// Says that all callers are to be shown, and of which share of the allocations.
pub const SHOW: &str = "NZBPIPE_ALLOCATIONS";

/// Says to this program that it is the server, and of which folder.
const SERVE: &str = "NZBPIPE_TEST_SERVE";

const CONNECTIONS: u16 = 8;

/// What is there to be downloaded.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub files: u64,
    /// Segments in each.
    pub each: u64,
}

impl Shape {
    pub fn segments(self) -> u64 {
        self.files * self.each
    }
}

/// A server with something to download.
pub struct Scene {
    shape: Shape,
    dir: tempfile::TempDir,
    child: Child,
    plain: u16,
    tls: u16,
}

impl Scene {
    pub fn new(shape: Shape) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let job = dir.path().join("files/job");
        fs::create_dir_all(&job).unwrap();
        for file in 0..shape.files {
            // A hole: nobody has to make up what is in it.
            let file = File::create(job.join(format!("{file}.bin"))).unwrap();
            file.set_len(shape.each * SIZE).unwrap();
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(SERVE, dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut port = || told.next().unwrap().unwrap().parse().unwrap();
        let (plain, tls) = (port(), port());
        Scene {
            shape,
            dir,
            child,
            plain,
            tls,
        }
    }

    /// What is allocated between the end of the warm-up and the last segment.
    pub fn download(&self, tls: bool) -> Counted {
        let out = self.dir.path().join("out");
        let warm = Warm {
            arrived: 0,
            last: self.shape.segments(),
            every: if tls { 32 } else { 1 },
        };
        let config = self.config(tls, &out, Box::new(warm));
        // As in `nzbpipe`.
        let written = fuse::run(config, Outlet::Nowhere);
        assert_eq!(written.ending.code, Code::OK, "{:?}", written.ending);
        fs::remove_dir_all(out).unwrap();
        allocations::take()
    }

    fn config(&self, tls: bool, out: &Path, watch: Box<dyn Watch>) -> fuse::Config {
        let stop = Stop::new().unwrap();
        fuse::Config {
            split: split::Config {
                inputs: vec![split::Source::Path(self.dir.path().join("nzb/job.nzb"))],
                include: GlobSet::empty(),
                exclude: GlobSet::empty(),
                kept: None,
                par2: verdict::Par2::Auto,
                back: None,
                tell: false,
                room: None,
                warn: Box::new(|warning| panic!("{warning}")),
                watch: Box::new(Silent),
                stop: stop.clone(),
            },
            fetch: fetch::Config {
                servers: vec![self.server(tls)],
                options: nzbpipe_nntp::Options::default(),
                threads: None,
                rate: Arc::new(nzbpipe_nntp::Rate::new(0)),
                changes: None,
                trace: None,
                form: fetch::Form::Parts { raw: false },
                kernel: Kernel::best(),
                stats: Arc::default(),
                notices: Arc::new(|_| ()),
                watch: Box::new(Silent),
                stop: stop.clone(),
            },
            write: write::Config {
                store: nzbpipe_store::Options {
                    dir: out.to_owned(),
                    ..Default::default()
                },
                check: false,
                room: false,
                watch,
            },
            stop,
        }
    }

    fn server(&self, tls: bool) -> nzbpipe_nntp::config::Server {
        let mut server = nzbpipe_nntp::config::Server::new("127.0.0.1", tls);
        server.port = if tls { self.tls } else { self.plain };
        server.connections = CONNECTIONS;
        server.extra_ca = tls.then(|| fs::read(self.dir.path().join("ca.pem")).unwrap());
        server
    }
}

/// The server ends with its input.
impl Drop for Scene {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Counts from the end of the warm-up to the last segment.
struct Warm {
    arrived: u64,
    last: u64,
    every: u64,
}

impl Watch for Warm {
    fn event(&mut self, event: Event<'_>) {
        let Event::Arrived { .. } = event else {
            return;
        };
        self.arrived += 1;
        if self.arrived == WARM_UP {
            match std::env::var(SHOW) {
                Ok(every) => allocations::start(0, every.parse().unwrap()),
                Err(_) => allocations::start(LARGE, self.every),
            }
        } else if self.arrived == self.last {
            allocations::stop();
        }
    }
}

/// Is the server, if this program is to be that; says whether it was.
#[expect(clippy::print_stdout, reason = "the parent reads the ports there")]
pub fn serve() -> bool {
    let Some(dir) = std::env::var_os(SERVE) else {
        return false;
    };
    let dir = Path::new(&dir);
    let mut config = nzbpipe_server::Config::new(dir.join("files"));
    config.nzb_out = Some(dir.join("nzb"));
    config.ca_out = Some(dir.join("ca.pem"));
    config.article_size = usize::try_from(SIZE).unwrap();
    config.listen.push(([127, 0, 0, 1], 0).into());
    config.listen_tls.push(([127, 0, 0, 1], 0).into());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let server = nzbpipe_server::Server::bind(config).await.unwrap();
        for address in [server.plain_addrs()[0], server.tls_addrs()[0]] {
            println!("{}", address.port());
        }
        let ended = tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
        let ended = async { drop(ended.await) };
        server.run(ended).await.unwrap();
    });
    true
}
