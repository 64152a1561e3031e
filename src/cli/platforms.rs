//! `keydesk platforms`: the built-in catalog and the platforms of the configuration.

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::output::table::Cell;
use crate::domain::platform::Presents;
use crate::domain::text::inert;

const EXAMPLES: &str = "\
Examples:
  keydesk platforms
  keydesk platforms --json";

/// List the platforms that keys can be made for
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args;

#[derive(Serialize)]
struct Document<'a> {
    slug: &'a str,
    name: &'a str,
    presents: &'static str,
    steps: &'a [String],
}

pub(crate) fn run(context: &Context) -> Result<Exit, CommandError> {
    let catalog = &context.settings.catalog;
    if context.output.is_json() {
        let documents: Vec<_> = catalog
            .iter()
            .map(|platform| Document {
                slug: &platform.slug,
                name: &platform.name,
                presents: platform.presents.as_str(),
                steps: &platform.steps,
            })
            .collect();
        context.output.document(&documents)?;
        return Ok(Exit::Done);
    }
    let mut table = context.output.table(&["SLUG", "NAME", "SENDS THE KEY IN"]);
    for platform in catalog.iter() {
        table.row(vec![
            Cell::plain(platform.slug.as_str()),
            Cell::plain(inert(&platform.name)),
            Cell::plain(match platform.presents {
                Presents::Header => "Authorization: ApiKey-v1 <key>",
                Presents::Basic => "HTTP Basic, user name ApiKey-v1 <key>",
            }),
        ])?;
    }
    table.finish()?;
    Ok(Exit::Done)
}
