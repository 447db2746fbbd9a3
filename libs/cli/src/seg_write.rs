//! `seg-write`: decoded parts to files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as Flags, Parser};
use nzbpipe_pipeline::{Code, Outlet, write};
use nzbpipe_store::Template;

use crate::exec::{self, Exec};
use crate::exit::{self, Refusal};
use crate::nntp_fetch::watch_signals;
use crate::ui::{Common, Drawing, Ui};
use crate::{streams, summary};

/// Write decoded parts to files
///
/// Reads `part` records and writes each at its place, in any order. A file grows
/// under a name that ends in `.part`; it gets its own name when all its segments
/// are there, each is proven by its CRC, and they cover the file exactly. What is
/// missing stays a hole.
///
/// Parts of UUencoded files do not know their place; they are put in the order of their
/// numbers. Until all are there those behind a hole are kept where they belong if all are of
/// one size, else somewhere behind it: the `.part` file may look larger than the room it
/// takes.
///
/// The exit code tells of the whole pipe: 0 only if every file that a record named
/// is complete. A later run that brings the missing segments completes the file.
#[derive(Parser, Debug)]
#[command(name = "seg-write", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    // First: a heading holds for all flags after it.
    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    drawing: Drawing,

    #[command(flatten)]
    output: Output,
}

/// Flags of the programs that write files.
#[derive(Flags, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Write to DIR, in a folder for each job
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,

    /// Write to DIR itself
    #[arg(long)]
    pub flat: bool,

    /// Take a file as complete though some of its segments carry no CRC, or are another
    /// file's by their headers
    #[arg(long)]
    pub accept_unverified: bool,

    /// Write damaged bytes into the .part file, for par2 to repair
    #[arg(long)]
    pub salvage: bool,

    /// Where final names come from: the articles unless their name is noise (auto), the
    /// articles (yenc), or the NZB (subject)
    #[arg(long, value_name = "FROM", value_enum, default_value_t)]
    pub name_from: NameFrom,

    /// Make final names of TEMPLATE: {name}, {stem}, {ext}, {job}, {index} from 1, {index:03}
    #[arg(long, value_name = "TEMPLATE")]
    pub name: Option<Template>,

    /// Replace a file of the same name and other bytes, instead of taking another name
    #[arg(long)]
    pub overwrite: bool,

    /// What becomes of a file that stays incomplete: it keeps its .part name (keep), is
    /// renamed to NAME.incomplete (rename), or is deleted (delete)
    ///
    /// If something failed only for now, it is kept in any case.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub on_incomplete: OnIncomplete,

    /// Make room for a file of known size: as a hole (sparse), not at all (none), or block by
    /// block (full)
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub preallocate: Preallocate,

    /// Make data survive a power cut: as a file grows and before it gets its name (file),
    /// never, or after each segment (segment)
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub sync: Sync,

    /// Keep the journal that a later run goes on by: always (keep), until the job is complete
    /// (remove), or have none (never)
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub journal: Journal,

    /// Read all that an earlier run left before it counts, also what is known to be safe
    #[arg(long)]
    pub verify: bool,

    /// Digests of whole files for their `file` records; crc32 is always there
    #[arg(long, value_name = "DIGEST,…", value_enum, value_delimiter = ',')]
    pub hash: Vec<Digest>,

    /// Begin though DIR has not the room that the job needs
    #[arg(long)]
    pub no_space_check: bool,

    #[command(flatten)]
    pub exec: exec::Flags,

    /// Write `missing`, `failed` and `file` records to standard output
    #[arg(long)]
    pub json: bool,
}

/// A flag that takes one of a few words, each of which stands for a value of the store's.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident = $first:ident $(, $other:ident)*) => {
        $(#[$doc])*
        #[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) enum $name {
            #[default]
            $first,
            $($other,)*
        }
    };
    ($(#[$doc:meta])* $name:ident = $first:ident $(, $other:ident)* => $store:ident) => {
        words!($(#[$doc])* $name = $first $(, $other)*);

        impl From<$name> for nzbpipe_store::$store {
            fn from(word: $name) -> Self {
                match word {
                    $name::$first => Self::$first,
                    $($name::$other => Self::$other,)*
                }
            }
        }
    };
}

words!(
    /// `--name-from`.
    NameFrom = Auto, Yenc, Subject => NameFrom
);
words!(
    /// `--on-incomplete`.
    OnIncomplete = Keep, Rename, Delete => OnIncomplete
);
words!(
    /// `--preallocate`.
    Preallocate = Sparse, None, Full => Preallocate
);
words!(
    /// `--sync`.
    Sync = File, Never, Segment => Sync
);
words!(
    /// `--journal`.
    Journal = Keep, Remove, Never => Journaling
);
words!(
    /// `--hash`. The CRC-32 is there without being asked for.
    Digest = Sha256, Blake3, Crc32
);

pub(crate) const EXAMPLES: &str = "\
Examples:
  nzb-split x.nzb | nntp-fetch | yenc-decode | seg-write -d ~/Downloads
  seg-write -d out < parts
  … | seg-write -d out --json | jq -r 'select(.type==\"file\") | .status, .path'";

/// The program.
pub fn main() -> ExitCode {
    exit::main(write::NAME, run)
}

fn run(args: Args) -> Result<Code, Refusal> {
    let ui = Ui::drawing(write::NAME, &args.common, &args.drawing, true);
    let stop = watch_signals(&ui)?;
    let pool = streams::pool();
    let inlet = streams::inlet(&pool, &stop, "… | yenc-decode | seg-write")?;
    let outlet = args.output.outlet()?;
    let exec = args.output.exec.start(&ui, &stop)?;
    let config = args.output.config(&ui, true, exec.as_ref());
    let written = write::run(config, inlet, outlet);
    summary::print(&ui, &written, &args.output.dir);
    Ok(exec::end(exec, written.ending.code))
}

impl Output {
    /// Where records of the outcome go.
    pub(crate) fn outlet(&self) -> Result<Outlet, Refusal> {
        if self.json {
            streams::text_outlet()
        } else {
            Ok(Outlet::Nowhere)
        }
    }

    /// Sees that a job has room, unless that is not to be looked at.
    pub(crate) fn room(&self) -> Option<write::Room> {
        (!self.no_space_check).then(|| write::Room::new(self.dir.clone()))
    }

    /// Where and how to write.
    fn store(&self) -> nzbpipe_store::Options {
        nzbpipe_store::Options {
            dir: self.dir.clone(),
            flat: self.flat,
            accept_unverified: self.accept_unverified,
            salvage: self.salvage,
            name_from: self.name_from.into(),
            template: self.name.clone(),
            overwrite: self.overwrite,
            on_incomplete: self.on_incomplete.into(),
            preallocate: self.preallocate.into(),
            sync: self.sync.into(),
            journal: self.journal.into(),
            verify: self.verify,
            hashes: nzbpipe_store::Hashes {
                sha256: self.hash.contains(&Digest::Sha256),
                blake3: self.hash.contains(&Digest::Blake3),
            },
            ..nzbpipe_store::Options::default()
        }
    }

    /// The writing stage as the flags want it.
    pub(crate) fn config(&self, ui: &Ui, check: bool, exec: Option<&Exec>) -> write::Config {
        write::Config {
            check,
            room: !self.no_space_check,
            store: self.store(),
            watch: exec::watch(Box::new(ui.clone()), exec, &self.dir),
        }
    }
}
