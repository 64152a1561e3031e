//! `keydesk keys disable`, `enable` and `delete`: all of the named keys or none.

use serde::Serialize;

use super::super::confirm;
use super::super::exit::Exit;
use super::super::failure::Stop;
use super::super::resolve;
use super::super::run::{Run, change, read};
use super::picked;
use super::show::Shown;
use crate::desk;
use crate::domain::Instant;
use crate::domain::expiry::{relative, rfc3339};
use crate::domain::key::{Key, Tombstone};
use crate::domain::text::inert;
use crate::host::clock::{self, Zone};

pub(super) fn set_disabled(run: &Run, named: &[String], disabled: bool) -> Result<Exit, Stop> {
    let mut store = run.store_to_change()?;
    let keys = read(&store, |reader| resolve::several(run, reader, named))?;
    let changed = change(&mut store, |session| desk::set_disabled(session, &picked(&keys), disabled))?;
    for (before, key) in keys.iter().zip(&changed) {
        let sentence = match (before.disabled.is_some() == disabled, disabled) {
            (true, true) => "was disabled already.",
            (true, false) => "was not disabled.",
            (false, true) => "disabled. Requests with it are refused until it is enabled again.",
            (false, false) => "enabled. Requests with it are let in again until it expires.",
        };
        run.output.say(&format!("Key {} ({}) {sentence}", key.prefix, key.name));
    }
    if run.output.is_json() {
        let shown = Shown::around_all(run, &store, changed)?;
        let documents: Vec<_> = shown.iter().map(|shown| shown.document(run)).collect();
        run.output.document(&documents)?;
    }
    Ok(Exit::Done)
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

pub(super) fn delete(run: &Run, named: &[String], yes: bool) -> Result<Exit, Stop> {
    let mut store = run.store_to_change()?;
    let shown = read(&store, |reader| {
        let keys = resolve::several(run, reader, named)?;
        keys.into_iter().map(|key| Shown::around(run, reader, key)).collect::<Result<Vec<_>, _>>()
    })?;
    let wanted = match shown.as_slice() {
        [one] => one.key.name.as_str().to_owned(),
        several => format!("delete {} keys", several.len()),
    };
    confirm::ask(yes, &preview(run, &shown), &wanted)?;
    let keys: Vec<Key> = shown.into_iter().map(|shown| shown.key).collect();
    let tombstones = change(&mut store, |session| desk::delete_keys(session, &picked(&keys)))?;
    let committed = clock::now();
    run.scrub(&store);
    for tombstone in &tombstones {
        let last = tombstone.last_used.map_or("It was never used.".to_owned(), |at| {
            let from = tombstone.last_used_from.as_deref().map(|from| format!(" from {}", inert(from)));
            format!("Last let in: {}{}.", run.exact(at), from.unwrap_or_default())
        });
        run.output.say(&format!(
            "Key {} ({}) deleted. Requests with it are refused since {}. {last}",
            tombstone.prefix,
            tombstone.name,
            Zone::Local.show(committed)
        ));
    }
    if run.output.is_json() {
        run.output.document(&tombstones.iter().map(|t| Receipt::of(t, committed)).collect::<Vec<_>>())?;
    }
    Ok(Exit::Done)
}

/// What is about to break.
fn preview(run: &Run, shown: &[Shown]) -> Vec<String> {
    let mut lines: Vec<String> = shown.iter().map(|shown| about(run, shown)).collect();
    lines.push(
        "Deleting an API key cannot be undone. The software that uses that key immediately loses access to the \
         Integration API."
            .into(),
    );
    lines
}

fn about(run: &Run, shown: &Shown) -> String {
    let key = &shown.key;
    let used = match key.last_used {
        None => "never used".to_owned(),
        Some(at) => {
            let from = key.last_used_from.as_deref().map(|from| format!(" from {}", inert(from)));
            format!(
                "{} requests in 30 days, the last {}{}",
                shown.uses_30d,
                relative(at, run.now),
                from.unwrap_or_default()
            )
        }
    };
    let platform = run.settings.catalogue.label(&key.kind);
    format!("  {}  {}  {platform}  {}: {used}", key.name, key.prefix, inert(&shown.application))
}
