//! A key's details, beside the list or as a modal; an audit entry's details.

use ratatui::text::{Line, Span};

use super::Panel;
use crate::domain::expiry::{local, relative};
use crate::domain::text::inert;
use crate::store::usage::Refused;
use crate::tui::app::App;
use crate::tui::app::modal::{AuditDetails, Details};
use crate::tui::app::msg::{KeyDetails, Remains};
use crate::tui::view::Look;
use crate::tui::view::page::Page;
use crate::tui::view::screen::{actor, count, creator, exact, state};

/// Of a key that has a successor, and is used all the same.
const STILL_USED: &str = "yes, since it was replaced";
/// Of one that is not.
const NOT_USED: &str = "not since it was replaced";

/// All there is to say of a key.
pub fn key(app: &App, details: &KeyDetails, page: &mut Page<'_>) {
    let look = page.look;
    let theme = &look.theme;
    let key = &details.key;
    let zone = app.shared.zone();
    page.text(&key.name.to_string(), theme.accent);
    let (word, style) = state(key.state(app.shared.now, app.shared.settings().expires_soon), look);
    page.line(Span::styled(word, style)).blank();
    page.fact("Key", &key.prefix, theme.text);
    page.fact("Platform", &app.shared.catalogue().label(&key.kind), theme.text);
    page.fact("Type", key.key_type.as_str(), theme.text);
    page.fact("Expires", &exact(app, key.expires), theme.text);
    page.fact("Created", &exact(app, key.created), theme.text);
    page.fact("Creator", &creator(&key.creator), theme.text);
    if let Some(since) = key.disabled {
        page.fact("Disabled", &format!("since {}", exact(app, since)), theme.warning);
    }
    match key.delivered {
        Some(at) => page.fact("Secret", &format!("handed over {}", local(at, &zone)), theme.text),
        None => page.fact(
            "Secret",
            "never shown: nobody has it. Delete the key and create another.",
            theme.warning,
        ),
    };
    if let Some(other) = key.replaces {
        page.fact("Replaces", other.as_str(), theme.text);
    }
    if let Some(other) = key.replaced_by {
        page.fact("Replaced by", other.as_str(), theme.text);
    }
    match details.replaced.and_then(|since| key.is_still_used(since, app.shared.now)) {
        Some(true) => drop(page.fact("Still used", STILL_USED, theme.warning)),
        Some(false) => drop(page.fact("Still used", NOT_USED, theme.good)),
        None => {}
    }
    match key.last_used {
        Some(at) => page.fact("Last used", &exact(app, at), theme.text),
        None => page.fact("Last used", "never", theme.dim),
    };
    if let Some(from) = &key.last_used_from {
        page.fact("From", &inert(from), theme.text);
    }
    refusals(app, &details.refused, page);
    page.blank();
    page.line(vec![
        Span::styled("Last 30 days  ", theme.dim),
        Span::styled(count(details.uses(), "request"), theme.text),
    ]);
    let axis = axis(page.width);
    page.line(bars(&details.days, look)).line(Line::styled(axis, theme.dim));
}

/// Who was refused with the key, why, and how often.
fn refusals(app: &App, refused: &[Refused], page: &mut Page<'_>) {
    for refused in refused {
        let from = refused.last_from.as_deref().map(|from| format!(" from {}", inert(from)));
        let text = format!(
            "{} today, {} in 30 days ({}); the last {}{}",
            count(refused.today, "time"),
            refused.count,
            inert(&refused.reason).replace('_', " "),
            relative(refused.last, app.shared.now),
            from.unwrap_or_default()
        );
        page.fact("Refused", &text, page.look.theme.warning);
    }
}

/// The receipt of a deletion, and who goes on as if nothing had happened.
fn remains(app: &App, remains: &Remains, page: &mut Page<'_>) {
    let theme = &page.look.theme;
    let Remains { tombstone, refused } = remains;
    let at = |at, from: &Option<String>| {
        let from = from.as_deref().map(|from| format!(" from {}", inert(from)));
        format!("{}{}", exact(app, at), from.unwrap_or_default())
    };
    page.blank().fact("Key", &tombstone.prefix, theme.text);
    let last = tombstone.last_used.map(|last| at(last, &tombstone.last_used_from));
    page.fact("Last let in", &last.unwrap_or_else(|| "never".into()), theme.text);
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
    refusals(app, refused, page);
}

/// A bar for each day, the highest the tallest.
fn bars(days: &[u64], look: &Look) -> Line<'static> {
    let most = days.iter().copied().max().unwrap_or(0);
    let text: String = days
        .iter()
        .map(|day| match (*day, most) {
            (0, _) | (_, 0) => {
                if look.glyphs.ascii {
                    "_"
                } else {
                    " "
                }
            }
            (day, most) => {
                let place = usize::try_from((day * 7).div_ceil(most)).unwrap_or(7);
                look.glyphs.bars[place.min(7)]
            }
        })
        .collect();
    Line::styled(text, look.theme.accent)
}

fn axis(width: usize) -> String {
    if width >= 30 { format!("{:<25}today", "30 days ago") } else { "30 days ago to today".to_owned() }
}

/// A key's details as a modal.
pub(super) fn panel<'a>(app: &App, details: &Details, look: &'a Look, room: usize) -> Panel<'a> {
    let mut page = Page::new(look, room);
    match &details.details {
        None => page.text("Reading...", look.theme.dim),
        Some(None) => page.text("This key is gone: another session has deleted it.", look.theme.warning),
        Some(Some(found)) => {
            key(app, found, &mut page);
            &mut page
        }
    };
    Panel::new("API key", page).scrolled(details.scroll)
}

/// An audit entry's details.
pub(super) fn audit<'a>(app: &App, details: &AuditDetails, look: &'a Look, room: usize) -> Panel<'a> {
    let theme = &look.theme;
    let (row, entry) = (&details.row, &details.row.entry);
    let mut page = Page::new(look, room);
    page.fact("Number", &entry.number.to_string(), theme.text);
    page.fact(
        "When",
        &format!("{} ({})", app.shared.zone().show(entry.at), relative(entry.at, app.shared.now)),
        theme.text,
    );
    page.fact("Who", &format!("{} (login number {})", actor(row), entry.actor_uid), theme.text);
    page.fact("What", &entry.label(), theme.text);
    page.fact("To", &row.subject(), theme.text);
    if let Some(application) = &row.application {
        page.fact("Application", &application.to_string(), theme.text);
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
        remains(app, found, &mut page);
    }
    page.blank().fact("Hash", &row.hash.to_string(), theme.dim);
    Panel::new(format!("Audit entry {}", entry.number), page).scrolled(details.scroll)
}
