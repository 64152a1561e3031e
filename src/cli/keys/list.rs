//! `keydesk keys list`: streamed, so that a list of a million keys needs no more memory than one of ten.

use std::io;

use super::super::args_keys::ListArgs;
use super::super::exit::Exit;
use super::super::failure::Stop;
use super::super::output::json::Array;
use super::super::output::key::KeyDocument;
use super::super::output::table::{Cell, Style, Table};
use super::super::resolve;
use super::super::run::{Run, read};
use crate::domain::expiry::relative_short;
use crate::domain::key::{Key, KeyKind, KeyState};
use crate::domain::text::inert;
use crate::store::keys::KeyQuery;
use crate::store::{Reader, StoreError, keys, usage};

const HEADS: [&str; 9] =
    ["NAME", "KEY ID", "PLATFORM", "TYPE", "EXPIRES", "STATE", "CREATOR", "LAST USED", "ROTATION"];

pub(super) fn run(run: &Run, args: ListArgs) -> Result<Exit, Stop> {
    let store = run.store()?;
    read(&store, |reader| {
        let application = resolve::application(run, reader)?;
        let mut query = KeyQuery {
            application: application.id,
            filter: args.filter.unwrap_or_default(),
            state: args.state,
            platform: None,
            sort: args.sort,
            descending: args.reverse,
            now: run.now,
            soon: run.settings.expires_soon,
        };
        query.platform = args.platform.map(|slug| platform(run, reader, &query, &slug)).transpose()?;
        if run.output.is_json() {
            documents(run, reader, &query, application.name.as_str())?;
        } else if table(run, reader, &query)? == 0 {
            let narrowed =
                !query.filter.trim().is_empty() || query.state.is_some() || query.platform.is_some();
            run.output.say(&if narrowed {
                format!("No key of {} matches.", application.name)
            } else {
                format!("{} has no keys yet. Create one: keydesk keys create --name NAME", application.name)
            });
        }
        Ok(Exit::Done)
    })
}

/// A platform of the catalogue, or one that was in it once and still has keys.
fn platform(run: &Run, reader: &Reader<'_>, query: &KeyQuery, slug: &str) -> Result<KeyKind, Stop> {
    resolve::kind(&run.settings.catalogue, slug).or_else(|failure| {
        let gone = KeyKind::ThirdParty { platform: slug.to_owned() };
        let query = KeyQuery { platform: Some(gone.clone()), ..query.clone() };
        match keys::count(reader, &query, &run.settings.catalogue)? {
            0 => Err(failure.into()),
            _ => Ok(gone),
        }
    })
}

/// Goes through the keys until one cannot be written.
fn each(
    run: &Run,
    reader: &Reader<'_>,
    query: &KeyQuery,
    mut write: impl FnMut(Key) -> Result<io::Result<()>, StoreError>,
) -> Result<(), Stop> {
    let mut outcome = Ok(Ok(()));
    keys::each(reader, query, &run.settings.catalogue, &mut |key| {
        outcome = write(key);
        matches!(outcome, Ok(Ok(())))
    })?;
    Ok(outcome??)
}

fn documents(run: &Run, reader: &Reader<'_>, query: &KeyQuery, application: &str) -> Result<(), Stop> {
    let mut array = Array::open(run.output.data())?;
    each(run, reader, query, |key| {
        let uses = usage::last_30_days(reader, key.id, run.now)?.iter().sum();
        Ok(array.add(&KeyDocument::new(&key, application, run.now, query.soon, uses)))
    })?;
    Ok(array.close()?)
}

fn table(run: &Run, reader: &Reader<'_>, query: &KeyQuery) -> Result<u64, Stop> {
    let mut table = Table::new(run.output.data(), run.output.has_colour(), &HEADS);
    each(run, reader, query, |key| Ok(table.row(row(run, &key))))?;
    Ok(table.finish()?)
}

fn row(run: &Run, key: &Key) -> Vec<Cell> {
    let state = key.state(run.now, run.settings.expires_soon);
    vec![
        Cell::plain(key.name.to_string()),
        Cell::plain(key.id.as_str()),
        Cell::plain(run.settings.catalogue.label(&key.kind)),
        Cell::plain(key.key_type.as_str()),
        Cell::plain(relative_short(key.expires, run.now)),
        Cell::styled(state.label(), style(state)),
        match &key.creator.email {
            Some(email) => Cell::plain(email.to_string()),
            None => Cell::styled("(deleted)", Style::Faint),
        },
        match (key.last_used, &key.last_used_from) {
            (None, _) => Cell::styled("never", Style::Faint),
            (Some(at), None) => Cell::plain(relative_short(at, run.now)),
            (Some(at), Some(from)) => {
                Cell::plain(format!("{} from {}", relative_short(at, run.now), inert(from)))
            }
        },
        Cell::plain(match (&key.replaces, &key.replaced_by) {
            (None, None) => String::new(),
            (Some(before), None) => format!("replaces {before}"),
            (None, Some(next)) => format!("replaced by {next}"),
            (Some(before), Some(next)) => format!("replaces {before}, replaced by {next}"),
        }),
    ]
}

/// The colour of a state, which always stands beside its word.
pub(super) fn style(state: KeyState) -> Style {
    match state {
        KeyState::Valid => Style::Good,
        KeyState::ExpiresSoon => Style::Soon,
        KeyState::Expired => Style::Bad,
        KeyState::Disabled => Style::Faint,
    }
}
