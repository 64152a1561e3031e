//! The text output.

use super::report::{Group, IDLE_DAYS, MAX_LISTED, Report, UsedCanary};
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::output::table::{Cell, Style};
use crate::domain::expiry::relative_short;
use crate::domain::key::Key;
use crate::domain::text::Name;
use crate::store::attention::DeletedInUse;

/// Maximum number of rows of a group that is information.
const MAX_ROWS: usize = 20;

const HEADS: [&str; 9] =
    ["NAME", "KEY ID", "APPLICATION", "PLATFORM", "EXPIRES", "LAST USED", "OWNER", "CREATOR", "REPLACED BY"];

const CANARY_HEADS: [&str; 8] =
    ["NAME", "KEY ID", "APPLICATION", "OWNER", "CREATOR", "REQUESTS", "LAST REQUEST", "SOURCE"];

const DELETED_HEADS: [&str; 6] = ["NAME", "KEY ID", "APPLICATION", "DELETED", "LAST REQUEST", "SOURCE"];

pub(super) fn print(context: &Context, report: &Report, within: &str) -> Result<(), CommandError> {
    let Report { canaries, expiring, still_used, stalled, deleted_in_use, rotating, idle, undelivered } =
        report;
    print_canaries(context, canaries)?;
    if expiring.keys.is_empty() {
        context.output.line(&format!("Nothing expires within {within}."))?;
    } else {
        let heading = format!("{} within {within}:", counted(expiring, "expires", "expire"));
        print_group(context, &heading, expiring, MAX_LISTED)?;
    }
    if !still_used.keys.is_empty() {
        let heading = counted(still_used, "stops working soon and is", "stop working soon and are");
        print_group(context, &format!("{heading} still in use since rotation:"), still_used, MAX_LISTED)?;
    }
    if !stalled.keys.is_empty() {
        let heading = counted(stalled, "expires soon and its", "expire soon and their");
        print_group(context, &format!("{heading} successor was never used:"), stalled, MAX_LISTED)?;
    }
    print_deleted(context, deleted_in_use)?;
    let notes = [
        (
            rotating,
            counted(rotating, "was rotated and ends", "were rotated and end"),
            format!(" within {within} or when unused:"),
        ),
        (
            idle,
            counted(idle, "is valid and was not used", "are valid and were not used"),
            format!(" for {IDLE_DAYS} days:"),
        ),
        (
            undelivered,
            counted(undelivered, "is valid but was", "are valid but were"),
            " never delivered (rotate or delete):".to_owned(),
        ),
    ];
    for (group, who, what) in notes.into_iter().filter(|(group, ..)| !group.keys.is_empty()) {
        print_group(context, &format!("{who}{what}"), group, MAX_ROWS)?;
    }
    Ok(())
}

fn counted(group: &Group, one: &str, many: &str) -> String {
    match group.keys.len() {
        1 if !group.more => format!("1 key {one}"),
        count if group.more => format!("{count} keys or more {many}"),
        count => format!("{count} keys {many}"),
    }
}

fn print_group(context: &Context, heading: &str, group: &Group, shown: usize) -> Result<(), CommandError> {
    context.output.line(heading)?;
    let mut table = context.output.table(&HEADS);
    for (key, application) in group.keys.iter().take(shown) {
        table.row(vec![
            Cell::plain(key.name.to_string()),
            Cell::plain(key.id.as_str()),
            Cell::plain(application.clone()),
            Cell::plain(context.settings.catalog.label(&key.kind)),
            Cell::plain(relative_short(key.expires, context.now())),
            match key.last_used {
                Some(at) => Cell::plain(relative_short(at, context.now())),
                None => Cell::styled("never", Style::Faint),
            },
            Cell::plain(owner(key)),
            creator(key),
            Cell::plain(key.replaced_by.map(|id| id.to_string()).unwrap_or_default()),
        ])?;
    }
    table.finish()?;
    if let Some(rest) = group.keys.len().checked_sub(shown).filter(|rest| *rest > 0) {
        context.output.line(&format!("... and {rest} more (--json lists them)"))?;
    }
    Ok(())
}

fn owner(key: &Key) -> String {
    key.owner.as_ref().map(Name::to_string).unwrap_or_default()
}

fn creator(key: &Key) -> Cell {
    match &key.creator.email {
        Some(email) => Cell::plain(email.to_string()),
        None => Cell::styled("(deleted)", Style::Faint),
    }
}

fn print_canaries(context: &Context, canaries: &[UsedCanary]) -> Result<(), CommandError> {
    match canaries.len() {
        0 => return Ok(()),
        1 => context.output.line("1 canary key was used (keys acknowledge ends the alarm):")?,
        count => {
            context
                .output
                .line(&format!("{count} canary keys were used (keys acknowledge ends the alarm):"))?;
        }
    }
    let mut table = context.output.table(&CANARY_HEADS);
    for UsedCanary { key, application, sources } in canaries {
        for (place, source) in sources.iter().enumerate() {
            // The key once, beside its latest source.
            let first = |text: &str| Cell::plain(if place == 0 { text } else { "" }.to_owned());
            table.row(vec![
                first(&key.name.to_string()),
                first(key.id.as_str()),
                first(application),
                first(&owner(key)),
                if place == 0 { creator(key) } else { Cell::plain("") },
                Cell::plain(source.requests.to_string()),
                Cell::plain(relative_short(source.last, context.now())),
                Cell::plain(source.address.label()),
            ])?;
        }
    }
    table.finish()?;
    Ok(())
}

fn print_deleted(context: &Context, deleted: &[(DeletedInUse, String)]) -> Result<(), CommandError> {
    match deleted.len() {
        0 => return Ok(()),
        1 => context.output.line("1 deleted key is still in use:")?,
        count => context.output.line(&format!("{count} deleted keys are still in use:"))?,
    }
    let mut table = context.output.table(&DELETED_HEADS);
    for (DeletedInUse { tombstone, last, last_from }, application) in deleted {
        table.row(vec![
            Cell::plain(tombstone.name.to_string()),
            Cell::plain(tombstone.id.as_str()),
            Cell::plain(application.clone()),
            Cell::plain(relative_short(tombstone.deleted, context.now())),
            Cell::plain(relative_short(*last, context.now())),
            match last_from {
                Some(address) => Cell::plain(address.clone()),
                None => Cell::styled("unknown address", Style::Faint),
            },
        ])?;
    }
    table.finish()?;
    Ok(())
}
