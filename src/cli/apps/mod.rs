//! `keydesk apps`: one file for each command.

mod create;
mod delete;
mod list;
mod rename;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;

const EXAMPLES: Examples = Examples(&[("keydesk apps list", ""), ("keydesk apps create Storefront", "")]);

/// List, create, rename and delete Applications
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    #[command(visible_alias = "ls")]
    List(list::Args),
    Create(create::Args),
    Rename(rename::Args),
    #[command(visible_alias = "rm")]
    Delete(delete::Args),
}

pub(crate) fn run(context: &Context, command: Command) -> Result<Exit, CommandError> {
    match command {
        Command::List(_) => list::run(context),
        Command::Create(args) => create::run(context, &args),
        Command::Rename(args) => rename::run(context, &args),
        Command::Delete(args) => delete::run(context, &args),
    }
}
