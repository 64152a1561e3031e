//! `keydesk keys`: one file for each command.

mod acknowledge;
mod create;
mod delete;
mod disable;
mod edit;
mod enable;
mod list;
mod overlap;
mod properties;
mod rotate;
mod several;
mod show;
mod usage;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;

const EXAMPLES: Examples = Examples(&[
    ("keydesk keys list --app Storefront", ""),
    ("keydesk keys create Checkout --expires 90d", ""),
    ("keydesk keys rotate Checkout --leaked", ""),
]);

/// List, create, rotate, show, edit, disable, enable, acknowledge and delete keys
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    #[command(visible_alias = "ls")]
    List(list::Args),
    Create(create::Args),
    Rotate(rotate::Args),
    Overlap(overlap::Args),
    Show(show::Args),
    Edit(edit::Args),
    Disable(disable::Args),
    Enable(enable::Args),
    Acknowledge(acknowledge::Args),
    #[command(visible_alias = "rm")]
    Delete(delete::Args),
    Usage(usage::Args),
}

pub(crate) fn run(context: &Context, command: Command) -> Result<Exit, CommandError> {
    match command {
        Command::List(args) => list::run(context, args),
        Command::Create(args) => create::run(context, args),
        Command::Rotate(args) => rotate::run(context, &args),
        Command::Overlap(args) => overlap::run(context, &args),
        Command::Show(args) => show::run(context, &args),
        Command::Edit(args) => edit::run(context, &args),
        Command::Disable(args) => disable::run(context, &args),
        Command::Enable(args) => enable::run(context, &args),
        Command::Acknowledge(args) => acknowledge::run(context, &args),
        Command::Delete(args) => delete::run(context, &args),
        Command::Usage(args) => usage::run(context, &args),
    }
}
