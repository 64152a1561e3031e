//! `keydesk users`: one file for each command.

mod add;
mod delete;
mod disable;
mod enable;
mod list;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;

const EXAMPLES: Examples =
    Examples(&[("keydesk users list", ""), ("keydesk users add ben@example.com --login ben", "")]);

/// List, add, disable, enable and delete users
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    #[command(visible_alias = "ls")]
    List(list::Args),
    Add(add::Args),
    Disable(disable::Args),
    Enable(enable::Args),
    #[command(visible_alias = "rm")]
    Delete(delete::Args),
}

pub(crate) fn run(context: &Context, command: Command) -> Result<Exit, CommandError> {
    match command {
        Command::List(_) => list::run(context),
        Command::Add(args) => add::run(context, &args),
        Command::Disable(args) => disable::run(context, &args),
        Command::Enable(args) => enable::run(context, &args),
        Command::Delete(args) => delete::run(context, &args),
    }
}
