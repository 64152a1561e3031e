//! `keydesk platforms`: the built-in catalog and the platforms of the configuration.

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::table::Cell;
use crate::domain::platform::{Platform, Presents};
use crate::domain::text::inert;

const EXAMPLES: Examples = Examples(&[("keydesk platforms", ""), ("keydesk platforms --json", "")]);

/// List the platforms that keys can be created for
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

impl<'a> From<&'a Platform> for Document<'a> {
    fn from(platform: &'a Platform) -> Self {
        let Platform { slug, name, presents, steps, .. } = platform;
        Self { slug, name, presents: presents.as_str(), steps }
    }
}

pub(crate) fn run(context: &Context) -> Result<Exit, CommandError> {
    let cells = |platform: &Platform| {
        vec![
            Cell::plain(platform.slug.as_str()),
            Cell::plain(inert(&platform.name)),
            Cell::plain(match platform.presents {
                Presents::Header => "Authorization: ApiKey-v1 <key>",
                Presents::Basic => "HTTP Basic, user name ApiKey-v1 <key>",
            }),
        ]
    };
    let heads = ["SLUG", "NAME", "SENDS KEY IN"];
    context.output.list(context.settings.catalog.iter(), &heads, Document::from, cells)?;
    Ok(Exit::Done)
}
