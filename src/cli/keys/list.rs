//! `keydesk keys list`: streamed, so that a list of a million keys needs no more memory than one of ten.

use std::collections::HashMap;

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::key_list;
use crate::cli::output::listing::Listing;
use crate::cli::output::table::{Cell, Style};
use crate::cli::resolve::{self, AllApplications};
use crate::cli::values;
use crate::desk::text;
use crate::domain::application::Scope;
use crate::domain::expiry::{in_short, relative_short, until_short};
use crate::domain::key::{Key, KeyState};
use crate::domain::text::inert;
use crate::host::clock::Zone;
use crate::store::applications;
use crate::store::keys::{KeyQuery, KeySort};

const EXAMPLES: Examples = Examples(&[
    ("keydesk keys list --state expires_soon --sort expires", ""),
    ("keydesk keys list --filter 'checkout platform:braze used:>30d'", ""),
    ("keydesk keys list --all-apps --state expires_soon", ""),
    ("keydesk keys list --json | jq -r '.[].id'", ""),
]);

/// List the keys of an Application or of all
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only keys in this state
    #[arg(long, value_name = "S", value_parser = values::one_of(KeyState::ALL, KeyState::as_str))]
    state: Option<KeyState>,
    /// Only keys for this platform (see keydesk platforms), or generic
    #[arg(long, value_name = "P")]
    platform: Option<String>,
    /// Only keys that match these words, "phrases" and terms: state:soon, platform:braze, creator:ana@, owner:payments, note:4711, used:never,
    /// used:>30d, expires:<14d, source:10.0.0.9, type:test
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Sort by this column
    #[arg(long, value_name = "COL", value_parser = values::one_of(KeySort::ALL, KeySort::as_str), default_value = "name")]
    sort: KeySort,
    /// Reverse the sort order
    #[arg(long)]
    reverse: bool,
    /// Maximum number of keys
    #[arg(long, value_name = "N", value_parser = values::limit)]
    limit: Option<usize>,
    #[command(flatten)]
    all: AllApplications,
}

const HEADS: [&str; 10] = [
    "NAME",
    "APPLICATION",
    "KEY ID",
    "PLATFORM",
    "TYPE",
    "EXPIRES",
    "STATE",
    "CREATOR",
    "LAST USED",
    "ROTATION",
];

pub(super) fn run(context: &Context, args: Args) -> Result<Exit, CommandError> {
    let filter = key_list::filter(args.filter.as_deref().unwrap_or_default())?;
    let desk = context.desk()?;
    read(desk.store(), |reader| {
        let (scope, place, applications) = if args.all.all_apps {
            (Scope::All, "any Application".to_owned(), applications::all(reader, resolve::ALL)?)
        } else {
            let application = resolve::application(context, reader)?;
            (Scope::Application(application.id), application.name.to_string(), vec![application])
        };
        let names: HashMap<_, _> =
            applications.iter().map(|application| (application.id, application.name.as_str())).collect();
        let name = |key: &Key| names.get(&key.application).copied().unwrap_or_default();
        let mut query = KeyQuery {
            filter,
            state: args.state,
            sort: args.sort,
            descending: args.reverse,
            ..key_list::query(context, scope)
        };
        query.platform =
            args.platform.map(|slug| resolve::platform(context, reader, &query, &slug)).transpose()?;
        let heads: Vec<&str> =
            HEADS.into_iter().filter(|head| args.all.all_apps || *head != HEADS[1]).collect();
        let mut list = Listing::new(&context.output, &heads);
        key_list::each(context, reader, &query, args.limit, |key| {
            let document = || key_list::document(context, reader, &key, name(&key));
            list.row(document, || row(context, &key, args.all.all_apps.then(|| name(&key))))
        })?;
        if list.finish()? == 0 {
            let narrowed = !query.filter.is_empty() || query.state.is_some() || query.platform.is_some();
            context.output.say(&if narrowed {
                format!("No matching keys in {place}.")
            } else {
                format!("No keys in {place} yet. Create one with: keydesk keys create NAME")
            });
        }
        Ok(Exit::Done)
    })
}

/// The cells of a key, with the name of its Application where that has a column.
fn row(context: &Context, key: &Key, application: Option<&str>) -> Vec<Cell> {
    let state = key.state(context.now(), context.settings.expires_soon);
    let mut cells = vec![
        Cell::plain(key.name.to_string()),
        Cell::plain(key.id.as_str()),
        Cell::plain(context.settings.catalog.label(&key.kind)),
        Cell::plain(key.key_type.as_str()),
        if key.is_canary {
            Cell::styled("never", Style::Faint)
        } else {
            Cell::plain(relative_short(key.expires, context.now()))
        },
        Cell::styled(state_label(context, key), style(state)),
        match &key.creator.email {
            Some(email) => Cell::plain(email.to_string()),
            None => Cell::styled("(deleted)", Style::Faint),
        },
        match (key.last_used.or(key.canary_used), &key.last_used_from) {
            (None, _) => Cell::styled("never", Style::Faint),
            (Some(at), from) => Cell::plain(format!(
                "{}{}",
                relative_short(at, context.now()),
                text::from_address(from.as_deref())
            )),
        },
        Cell::plain(rotation(context, key)),
    ];
    if let Some(application) = application {
        cells.insert(1, Cell::plain(inert(application)));
    }
    cells
}

/// The predecessor and the successor of a key, and on what its end depends.
fn rotation(context: &Context, key: &Key) -> String {
    let ends = key.until_unused.as_ref().filter(|_| key.ended(context.now()).is_none());
    let parts = [
        key.replaces.map(|before| format!("replaces {before}")),
        key.replaced_by.map(|next| format!("replaced by {next}")),
        ends.map(|rule| format!("ends when unused for {}", in_short(rule.length))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The state of a key with the end of an outage, or whether a canary key was used.
pub(super) fn state_label(context: &Context, key: &Key) -> String {
    let label = key.state(context.now(), context.settings.expires_soon).label();
    match key.is_disabled_until(context.now()).filter(|_| key.ended(context.now()).is_none()) {
        Some(until) => format!("{label} until {}", until_short(until, context.now(), &Zone::Local)),
        None if key.has_alarm() => format!("{label} (used)"),
        None => label.to_owned(),
    }
}

/// The color of a state, which is always displayed with its word.
pub(super) fn style(state: KeyState) -> Style {
    match state {
        KeyState::Valid => Style::Good,
        KeyState::ExpiresSoon | KeyState::Canary => Style::Soon,
        KeyState::Expired => Style::Bad,
        KeyState::Disabled | KeyState::Replaced => Style::Faint,
    }
}
