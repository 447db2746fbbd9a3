//! Every kernel beside memcpy, interleaved in one run, so that the ratios hold on a machine that
//! is never quiet: `cargo bench -p nzbpipe-yenc --bench speed -- --help`.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program for people, started by hand"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use nzbpipe_yenc::{Decoder, Encoder, Kernel, Options, Verdict};

mod samples;

use samples::{Kind, LEN};

const HELP: &str = "\
Measures the yEnc codec. Prints GB/s (medians) and, behind it, the ratio to memcpy of the
same bytes: of the encoded article when decoding, of the data when encoding.

  whole   the article lies in a buffer that was just written, as recv leaves it
  256K…   it comes through a receive buffer of that size
  cold    it comes from an arena larger than the caches
  +crc    with the CRC32

  --data KIND,…     random, half, critical, text, dots (all)
  --line N,…        columns; 0 is mixed (128,64,0)
  --kernel NAME,…   (all that this machine can run)
  --articles N      of 700 KiB, for each kind of data (200)
  --cold N          articles in the arena; 0: not measured (500)
  --rounds N        (3)
";

struct Plan {
    kinds: Vec<Kind>,
    lines: Vec<usize>,
    kernels: Vec<Kernel>,
    articles: usize,
    cold: usize,
    rounds: usize,
}

fn main() {
    let Some(plan) = plan() else {
        print!("{HELP}");
        return;
    };
    for kind in &plan.kinds {
        for line in &plan.lines {
            // Mixed and short lines say nothing new about other data.
            if *line == 128 || *kind == Kind::Random {
                decode(&plan, *kind, *line);
            }
        }
        encode(&plan, *kind);
    }
}

/// `None`: the options ask for help, or are wrong.
fn plan() -> Option<Plan> {
    let mut plan = Plan {
        kinds: Kind::ALL.to_vec(),
        lines: vec![128, 64, 0],
        kernels: Kernel::available().collect(),
        articles: 200,
        cold: 500,
        rounds: 3,
    };
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(arg) = args.next() {
        let value = args.next().unwrap_or_default();
        let list = || value.split(',');
        match arg.as_str() {
            "--data" => plan.kinds = list().map(|name| Kind::named(name).expect(name)).collect(),
            "--line" => plan.lines = list().map(|n| n.parse().expect(n)).collect(),
            "--kernel" => plan.kernels = list().map(|k| Kernel::named(k).expect(k)).collect(),
            "--articles" => plan.articles = value.parse().expect("a number"),
            "--cold" => plan.cold = value.parse().expect("a number"),
            "--rounds" => plan.rounds = value.parse().expect("a number"),
            _ => return None,
        }
    }
    Some(plan)
}

/// How the bytes come.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Whole,
    Chunks(usize),
    Cold,
}

const WAYS: [(&str, Way); 6] = [
    ("whole", Way::Whole),
    ("256K", Way::Chunks(256 << 10)),
    ("64K", Way::Chunks(64 << 10)),
    ("16K", Way::Chunks(16 << 10)),
    ("4K", Way::Chunks(4 << 10)),
    ("cold", Way::Cold),
];

/// Who does the work: `None` is memcpy, and the flag asks for the CRC32.
type Worker = Option<(Kernel, bool)>;

fn decode(plan: &Plan, kind: Kind, line: usize) {
    let articles: Vec<Vec<u8>> = (0..plan.articles.max(plan.cold))
        .map(|n| samples::article(&kind.data(n as u64), line))
        .collect();
    let mut workers: Vec<Worker> = vec![None];
    for crc in [false, true] {
        workers.extend(plan.kernels.iter().map(|kernel| Some((*kernel, crc))));
    }
    let columns = match line {
        0 => "mixed lines".to_owned(),
        line => format!("{line} columns"),
    };
    println!("\ndecode, {}, {columns}", kind.name());
    let overhead = overhead();
    let mut table = Table::new(&workers);
    for (name, way) in WAYS {
        if way == Way::Cold && plan.cold == 0 {
            continue;
        }
        let mut times = vec![Vec::new(); workers.len()];
        let mut bench = Bench::new(&articles, overhead);
        // In the cold, a worker goes through the whole arena: what the one before it has just
        // read is in a cache.
        let groups: Vec<&[Vec<u8>]> = match way {
            Way::Cold => vec![&articles[..plan.cold]],
            _ => articles[..plan.articles].chunks(1).collect(),
        };
        for group in (0..plan.rounds).flat_map(|_| &groups) {
            for (worker, times) in workers.iter().zip(&mut times) {
                for article in *group {
                    times.push(bench.once(article, way, *worker));
                }
            }
        }
        table.column(name, &mut times);
    }
    table.print();
}

