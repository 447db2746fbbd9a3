//! The program `nzb-split`; everything is in `nzbpipe_cli::nzb_split`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nzbpipe_cli::nzb_split::main()
}
