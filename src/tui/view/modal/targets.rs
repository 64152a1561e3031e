//! The keys that a dialog is about.

use std::fmt::Write as _;

use ratatui::text::Span;

use crate::desk::text::{canary_use, ends_when, last_use, moved_and_left_sources, use_of};
use crate::desk::{KeyAction, Selection, Skip};
use crate::domain::key::Key;
use crate::tui::app::App;
use crate::tui::app::modal::targets::Targets;
use crate::tui::app::msg::Target;
use crate::tui::view::facts::{application, count, exact, state};
use crate::tui::view::page::{Button, ButtonTone, Page};

/// Returns the title of a dialog.
pub(super) fn title(verb: &str, targets: &Targets) -> String {
    match (targets.single(), targets.count()) {
        (Some(_), _) => format!("{verb} API key"),
        (None, 0) => format!("{verb} API keys"),
        (None, keys) => format!("{verb} {keys} API keys"),
    }
}

/// Draws the only key, or what is done to several. Returns whether anything is left to do; else the page is complete.
pub(super) fn draw(app: &App, targets: &Targets, page: &mut Page<'_>) -> bool {
    let Some(selection) = &targets.selection else {
        page.text("Loading...", page.theme().dim);
        return true;
    };
    match selection.single() {
        Some(key) => one(app, key, targets, page),
        None => several(app, targets.action, selection, page),
    }
    if selection.single().is_none() || !targets.is_empty() {
        skipped(selection, page);
    }
    if !targets.is_empty() {
        return true;
    }
    let theme = page.theme();
    page.blank().text(&nothing_left(targets.action, selection), theme.warning).blank();
    page.buttons(&[Button {
        label: "Cancel",
        focused: true,
        tone: ButtonTone::Plain,
        target: Target::Choice(1),
    }]);
    false
}

fn one(app: &App, key: &Key, targets: &Targets, page: &mut Page<'_>) {
    let theme = page.theme();
    let platform = app.shared.catalog().label(&key.kind);
    application(app, key, page);
    page.facts(&[("Name", &key.name), ("Key", &key.prefix)]);
    // The choices of an overlap and what they mean need the lines of a small terminal.
    let is_brief = targets.action == KeyAction::Overlap && !targets.is_empty();
    if !is_brief {
        page.facts(&[("Platform", &platform)]);
    }
    if let Some(owner) = &key.owner {
        page.facts(&[("Owner", owner)]);
    }
    let (word, style) = state(app, key, page.appearance);
    if !is_brief || key.is_disabled(app.shared.now) {
        page.fact("State", &word, style);
    }
    if let Some(at) = key.ended(app.shared.now) {
        page.facts(&[("Expired", &exact(app, at))]);
    }
    if let Some(ends) = ends_when(key, app.shared.now) {
        page.fact("Ends", &ends, theme.text);
    } else if targets.action == KeyAction::Overlap {
        page.facts(&[("Ends", &exact(app, key.expires))]);
    }
    let details = targets.details();
    if key.is_canary {
        let rejected = details.map(|details| details.rejected.as_slice()).unwrap_or_default();
        let style = if key.has_alarm() { theme.danger } else { theme.text };
        page.fact("Use", &canary_use(rejected, app.shared.now), style);
        return;
    }
    let days = details.map(|details| details.days.as_slice()).unwrap_or_default();
    let sources = details.map(|details| details.sources.as_slice()).unwrap_or_default();
    let style = if key.last_used.is_some() { theme.warning } else { theme.text };
    page.fact("Use", &use_of(key, days, sources, app.shared.now), style);
    if let Some(moved) = moved_and_left_sources(sources) {
        page.fact("Moved", &moved, theme.text);
    }
}

