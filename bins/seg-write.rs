//! The program `seg-write`; everything is in `nzbpipe_cli::seg_write`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nzbpipe_cli::seg_write::main()
}
