//! `--include` and `--exclude`: shell patterns on file names.

use clap::Args;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::exit::Refusal;

/// Flags that select files of an NZB.
#[derive(Args, Debug)]
pub(crate) struct Selection {
    /// Only files whose name matches GLOB (may be repeated)
    ///
    /// `*` matches any text, `?` one character, `[abc]` one of these, `{a,b}`
    /// either; upper and lower case are the same.
    #[arg(long, value_name = "GLOB")]
    pub include: Vec<String>,

    /// No files whose name matches GLOB (may be repeated)
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
}

/// A set of patterns.
pub(crate) fn set(patterns: &[String]) -> Result<GlobSet, Refusal> {
    let bad = |e: globset::Error| Refusal::usage(format!("bad pattern: {e}"));
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern).case_insensitive(true).build();
        builder.add(glob.map_err(bad)?);
    }
    builder.build().map_err(bad)
}
