//! `keydesk audit`: one file for each command.

mod accept;
mod head;
mod list;
mod receipt;
mod verify;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;

const EXAMPLES: Examples = Examples(&[("keydesk audit list --since 7d", ""), ("keydesk audit verify", "")]);

/// List the audit log, check it, print its head, make receipts of deletions
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    #[command(visible_alias = "ls")]
    List(list::Args),
    Verify(verify::Args),
    Head(head::Args),
    Accept(accept::Args),
    Receipt(receipt::Args),
}

pub(crate) fn run(context: &Context, command: Command) -> Result<Exit, CommandError> {
    match command {
        Command::List(args) => list::run(context, &args),
        Command::Verify(args) => verify::run(context, &args),
        Command::Head(_) => head::run(context),
        Command::Accept(args) => accept::run(context, &args),
        Command::Receipt(args) => receipt::run(context, &args),
    }
}
