//! `seg-cat`: one file of a stream in order, and a look into streams.

use std::process::ExitCode;

use clap::{Args as Flags, Parser};
use nzbpipe_pipeline::cat::{self, Catted, Checked, FileChecked, Pick};
use nzbpipe_pipeline::{Code, Ending, Stop};
use nzbpipe_record::Pool;

use crate::exit::{self, Refusal};
use crate::message::{count, size};
use crate::nntp_fetch::{reads_nobody, watch_signals};
use crate::ui::{Common, Drawing, Ui};
use crate::{globs, size, streams, summary};

/// Write one file of a stream to standard output
///
/// Reads `part` records and writes the bytes of one file in order, as they arrive: a
/// player or tar can begin while the rest is still fetched. Each part is held against its
/// CRC before it is written. Parts that come before their time are kept in memory, and
/// beyond --window in a temporary file without a name.
///
/// FILE is a name, as the NZB or the articles have it, or a pattern such as `*.mkv`, in
/// which upper and lower case are the same, or `#N`, which is --index N. It can be left
/// out if the stream has one file. Other files are skipped, but fetched all the same:
/// choose with nzb-split --include what has to be fetched.
///
/// If a segment is missing, the program writes what is before it, says which one it is
/// and ends. With --zero-fill it goes on. Exit code 0 says that every byte of the file was
/// written and proven by its CRC, and that no article is by its headers one of another file.
/// UUencode has no CRC: its parts need --accept-unverified, and a hole in it has no known
/// length.
#[derive(Parser, Debug)]
#[command(name = "seg-cat", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The file, if there is more than one: a name, a pattern, or `#N`
    #[arg(value_name = "FILE")]
    file: Option<String>,

    /// The file with this index in its NZB, counted from 0 (`file` in records)
    #[arg(long, value_name = "N", conflicts_with = "file")]
    index: Option<u64>,

    /// Write zeros for missing segments and go on
    ///
    /// As many as are missing: parts know their places. The exit code is 1 all the same.
    #[arg(long)]
    zero_fill: bool,

    /// Take parts that carry no CRC
    #[arg(long)]
    accept_unverified: bool,

    /// Keep up to SIZE of parts in memory that come before their time
    #[arg(long, value_name = "SIZE", default_value = "32M", value_parser = size::parse)]
    window: u64,

    /// Let the temporary file for more of them grow to SIZE [default: as the disk allows]
    ///
    /// With 0 nothing is written to a disk. If neither has room for a part, the program
    /// ends with 74: it cannot wait for the one that is missing without reading on.
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    spill: Option<u64>,

    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    drawing: Drawing,

    // Last: its heading holds for all flags after it.
    #[command(flatten)]
    look: Look,
}

/// What to do instead of writing a file.
#[derive(Flags, Debug)]
#[command(next_help_heading = "Looking into a stream")]
#[group(multiple = false, conflicts_with_all = ["file", "index", "zero_fill", "spill"])]
struct Look {
    /// Write the headers of all records as JSON lines, without `len` and payload
    ///
    /// For jq and for people. What is cut off comes out cut off. The programs of nzbpipe
    /// read such lines, too, but not a `body` or a `part` without its bytes.
    #[arg(long)]
    headers: bool,

    /// Write `missing` and `failed` records, for nntp-fetch to read
    ///
    /// What came damaged is among them, as `failed`.
    #[arg(long)]
    failed: bool,

    /// Read all of a stream and say whether it is right
    ///
    /// Tells how many records of which type there are, and for each file what is missing
    /// or wrong and whether its parts cover it exactly once. The exit code is 0 if nothing
    /// is, 65 if the stream is malformed or a part has not the bytes that were decoded, 76
    /// if it is cut off, and 1 if a file is not whole.
    #[arg(long)]
    check: bool,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  nzb-split --include '*.mkv' x.nzb | nntp-fetch | yenc-decode | seg-cat | mpv -
  nzb-split --include x.tar x.nzb | nntp-fetch | yenc-decode | seg-cat | tar x
  seg-cat 'film.mkv' < parts > film.mkv
  seg-cat --headers < parts | jq -r 'select(.type==\"part\") | .server' | sort | uniq -c
  seg-cat --failed < parts | nntp-fetch --servers fill.toml | yenc-decode > more
  seg-cat --check < parts";

/// Its exit codes that say something else than those of other programs.
pub(crate) const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "The whole file was written, and is verified."),
    (
        "1",
        "Segments are missing, damaged, unverified or of another file, or contradict each \
         other; the message names the first. --headers and --failed: there are such segments.",
    ),
    (
        "65",
        "The input is malformed, or not decoded, or has two files and FILE does not say which.",
    ),
    ("66", "The stream has no such file."),
];

/// The program.
pub fn main() -> ExitCode {
    exit::main(cat::NAME, run)
}

fn run(args: Args) -> Result<Code, Refusal> {
    let Look {
        headers,
        failed,
        check,
    } = args.look;
    let shows = !(headers || failed || check) && reads_nobody();
    let ui = Ui::drawing(cat::NAME, &args.common, &args.drawing, shows);
    let stop = watch_signals(&ui)?;
    let pool = streams::pool();
    let wants = "… | yenc-decode | seg-cat";
    if headers || failed {
        let inlet = streams::inlet(&pool, &stop, wants)?;
        let outlet = streams::text_outlet()?;
        let look = if headers { cat::headers } else { cat::failed };
        return Ok(looked(&ui, &look(inlet, outlet)));
    }
    if check {
        let inlet = streams::inlet(&pool, &stop, wants)?;
        let checked = cat::check(inlet, args.accept_unverified);
        report(&ui, &checked, args.accept_unverified);
        return Ok(checked.ending.code);
    }
    let catted = write(&args, &ui, &stop, &pool)?;
    ui.finish();
    tell(&ui, &catted);
    Ok(catted.ending.code)
}

