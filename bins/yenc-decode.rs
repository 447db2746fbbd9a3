//! The program `yenc-decode`; everything is in `nzbpipe_cli::yenc_decode`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nzbpipe_cli::yenc_decode::main()
}
