//! `keydesk version`.

use serde::Serialize;

use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::Output;

const EXAMPLES: Examples = Examples(&[("keydesk version", ""), ("keydesk version --json", "")]);

/// Print the version
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args;

#[derive(Serialize)]
struct Document {
    version: &'static str,
}

pub(crate) fn run(output: &Output) -> Result<Exit, CommandError> {
    let version = env!("CARGO_PKG_VERSION");
    output.print(&Document { version }, || format!("keydesk {version}"))
}
