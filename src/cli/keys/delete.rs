//! `keydesk keys delete`: all of the named keys or none.

use std::collections::HashSet;

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
use crate::domain::expiry::rfc3339;
use crate::domain::key::{Key, KeyId, Tombstone};
use crate::domain::text::inert;
use crate::host::clock::Zone;
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
    let (shown, predecessors) = read(desk.store(), |reader| {
        let keys = args.keys.resolve(context, reader)?;
        let predecessors = working_predecessors(context, reader, &keys)?;
        let shown = keys.into_iter().map(|key| Shown::around(context, reader, key));
        Ok((shown.collect::<Result<Vec<_>, _>>()?, predecessors))
    })?;
    let wanted = match shown.as_slice() {
        [one] => one.key.name.as_str().to_owned(),
        several => format!("delete {} keys", several.len()),
    };
    let about = shown.iter().map(|shown| about(context, shown));
    let still = predecessors.iter().map(|key| still_works(context, key));
    let preview: Vec<String> = about.chain([text::DELETION_IS_FINAL.to_owned()]).chain(still).collect();
    args.confirmation.ask(&preview, &wanted)?;
    let keys: Vec<Key> = shown.into_iter().map(|shown| shown.key).collect();
    let tombstones = context.change(&mut desk, |session| desk::delete_keys(session, &picked(&keys)))?;
    let committed = context.present();
    context.scrub(desk.store());
    for tombstone in &tombstones {
        let last = text::last_use_before_deletion(
            tombstone.last_used,
            tombstone.last_used_from.as_deref(),
            committed,
        );
        context.output.say(&format!(
            "Key {} ({}) deleted. Requests that use it are rejected since {}. {last}.",
            tombstone.prefix,
            tombstone.name,
            Zone::Local.show(committed)
        ));
    }
    for predecessor in &predecessors {
        context.output.say(&format!(
            "{} To delete it: keydesk keys delete {}",
            still_works(context, predecessor),
            predecessor.id
        ));
    }
    let receipts: Vec<_> = tombstones.iter().map(|tombstone| Receipt::of(tombstone, committed)).collect();
    context.output.if_json(&receipts)
}

/// The keys that these replaced and that are still accepted, in their overlap.
fn working_predecessors(
    context: &Context,
    reader: &Reader<'_>,
    replacing: &[Key],
) -> Result<Vec<Key>, CommandError> {
    // Each key once, so that a circle in a damaged database ends too.
    let mut seen: HashSet<KeyId> = replacing.iter().map(|key| key.id).collect();
    let mut working = Vec::new();
    for key in replacing {
        let mut next = key.replaces;
        while let Some(id) = next.filter(|id| seen.insert(*id)) {
            let Some(key) = keys::get(reader, id)? else { break };
            next = key.replaces;
            if !key.is_disabled(context.now()) && key.ended(context.now()).is_none() {
                working.push(key);
            }
        }
    }
    Ok(working)
}

fn still_works(context: &Context, predecessor: &Key) -> String {
    format!(
        "The predecessor {} still works until {}.",
        predecessor.prefix,
        context.exact(predecessor.expires)
    )
}

fn about(context: &Context, shown: &Shown) -> String {
    let key = &shown.key;
    let used = text::use_of(key, &shown.days, &shown.sources, context.now());
    let moved = text::moved_and_left_sources(&shown.sources);
    let moved = moved.map(|moved| format!(". Moved to its successor: {moved}")).unwrap_or_default();
    let platform = context.settings.catalog.label(&key.kind);
    let owner = key.owner.as_ref().map(|owner| format!(" (owner: {owner})")).unwrap_or_default();
    let (name, prefix, application) = (&key.name, &key.prefix, inert(&shown.application));
    format!("  {name}{owner}  {prefix}  {platform}  {application}: {used}{moved}")
}
