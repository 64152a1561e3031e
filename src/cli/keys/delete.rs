//! `keydesk keys delete`: all of the named keys or none.

use serde::Serialize;

use super::several::{SeveralKeys, picked};
use super::show::Shown;
use crate::cli::confirm::Confirmation;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::desk::{self, text};
use crate::domain::Instant;
use crate::domain::expiry::{relative, rfc3339};
use crate::domain::key::{Key, Tombstone};
use crate::domain::text::inert;
use crate::host::clock::{self, Zone};
use crate::store::{Reader, Urgency, keys};

const EXAMPLES: Examples = Examples(&[
    ("keydesk keys delete Checkout", "asks for the name"),
    ("keydesk keys delete 7Qm2x9KdPa 3fT8bnW0qZ", "asks for: delete 2 keys"),
    ("keydesk keys delete Checkout --yes", "skips the prompt"),
]);

/// Delete keys (cannot be undone)
///
/// The software that uses a deleted key immediately loses access to the Integration API.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    keys: SeveralKeys,
    #[command(flatten)]
    confirmation: Confirmation,
}

#[derive(Serialize)]
struct Receipt<'a> {
    id: &'a str,
    name: &'a str,
    deleted: String,
    committed: String,
    last_used: Option<String>,
    last_used_from: Option<&'a str>,
}

impl<'a> Receipt<'a> {
    fn of(tombstone: &'a Tombstone, committed: Instant) -> Self {
        Self {
            id: tombstone.id.as_str(),
            name: tombstone.name.as_str(),
            deleted: rfc3339(tombstone.deleted),
            committed: rfc3339(committed),
            last_used: tombstone.last_used.map(rfc3339),
            last_used_from: tombstone.last_used_from.as_deref(),
        }
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let mut desk = context.desk_to_change(Urgency::Revoking)?;
    let shown = read(desk.store(), |reader| {
        let keys = args.keys.resolve(context, reader)?;
        keys.into_iter().map(|key| Shown::around(context, reader, key)).collect::<Result<Vec<_>, _>>()
    })?;
    let wanted = match shown.as_slice() {
        [one] => one.key.name.as_str().to_owned(),
        several => format!("delete {} keys", several.len()),
    };
    args.confirmation.ask(&preview(context, &shown), &wanted)?;
    let keys: Vec<Key> = shown.into_iter().map(|shown| shown.key).collect();
    let tombstones = context.change(&mut desk, |session| desk::delete_keys(session, &picked(&keys)))?;
    let committed = clock::now();
    context.scrub(desk.store());
    for tombstone in &tombstones {
        let last = tombstone.last_used.map_or("It was never used.".to_owned(), |at| {
            format!(
                "Last used {}{}.",
                context.exact(at),
                text::from_address(tombstone.last_used_from.as_deref())
            )
        });
        context.output.say(&format!(
            "Key {} ({}) deleted. Requests that use it are rejected since {}. {last}",
            tombstone.prefix,
            tombstone.name,
            Zone::Local.show(committed)
        ));
    }
    for predecessor in read(desk.store(), |reader| working_predecessors(reader, &keys))? {
        context.output.say(&format!(
            "Its predecessor {} still works until {}. To delete it: keydesk keys delete {}",
            predecessor.prefix,
            context.exact(predecessor.expires),
            predecessor.id
        ));
    }
    let receipts: Vec<_> = tombstones.iter().map(|tombstone| Receipt::of(tombstone, committed)).collect();
    context.output.if_json(&receipts)
}

/// The keys that the deleted ones replaced and that are still accepted, in their overlap.
fn working_predecessors(reader: &Reader<'_>, deleted: &[Key]) -> Result<Vec<Key>, CommandError> {
    let mut working = Vec::new();
    for key in deleted {
        let mut next = key.replaces;
        while let Some(key) = next.map(|id| keys::get(reader, id)).transpose()?.flatten() {
            next = key.replaces;
            if key.disabled.is_none() && key.expires > clock::now() {
                working.push(key);
            }
        }
    }
    Ok(working)
}

/// What the deletion will break.
fn preview(context: &Context, shown: &[Shown]) -> Vec<String> {
    let mut lines: Vec<String> = shown.iter().map(|shown| about(context, shown)).collect();
    lines.push(text::DELETION_IS_FINAL.into());
    lines
}

fn about(context: &Context, shown: &Shown) -> String {
    let key = &shown.key;
    let used = match key.last_used {
        None => "never used".to_owned(),
        Some(at) => {
            format!(
                "{} requests in 30 days, the last {}{}",
                shown.uses_30d,
                relative(at, context.now),
                text::from_address(key.last_used_from.as_deref())
            )
        }
    };
    let platform = context.settings.catalog.label(&key.kind);
    format!("  {}  {}  {platform}  {}: {used}", key.name, key.prefix, inert(&shown.application))
}
