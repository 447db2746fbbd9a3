//! The program `nntp-fetch`; everything is in `nzbpipe_cli::nntp_fetch`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nzbpipe_cli::nntp_fetch::main()
}
