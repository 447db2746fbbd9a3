//! The program `nntp-serve`; everything is in `nzbpipe_cli::nntp_serve`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nzbpipe_cli::nntp_serve::main()
}