fn several(app: &App, action: KeyAction, selection: &Selection, page: &mut Page<'_>) {
    let theme = page.theme();
    let (all, now) = (selection.keys.len(), app.shared.now);
    if all > 0 {
        let done = match action {
            KeyAction::Rotate => "rotated",
            KeyAction::Overlap => "ended",
            KeyAction::Disable => "disabled",
            KeyAction::Enable => "enabled",
            KeyAction::Acknowledge => "acknowledged",
            KeyAction::Delete => "deleted",
        };
        let used = match selection.used {
            0 => "None of them was used".to_owned(),
            used if used == all && all > 1 => "All of them were used".to_owned(),
            1 => "1 of them was used".to_owned(),
            used => format!("{used} of them were used"),
        };
        let keys = count(all as u64, "key");
        page.text(&format!("{keys} will be {done}. {used} in the last 24 hours."), theme.text);
        let room = usize::from(app.shared.size.1).saturating_sub(21 + selection.skipped.len());
        let shown = &selection.first[..selection.first.len().min(room.max(2))];
        for key in shown {
            let used = last_use(key.last_used, None, now).to_lowercase();
            page.line(Span::styled(format!("  {}  {}, {used}", key.id, key.name), theme.text));
        }
        if all > shown.len() {
            page.line(Span::styled(format!("  and {} more", all - shown.len()), theme.dim));
        }
    }
}

/// Adds the keys that are left out, by the reason.
fn skipped(selection: &Selection, page: &mut Page<'_>) {
    for (place, skipped) in selection.skipped.iter().enumerate() {
        let name = if place == 0 { "Skipped" } else { "" };
        page.fact(name, &reason(skipped, page.width), page.theme().warning);
    }
}

/// How many keys are skipped for a reason, with as many names as fit on two lines.
fn reason(skipped: &crate::desk::Skipped, width: usize) -> String {
    let mut text = format!("{} {}", skipped.count, skipped.why);
    let mut named = 0;
    for name in &skipped.names {
        if text.len() + name.len() + 2 > width * 3 / 2 {
            break;
        }
        text.push_str(if named == 0 { ": " } else { ", " });
        text.push_str(name);
        named += 1;
    }
    if named > 0 && named < skipped.count {
        let _ = write!(text, " and {} more", skipped.count - named);
    }
    text
}

/// Why there is nothing to do.
fn nothing_left(action: KeyAction, selection: &Selection) -> String {
    let key = selection.single();
    let why = selection.skipped.first().map(|skipped| skipped.why).filter(|_| selection.skips() == 1);
    match (action, why) {
        (_, Some(Skip::Deleted)) => "Another session has deleted this key.".into(),
        (_, Some(Skip::Rotated)) => {
            let successor = key.and_then(|key| key.replaced_by).map(|id| id.to_string());
            let successor = successor.unwrap_or_default();
            format!("This key was already rotated. Its successor is {successor}.")
        }
        (KeyAction::Enable, Some(Skip::Expired)) => {
            "This key has expired. Enabling it would not make it valid. Rotate it to replace it.".into()
        }
        (KeyAction::Overlap, Some(Skip::Expired)) => "This key has ended: it stays rejected.".into(),
        (_, Some(Skip::NotReplaced)) => "This key is not being replaced: it has no successor.".into(),
        (_, Some(Skip::Expired)) => "This key has expired: it is already rejected.".into(),
        (_, Some(Skip::AlreadyDisabled)) => "This key is already disabled.".into(),
        (KeyAction::Rotate, Some(Skip::Canary)) => {
            "This is a canary key: it is not rotated. Delete it and create another one.".into()
        }
        (_, Some(Skip::Canary)) => "This is a canary key: it is always rejected.".into(),
        (_, Some(Skip::Enabled)) => "This key is not disabled.".into(),
        (KeyAction::Overlap, _) => "The overlap of these keys cannot be changed.".into(),
        (KeyAction::Rotate, _) => "None of these keys can be rotated.".into(),
        (KeyAction::Disable, _) => "None of these keys can be disabled.".into(),
        (KeyAction::Enable, _) => "None of these keys can be enabled.".into(),
        (_, Some(Skip::NoAlarm)) if key.is_some_and(|key| key.is_canary) => {
            "This canary key has no use that is not acknowledged.".into()
        }
        (KeyAction::Acknowledge, Some(Skip::NoAlarm)) => {
            "This is not a canary key: its use is no alarm. The filter state:canary shows canary keys.".into()
        }
        (KeyAction::Acknowledge, _) => "None of these keys has an alarm.".into(),
        (KeyAction::Delete, _) => "Another session has deleted these keys.".into(),
    }
}
