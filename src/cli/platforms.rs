//! `keydesk platforms`: the catalogue, with those of the settings.

use serde::Serialize;

use super::exit::Exit;
use super::failure::Stop;
use super::output::table::{Cell, Table};
use super::run::Run;
use crate::domain::platform::Presents;
use crate::domain::text::inert;

#[derive(Serialize)]
struct Document<'a> {
    slug: &'a str,
    name: &'a str,
    presents: &'static str,
    steps: &'a [String],
}

/// Prints it.
pub(crate) fn run(run: &Run) -> Result<Exit, Stop> {
    let catalogue = &run.settings.catalogue;
    if run.output.is_json() {
        let documents: Vec<_> = catalogue
            .iter()
            .map(|platform| Document {
                slug: &platform.slug,
                name: &platform.name,
                presents: platform.presents.as_str(),
                steps: &platform.steps,
            })
            .collect();
        run.output.document(&documents)?;
        return Ok(Exit::Done);
    }
    let mut table =
        Table::new(run.output.data(), run.output.has_colour(), &["SLUG", "NAME", "SENDS THE KEY IN"]);
    for platform in catalogue.iter() {
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
