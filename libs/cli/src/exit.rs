//! From a parsed command line to the exit code of the process.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use nzbpipe_pipeline::Code;

use crate::message;

/// What a program leaves behind when it could not begin: a message and a code.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub code: Code,
    pub error: anyhow::Error,
}

impl Refusal {
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Refusal {
        Refusal {
            code,
            error: anyhow::Error::msg(text.into()),
        }
    }

    pub(crate) fn usage(text: impl Into<String>) -> Refusal {
        Refusal::new(Code::USAGE, text)
    }

    pub(crate) fn config(text: impl Into<String>) -> Refusal {
        Refusal::new(Code::CONFIG, text)
    }
}

/// Parses the command line and runs `program`; answers `--help` and
/// `--version`; turns a panic into the code that says so.
pub(crate) fn main<A: Parser>(
    name: &'static str,
    program: impl FnOnce(A) -> Result<Code, Refusal>,
) -> ExitCode {
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(error) => return parsed_badly(&error),
    };
    let code = match catch_unwind(AssertUnwindSafe(|| program(args))) {
        Ok(Ok(code)) => code,
        Ok(Err(refusal)) => {
            message::line(name, &format!("{:#}", refusal.error));
            refusal.code
        }
        Err(panic) => {
            message::line(
                name,
                &format!("this is a bug, please report it: {}", reason(&*panic)),
            );
            Code::BUG
        }
    };
    ExitCode::from(code.number())
}

/// clap's own code for a wrong command line is 2; ours is 64. Help that could
/// not be written because the reader left is no error.
fn parsed_badly(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(Code::USAGE.number()),
    }
}

fn reason(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panicked")
}
