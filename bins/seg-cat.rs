//! The program `seg-cat`; everything is in `nzbpipe_cli::seg_cat`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nzbpipe_cli::seg_cat::main()
}
