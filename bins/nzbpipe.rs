//! The program `nzbpipe`; everything is in `nzbpipe_cli::nzbpipe`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nzbpipe_cli::nzbpipe::main()
}
