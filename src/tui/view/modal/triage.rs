//! Leak triage: what the keys in a pasted text are.

use ratatui::style::Style;
use ratatui::text::Span;

use crate::desk::text::{canary_use, last_use};
use crate::desk::{FoundState, Identified, Known, UsedSource};
use crate::domain::text::inert;
use crate::tui::app::App;
use crate::tui::app::modal::triage::Triage;
use crate::tui::view::appearance::Appearance;
use crate::tui::view::facts::{count, creator};
use crate::tui::view::key_details::refusals;
use crate::tui::view::page::Page;
use crate::tui::view::sources;

/// Sources that are listed. The details of the key have all.
const MOST_SOURCES: usize = 4;

pub(super) fn panel(app: &App, triage: &Triage, page: &mut Page<'_>) {
    let theme = page.theme();
    page.title = "Leak triage".into();
    if let Some(error) = &triage.error {
        page.text(&inert(error), theme.danger);
        return;
    }
    let received = count(triage.received as u64, "character");
    match (&triage.found, triage.shown()) {
        (None, _) if triage.is_reading() => {
            page.text(&format!("{received} received. Identifying..."), theme.dim);
        }
        (None, _) => {
            page.text("Paste a text that contains a key, or a part of one from its prefix on.", theme.text);
            page.text("The text is not displayed, stored or logged.", theme.dim).blank();
            let typed = match triage.typed() {
                0 => "Nothing received yet.".to_owned(),
                typed => format!("{} typed.", count(typed as u64, "character")),
            };
            page.text(&typed, theme.accent);
        }
        (Some(_), None) => {
            page.text(&format!("{received} received. They contain no key."), theme.text).blank();
            page.text("A key begins with its prefix, the type and a key ID of 10 characters.", theme.dim);
        }
        (Some(all), Some(found)) => {
            if all.len() > 1 {
                page.title = format!("Leak triage: key {} of {}", triage.chosen + 1, all.len());
            }
            draw(app, found, page);
            page.blank().text(&format!("{received} received, not displayed."), theme.dim);
        }
    }
}

/// The state with a sign, so that its color is not the only difference.
fn state(found: &Identified, appearance: &Appearance) -> (String, Style) {
    let (theme, glyphs) = (&appearance.theme, appearance.glyphs);
    let (sign, style) = match found.state {
        FoundState::Live => (glyphs.valid, theme.danger),
        FoundState::Disabled => (glyphs.disabled, theme.warning),
        FoundState::Expired | FoundState::Deleted => (glyphs.expired, theme.good),
        FoundState::Canary => (glyphs.canary, theme.warning),
        FoundState::Unknown | FoundState::Foreign | FoundState::Malformed => (glyphs.expired, theme.dim),
    };
    (format!("{sign} {}{}", found.state.label(), found.unproven_mark()), style)
}

fn draw(app: &App, found: &Identified, page: &mut Page<'_>) {
    let theme = page.theme();
    let (word, style) = state(found, page.appearance);
    page.line(Span::styled(word, style));
    page.text(&found.verdict(&app.shared.zone(), app.shared.now), theme.text);
    if let Some(caveat) = found.caveat() {
        page.text(&caveat, theme.warning);
    }
    page.blank().facts(&[("Key", &found.text.displayed())]);
    for (name, value) in
        [("Name", found.name()), ("Application", found.application()), ("Owner", found.owner())]
    {
        if let Some(value) = value {
            page.facts(&[(name, value)]);
        }
    }
    let used = |page: &mut Page<'_>| {
        let (at, from) = found.last_used();
        page.fact("Use", &format!("{}.", last_use(at, from, app.shared.now)), theme.text);
    };
    match found.known.as_deref() {
        None => {}
        Some(Known::Key { details, .. }) => {
            page.facts(&[("Creator", &creator(&details.key.creator))]);
            if details.key.is_canary {
                page.fact("Use", &canary_use(&details.rejected, app.shared.now), theme.text);
                sources_of(app, "Used by", &details.rejected, page);
                return;
            }
            used(page);
            page.fact("Last 30 days", &count(details.uses(), "request"), theme.text);
            refusals(app, &details.refused, page);
            sources_of(app, "Sources", &details.sources, page);
        }
        Some(Known::Deleted { remains, .. }) => {
            used(page);
            refusals(app, &remains.refused, page);
            sources_of(app, "Sources since the deletion", &remains.sources, page);
        }
    }
}

fn sources_of(app: &App, title: &str, all: &[UsedSource], page: &mut Page<'_>) {
    let shown = all.get(..MOST_SOURCES).unwrap_or(all);
    sources::table(app, title, shown, page);
    if all.len() > shown.len() {
        let more = format!("and {} more", all.len() - shown.len());
        page.text(&more, page.theme().dim);
    }
}
