//! A key's details, beside the list or in a dialog.

use ratatui::text::{Line, Span};

use super::appearance::Appearance;
use super::facts::{application, count, creator, exact, from, state};
use super::page::Page;
use super::sources;
use crate::desk::text::{
    allowed_sources, canary_use, ends_at_the_earliest, ends_when, moved_sources, still_in_use,
};
use crate::domain::expiry::{local, relative};
use crate::domain::key::Key;
use crate::domain::key_filter::KeyField;
use crate::domain::text::inert;
use crate::store::usage::Refused;
use crate::tui::app::App;
use crate::tui::app::msg::KeyDetails;

/// Draws the details of a key.
pub fn draw(app: &App, details: &KeyDetails, page: &mut Page<'_>) {
    let appearance = page.appearance;
    let theme = page.theme();
    let key = &details.key;
    let zone = app.shared.zone();
    page.text(&key.name.to_string(), theme.accent);
    let (word, style) = state(app, key, appearance);
    page.line(Span::styled(word, style)).blank();
    page.facts(&[("Key", &key.prefix)]);
    application(app, key, page);
    page.facts(&[
        ("Platform", &app.shared.catalog().label(&key.kind)),
        ("Type", &key.key_type.as_str()),
        ("Expires", &if key.is_canary { "never".to_owned() } else { exact(app, key.expires) }),
        ("Created", &exact(app, key.created)),
        ("Creator", &creator(&key.creator)),
    ]);
    if let Some(ends) = ends_when(key, app.shared.now) {
        page.fact("Ends", &ends, theme.text);
    }
    if let Some(earliest) = ends_at_the_earliest(key, app.shared.now, |at| exact(app, at)) {
        page.fact("Earliest end", &earliest, theme.text);
    }
    let filter = &app.screens.keys.list.parsed;
    if let Some(owner) = &key.owner {
        page.marked_fact("Owner", &owner.to_string(), &filter.texts(KeyField::Owner));
    }
    if let Some(note) = &key.note {
        page.marked_fact("Note", &note.to_string(), &filter.texts(KeyField::Note));
    }
    if let Some(sources) = allowed_sources(key) {
        page.fact("Allowed from", &sources, theme.text);
    }
    outage(app, key, page);
    match key.delivered {
        Some(at) => page.fact("Secret", &format!("delivered {}", local(at, &zone)), theme.text),
        None => page.fact("Secret", "not delivered. Delete the key and create another one.", theme.warning),
    };
    for (name, other) in [("Replaces", key.replaces), ("Replaced by", key.replaced_by)] {
        if let Some(other) = other {
            page.facts(&[(name, &other)]);
        }
    }
    match details.used_since_rotation(app.shared.now) {
        Some(true) => drop(page.fact("Still in use", still_in_use(true), theme.warning)),
        Some(false) => drop(page.fact("Still in use", still_in_use(false), theme.good)),
        None => {}
    }
    if key.is_canary {
        canary(app, details, page);
        return;
    }
    if let Some(moved) = moved_sources(&details.sources) {
        page.fact("Moved", &moved, theme.text);
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
    match (details.uses(), key.last_used) {
        (0, None) => drop(page.fact("Last 30 days", "Never used", theme.dim)),
        (0, Some(_)) => drop(page.fact("Last 30 days", &count(0, "request"), theme.dim)),
        (uses, _) => {
            page.fact("Last 30 days", &count(uses, "request"), theme.text);
            let axis = axis(page.width);
            page.line(bars(&details.days, appearance)).line(Line::styled(axis, theme.dim));
        }
    }
    if key.disabled.is_some() {
        sources::table(app, "Rejected while disabled", &details.rejected, page);
    }
    sources::table(app, "Sources", &details.sources, page);
}

/// Adds when the last outage began and ends.
fn outage(app: &App, key: &Key, page: &mut Page<'_>) {
    let Some(since) = key.disabled else { return };
    let theme = page.theme();
    let style = if key.is_disabled(app.shared.now) { theme.warning } else { theme.text };
    page.fact("Disabled", &format!("since {}", exact(app, since)), style);
    if let Some(until) = key.disabled_until {
        page.fact("", &format!("until {}", exact(app, until)), style);
    }
}

/// Adds the uses of a canary key.
fn canary(app: &App, details: &KeyDetails, page: &mut Page<'_>) {
    let theme = page.theme();
    let style = if details.key.has_alarm() { theme.danger } else { theme.text };
    page.fact("Use", &canary_use(&details.rejected, app.shared.now), style);
    if let Some(at) = details.key.acknowledged {
        page.fact("Acknowledged", &format!("all uses up to {}", exact(app, at)), theme.text);
    }
    sources::table(app, "Used by", &details.rejected, page);
}

/// Adds the rejected requests with the key: how many, why, and the last one.
pub fn refusals(app: &App, refused: &[Refused], page: &mut Page<'_>) {
    for refused in refused {
        let text = format!(
            "{} today, {} in 30 days ({}), last {}{}",
            count(refused.today, "time"),
            refused.count,
            inert(&refused.reason).replace('_', " "),
            relative(refused.last, app.shared.now),
            from(refused.last_from.as_deref())
        );
        page.fact("Rejected", &text, page.theme().warning);
    }
}

/// Returns a bar for each day.
fn bars(days: &[u64], appearance: &Appearance) -> Line<'static> {
    let most = days.iter().copied().max().unwrap_or(0);
    let text: String = days
        .iter()
        .map(|day| match (*day, most) {
            (0, _) | (_, 0) if appearance.glyphs.ascii => "_",
            (0, _) | (_, 0) => " ",
            (day, most) => {
                let place = usize::try_from((day * 7).div_ceil(most)).unwrap_or(7);
                appearance.glyphs.bars[place.min(7)]
            }
        })
        .collect();
    Line::styled(text, appearance.theme.accent)
}

fn axis(width: usize) -> String {
    if width >= 30 { format!("{:<25}today", "30 days ago") } else { "30 days ago to today".to_owned() }
}
