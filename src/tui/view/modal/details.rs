//! Details of a key and of an audit entry.

use crate::domain::text::inert;
use crate::tui::app::App;
use crate::tui::app::modal::{AuditDetails, Details};
use crate::tui::app::msg::Remains;
use crate::tui::view::facts::{actor, count, exact, from};
use crate::tui::view::key_details;
use crate::tui::view::page::Page;

/// A key's details as a modal.
pub(super) fn panel(app: &App, details: &Details, page: &mut Page<'_>) {
    let theme = page.theme();
    match &details.details {
        None => drop(page.text("Reading...", theme.dim)),
        Some(None) => drop(page.text("This key is gone: another session has deleted it.", theme.warning)),
        Some(Some(found)) => key_details::draw(app, found, page),
    }
    page.title = "API key".into();
    page.scroll = details.scroll.0;
}

/// An audit entry's details.
pub(super) fn audit(app: &App, details: &AuditDetails, page: &mut Page<'_>) {
    let theme = page.theme();
    let (row, entry) = (&details.row, &details.row.entry);
    page.facts(&[
        ("Number", &entry.number),
        ("When", &exact(app, entry.at)),
        ("Who", &format!("{} (login number {})", actor(row), entry.actor_uid)),
        ("What", &entry.label()),
        ("To", &row.subject()),
    ]);
    if let Some(application) = &row.application {
        page.facts(&[("Application", application)]);
    }
    for change in entry.changes() {
        let text = match (&change.before, &change.after) {
            (Some(before), Some(after)) => format!("{} -> {}", inert(before), inert(after)),
            (Some(before), None) => format!("was {}", inert(before)),
            (None, Some(after)) => inert(after),
            (None, None) => String::new(),
        };
        page.fact(&inert(&change.field), &text, theme.text);
    }
    if let Some(found) = &details.remains {
        remains(app, found, page);
    }
    page.blank().fact("Hash", &row.hash.to_string(), theme.dim);
    page.title = format!("Audit entry {}", entry.number);
    page.scroll = details.scroll.0;
}

/// The receipt of a deletion, and who goes on as if nothing had happened.
fn remains(app: &App, remains: &Remains, page: &mut Page<'_>) {
    let theme = page.theme();
    let Remains { tombstone, refused } = remains;
    let at = |at, address: &Option<String>| format!("{}{}", exact(app, at), from(address.as_deref()));
    let last = tombstone.last_used.map(|last| at(last, &tombstone.last_used_from));
    page.blank()
        .facts(&[("Key", &tombstone.prefix), ("Last let in", &last.unwrap_or_else(|| "never".into()))]);
    match tombstone.first_refused {
        Some(first) => {
            page.fact("First refused", &at(first, &tombstone.first_refused_from), theme.warning);
        }
        None => drop(page.fact("First refused", "not presented since it was deleted", theme.dim)),
    }
    if let Some(still) = refused.iter().find(|refused| refused.today > 0) {
        let by = still.last_from.as_deref().map_or("somebody".to_owned(), inert);
        let text = format!("Still presented by {by}, {} today.", count(still.today, "time"));
        page.text(&text, theme.warning);
    }
    key_details::refusals(app, refused, page);
}