/// Time of reading the clock twice, in nanoseconds.
fn overhead() -> f64 {
    let mut times: Vec<f64> = (0..1001)
        .map(|_| nanoseconds(Instant::now().elapsed()))
        .collect();
    median(&mut times)
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_nanos() as f64
}

struct Bench {
    src: Vec<u8>,
    dst: Vec<u8>,
    overhead: f64,
}

impl Bench {
    fn new(articles: &[Vec<u8>], overhead: f64) -> Self {
        let longest = articles.iter().map(Vec::len).max().unwrap_or(0);
        Bench {
            src: vec![1; longest],
            dst: vec![1; longest + Decoder::SLACK],
            overhead,
        }
    }

    /// Nanoseconds for each byte of the article.
    fn once(&mut self, article: &[u8], way: Way, worker: Worker) -> f64 {
        let chunk = match way {
            Way::Chunks(size) => size,
            Way::Whole | Way::Cold => article.len(),
        };
        let options = worker.map(|(kernel, crc)| Options {
            stuffed: true,
            kernel,
            crc,
        });
        let mut decoder = options.map(Decoder::new);
        let (mut written, mut time) = (0, 0.0);
        for piece in article.chunks(chunk) {
            let piece = if way == Way::Cold {
                piece
            } else {
                let buffer = &mut self.src[..piece.len()];
                buffer.copy_from_slice(piece);
                black_box(&*buffer)
            };
            let began = Instant::now();
            written += match &mut decoder {
                Some(decoder) => decoder.decode(piece, &mut self.dst[written..]).written,
                None => {
                    self.dst[written..][..piece.len()].copy_from_slice(piece);
                    piece.len()
                }
            };
            black_box(&mut self.dst);
            time += nanoseconds(began.elapsed()) - self.overhead;
        }
        if let Some(mut decoder) = decoder {
            let wanted = match worker {
                Some((_, true)) => Verdict::Ok,
                _ => Verdict::Absent,
            };
            assert_eq!((decoder.finish().verdict, written), (wanted, LEN));
        }
        time / article.len() as f64
    }
}

fn encode(plan: &Plan, kind: Kind) {
    println!(
        "\nencode, {}, 128 columns, dot-stuffed, no CRC32",
        kind.name()
    );
    let parts: Vec<Vec<u8>> = (0..plan.articles).map(|n| kind.data(n as u64)).collect();
    let mut workers: Vec<Worker> = vec![None];
    workers.extend(plan.kernels.iter().map(|kernel| Some((*kernel, false))));
    let mut times = vec![Vec::new(); workers.len()];
    let mut src = vec![1; LEN];
    let mut out = Vec::with_capacity(4 * LEN);
    for part in (0..plan.rounds).flat_map(|_| &parts) {
        for (worker, times) in workers.iter().zip(&mut times) {
            src.copy_from_slice(part);
            out.clear();
            let began = Instant::now();
            match worker {
                None => out.extend_from_slice(black_box(&src)),
                Some((kernel, _)) => Encoder {
                    kernel: *kernel,
                    ..Encoder::default()
                }
                .lines(black_box(&src), &mut out),
            }
            black_box(&mut out);
            times.push(nanoseconds(began.elapsed()) / LEN as f64);
        }
    }
    let mut table = Table::new(&workers);
    table.column("whole", &mut times);
    table.print();
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Workers down, ways across.
struct Table {
    head: String,
    rows: Vec<String>,
}

impl Table {
    fn new(workers: &[Worker]) -> Self {
        let name = |worker: &Worker| match worker {
            None => "memcpy".to_owned(),
            Some((kernel, crc)) => format!("{kernel}{}", if *crc { " +crc" } else { "" }),
        };
        Table {
            head: format!("{:12}", ""),
            rows: workers
                .iter()
                .map(|worker| format!("{:12}", name(worker)))
                .collect(),
        }
    }

    /// The first worker's time is what the others are measured by.
    fn column(&mut self, name: &str, times: &mut [Vec<f64>]) {
        self.head += &format!("{name:>13}");
        let times: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
        for (row, time) in self.rows.iter_mut().zip(&times) {
            *row += &format!("{:7.2} {:.3}", 1.0 / time, times[0] / time);
        }
    }

    fn print(&self) {
        println!("{}", self.head);
        self.rows.iter().for_each(|row| println!("{row}"));
    }
}
