//! `keydesk apps list`.

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::documents::ApplicationDocument;
use crate::cli::output::table::Cell;
use crate::cli::resolve;
use crate::domain::expiry::relative_short;
use crate::store::applications;

const EXAMPLES: Examples = Examples(&[("keydesk apps list", ""), ("keydesk apps list --json", "")]);

/// List Applications
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args;

pub(super) fn run(context: &Context) -> Result<Exit, CommandError> {
    let all = context.desk()?.store().read(|reader| applications::all(reader, resolve::ALL))?;
    let heads = ["NAME", "KEYS", "CREATED"];
    let rows = context.output.list(all.iter(), &heads, ApplicationDocument::from, |application| {
        vec![
            Cell::plain(application.name.to_string()),
            Cell::number(application.keys),
            Cell::plain(relative_short(application.created, context.now())),
        ]
    })?;
    if rows == 0 {
        context.output.say("There are no Applications yet. Create one with: keydesk apps create NAME");
    }
    Ok(Exit::Done)
}
