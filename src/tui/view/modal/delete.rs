//! Typed confirmation of what cannot be undone.

use ratatui::text::Span;

use crate::desk::text::DELETION_IS_FINAL;
use crate::domain::expiry::relative;
use crate::domain::text::inert;
use crate::tui::app::App;
use crate::tui::app::modal::delete::{Delete, Focus, Subject};
use crate::tui::app::modal::targets::Targets;
use crate::tui::app::msg::{KeyDetails, Target};
use crate::tui::view::facts::{count, email, from, state};
use crate::tui::view::page::{Button, ButtonTone, Page};

pub(super) fn panel(app: &App, delete: &Delete, page: &mut Page<'_>) {
    let theme = page.theme();
    let title = match &delete.subject {
        Subject::Keys(keys) => {
            targets(app, keys, "deleted", page);
            page.blank().text(DELETION_IS_FINAL, theme.danger);
            match keys.picked.len() {
                1 => "Delete API key".to_owned(),
                all => format!("Delete {all} API keys"),
            }
        }
        Subject::Application(application) => {
            page.facts(&[("Application", &application.name), ("Keys", &application.keys)]).blank();
            let dies = match application.keys {
                0 => "It has no keys. ".to_owned(),
                1 => "Its key is deleted with it. ".to_owned(),
                keys => format!("Its {keys} keys are deleted with it. "),
            };
            page.text(&format!("{dies}{DELETION_IS_FINAL}"), theme.danger);
            "Delete Application".to_owned()
        }
        Subject::User(user) => {
            page.facts(&[("User", &email(user)), ("Keys created", &user.keys)]).blank();
            page.text(
                "Deleting a user cannot be undone. The email is wiped and shown nowhere any more. The keys that they \
                 created go on working until they expire.",
                theme.danger,
            );
            "Delete user".to_owned()
        }
    };
    page.blank();
    if let Some(expected) = delete.expected() {
        page.line(vec![
            Span::styled("To confirm, type  ", theme.dim),
            Span::styled(inert(&expected), theme.heading),
        ]);
    }
    page.field("", &delete.typed, delete.focus == Focus::Text, 0);
    let matches = delete.matches();
    if delete.submission.is_pending() || delete.submission.error.is_some() {
        page.submission(&delete.submission, "Deleting...");
    } else if matches {
        page.text("It matches: Enter deletes.", theme.warning);
    } else if delete.mismatch || !delete.typed.text().is_empty() {
        page.text("It does not match: Enter does nothing yet.", theme.dim);
    } else {
        page.blank();
    }
    page.buttons(&[
        Button {
            label: "Cancel",
            focused: delete.focus == Focus::Cancel,
            tone: ButtonTone::Plain,
            target: Target::Choice(1),
        },
        Button {
            label: "Delete",
            focused: delete.focus == Focus::Delete,
            tone: if matches { ButtonTone::Danger } else { ButtonTone::Off },
            target: Target::Choice(2),
        },
    ]);
    page.title = title;
    page.is_dangerous = true;
}

fn one_key(app: &App, one: &KeyDetails, page: &mut Page<'_>) {
    let theme = page.theme();
    let key = &one.key;
    let platform = app.shared.catalog().label(&key.kind);
    page.facts(&[("Name", &key.name), ("Key", &key.prefix), ("Platform", &platform)]);
    let (word, style) = state(key.state(app.shared.now, app.shared.settings().expires_soon), page.appearance);
    page.fact("State", &word, style);
    page.fact("Use", &used(app, one), if key.last_used.is_some() { theme.warning } else { theme.text });
}

/// What would stop working.
fn used(app: &App, one: &KeyDetails) -> String {
    let Some(at) = one.key.last_used else { return "never used".to_owned() };
    let mut days = one.days.iter().rev().copied();
    let (today, yesterday) = (days.next().unwrap_or(0), days.next().unwrap_or(0));
    format!(
        "{} today, {yesterday} yesterday, {} in 30 days; the last {}{}",
        count(today, "request"),
        one.uses(),
        relative(at, app.shared.now),
        from(one.key.last_used_from.as_deref())
    )
}

/// The only key of a dialog, or the first of several.
pub(super) fn targets(app: &App, targets: &Targets, done: &str, page: &mut Page<'_>) {
    match targets.single() {
        Some(one) => one_key(app, one, page),
        None if targets.picked.len() != 1 => preview(app, &targets.keys, targets.picked.len(), done, page),
        None if targets.is_reading() => drop(page.text("Reading...", page.theme().dim)),
        None => {}
    }
}

fn preview(app: &App, keys: &[KeyDetails], all: usize, done: &str, page: &mut Page<'_>) {
    let theme = page.theme();
    page.text(&format!("{} will be {done}:", count(all as u64, "key")), theme.text).blank();
    let shown = 8;
    for one in keys.iter().take(shown) {
        let used = one
            .key
            .last_used
            .map_or_else(|| "never used".to_owned(), |at| format!("used {}", relative(at, app.shared.now)));
        page.text(&format!("  {}  {}  {used}", one.key.id, one.key.name), theme.text);
    }
    if all > keys.len().min(shown) && !keys.is_empty() {
        page.text(&format!("  and {} more", all - keys.len().min(shown)), theme.dim);
    }
}