fn write(args: &Args, ui: &Ui, stop: &Stop, pool: &Pool) -> Result<Catted, Refusal> {
    let pick = pick(args)?;
    let inlet = streams::inlet(pool, stop, "… | yenc-decode | seg-cat")?;
    let config = cat::Config {
        pick,
        accept_unverified: args.accept_unverified,
        zero_fill: args.zero_fill,
        window: args.window,
        spill: args.spill.unwrap_or(u64::MAX),
        open: Box::new(tempfile::tempfile),
        out: streams::only_bytes_out("seg-cat | mpv -, or > FILE")?,
        stop: stop.clone(),
        watch: Box::new(ui.clone()),
    };
    Ok(cat::run(config, inlet))
}

fn pick(args: &Args) -> Result<Pick, Refusal> {
    let Some(name) = &args.file else {
        return Ok(args.index.map_or(Pick::Only, Pick::Index));
    };
    if name.is_empty() {
        return Err(Refusal::usage(
            "FILE is empty: leave it out, or name a file",
        ));
    }
    let index = name.strip_prefix('#').filter(|rest| is_number(rest));
    if let Some(index) = index.and_then(|rest| rest.parse().ok()) {
        return Ok(Pick::Index(index));
    }
    Ok(Pick::Name {
        exact: name.clone(),
        // A name need not be a pattern: `[` stands in many.
        glob: globs::set(std::slice::from_ref(name)).unwrap_or_default(),
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn looked(ui: &Ui, ending: &Ending) -> Code {
    summary::failures(ui, &ending.failures);
    ui.detail(&summary::fates(&ending.tally));
    ending.code
}

/// The last words about a file that was written.
fn tell(ui: &Ui, catted: &Catted) {
    let name = catted.name.as_deref().unwrap_or("nothing");
    let ending = &catted.ending;
    let mut told = summary::failures(ui, &ending.failures);
    for fault in &catted.faults {
        match told {
            true => ui.warn(&format!("{name}: {fault}")),
            false => ui.error(&format!("{name}: {fault}")),
        }
        told = true;
    }
    if let Some((is, said)) = catted.contradicted {
        ui.warn(&format!(
            "{name}: warning: each part is right by its own CRC, but the whole has {is:08x} \
             where its articles declare {said:08x}"
        ));
    }
    if catted.unproven > 0 {
        let segments = count(catted.unproven, "segment");
        ui.warn(&format!("{name}: nothing proves {segments} of it right"));
    }
    match ending.code {
        Code::OK => ui.detail(&format!("{name}: {}, whole", size(catted.bytes))),
        code if told || code.number() > 128 => {}
        code => ui.error(&format!(
            "an earlier program failed with {}; its message says more",
            code.number()
        )),
    }
}

/// Files named in full; those that are whole come last and only if there is room.
const NAMED: usize = 20;

/// What a stream holds, and what is wrong with it.
fn report(ui: &Ui, checked: &Checked, accept_unverified: bool) {
    let faults = |file: &FileChecked| -> Vec<String> { file.faults(accept_unverified).collect() };
    let mut lines = vec![headline(checked)];
    let (bad, good): (Vec<&FileChecked>, Vec<&FileChecked>) = checked
        .files
        .iter()
        .partition(|file| !faults(file).is_empty());
    for file in bad.iter().chain(&good).take(NAMED) {
        let mut line = format!("{}: {file}", file.name);
        for fault in faults(file) {
            line += &format!(", {fault}");
        }
        if file.twice() > 0 {
            line += &format!(" ({} came twice)", file.twice());
        }
        lines.push(line);
    }
    if checked.files.len() > NAMED {
        let more = (checked.files.len() - NAMED) as u64;
        lines.push(format!("… and {}", count(more, "more file")));
    }
    let told = summary::failures(ui, &checked.ending.failures);
    let mut lines = lines.into_iter();
    // With -q one line, and only if something is wrong.
    if !told
        && checked.ending.code != Code::OK
        && let Some(first) = lines.next()
    {
        ui.error(&first);
    }
    lines.for_each(|line| ui.warn(&line));
}

fn headline(checked: &Checked) -> String {
    let whole = checked.ending.failures.is_empty();
    let kinds: Vec<String> = checked
        .kinds
        .iter()
        .map(|(kind, n)| format!("{n} {kind}"))
        .collect();
    let records = match kinds.is_empty() {
        true => count(checked.records, "record"),
        false => format!(
            "{} ({})",
            count(checked.records, "record"),
            kinds.join(", ")
        ),
    };
    let verdict = match checked.ending.code {
        Code::OK => "all right",
        _ if checked.corrupt > 0 => "corrupt",
        Code::INCOMPLETE => "not all is there",
        _ if whole => "an earlier program failed",
        _ => "not a whole stream",
    };
    let files = count(checked.files.len() as u64, "file");
    format!("{verdict}: {records}, {files}, {}", size(checked.bytes))
}
