//! What is about to break, and the text to type before it does.

use super::Panel;
use crate::domain::expiry::relative;
use crate::domain::text::inert;
use crate::tui::app::App;
use crate::tui::app::action::Action;
use crate::tui::app::modal::confirm::{Confirm, Question};
use crate::tui::app::modal::delete::{Delete, Focus, Subject};
use crate::tui::app::msg::{KeyDetails, Target};
use crate::tui::view::Look;
use crate::tui::view::page::{Button, ButtonTone, Page};
use crate::tui::view::screen::{count, state};

/// The sentence of the product page.
pub const FOREVER: &str = "Deleting an API key cannot be undone. The software that uses that key immediately loses \
    access to the Integration API.";

/// The dialog.
pub(super) fn panel<'a>(app: &App, delete: &Delete, look: &'a Look, room: usize) -> Panel<'a> {
    let theme = &look.theme;
    let mut page = Page::new(look, room);
    let title = match &delete.subject {
        Subject::Keys { picked, keys, awaited } => {
            if picked.len() == 1 {
                match keys.first() {
                    Some(one) => one_key(app, one, &mut page),
                    None if awaited.is_some() => drop(page.text("Reading...", theme.dim)),
                    None => {}
                }
            } else {
                preview(app, keys, picked.len(), "deleted", &mut page);
            }
            page.blank().text(FOREVER, theme.danger);
            if picked.len() == 1 {
                "Delete API key".to_owned()
            } else {
                format!("Delete {} API keys", picked.len())
            }
        }
        Subject::Application(application) => {
            page.fact("Application", &application.name.to_string(), theme.text);
            page.fact("Keys", &application.keys.to_string(), theme.text).blank();
            let dies = match application.keys {
                0 => "It has no keys. ".to_owned(),
                1 => "Its key is deleted with it. ".to_owned(),
                keys => format!("Its {keys} keys are deleted with it. "),
            };
            page.text(&format!("{dies}{FOREVER}"), theme.danger);
            "Delete Application".to_owned()
        }
        Subject::User(user) => {
            let email = user.email.as_ref().map(ToString::to_string).unwrap_or_default();
            page.fact("User", &email, theme.text);
            page.fact("Keys created", &user.keys.to_string(), theme.text).blank();
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
            ratatui::text::Span::styled("To confirm, type  ", theme.dim),
            ratatui::text::Span::styled(inert(&expected), theme.heading),
        ]);
    }
    page.field("", &delete.typed, delete.focus == Focus::Text, 0);
    let matches = delete.matches();
    if delete.is_submitting() {
        page.text("Deleting...", theme.warning);
    } else if let Some(error) = &delete.error {
        page.text(&inert(error), theme.danger);
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
    Panel { title, page, hints: vec![Action::Cancel, Action::Next], scroll: 0, danger: true }
}

pub(super) fn one_key(app: &App, one: &KeyDetails, page: &mut Page<'_>) {
    let theme = &page.look.theme;
    let key = &one.key;
    page.fact("Name", &key.name.to_string(), theme.text);
    page.fact("Key", &key.prefix, theme.text);
    page.fact("Platform", &app.around.catalogue.label(&key.kind), theme.text);
    let (word, style) = state(key.state(app.now, app.around.settings.expires_soon), page.look);
    page.fact("State", &word, style);
    page.fact("Use", &used(app, one), if key.last_used.is_some() { theme.warning } else { theme.text });
}

/// What would stop working.
fn used(app: &App, one: &KeyDetails) -> String {
    let Some(at) = one.key.last_used else { return "never used".to_owned() };
    let from =
        one.key.last_used_from.as_deref().map(|from| format!(" from {}", inert(from))).unwrap_or_default();
    let mut days = one.days.iter().rev().copied();
    let (today, yesterday) = (days.next().unwrap_or(0), days.next().unwrap_or(0));
    format!(
        "{} today, {yesterday} yesterday, {} in 30 days; the last {}{from}",
        count(today, "request"),
        one.uses(),
        relative(at, app.now)
    )
}

pub(super) fn preview(app: &App, keys: &[KeyDetails], all: usize, done: &str, page: &mut Page<'_>) {
    let theme = &page.look.theme;
    page.text(&format!("{} will be {done}:", count(all as u64, "key")), theme.text).blank();
    let shown = 8;
    for one in keys.iter().take(shown) {
        let used = one
            .key
            .last_used
            .map_or_else(|| "never used".to_owned(), |at| format!("used {}", relative(at, app.now)));
        page.text(&format!("  {}  {}  {used}", one.key.id, one.key.name), theme.text);
    }
    if all > keys.len().min(shown) && !keys.is_empty() {
        page.text(&format!("  and {} more", all - keys.len().min(shown)), theme.dim);
    }
}

/// Yes or No for what can be undone.
pub(super) fn confirm<'a>(app: &App, confirm: &Confirm, look: &'a Look, room: usize) -> Panel<'a> {
    let theme = &look.theme;
    let mut page = Page::new(look, room);
    let (title, yes) = match &confirm.question {
        Question::Keys { picked, keys, disable, .. } => {
            match (picked.len(), keys.first()) {
                (1, Some(one)) => one_key(app, one, &mut page),
                (1, None) => {}
                (all, _) => preview(app, keys, all, if *disable { "disabled" } else { "enabled" }, &mut page),
            }
            page.blank();
            let text = if *disable {
                "Requests with a disabled key are refused at once. You can enable it again until it expires."
            } else {
                "Requests with an enabled key are let in again, until it expires."
            };
            page.text(text, theme.text);
            let keys =
                if picked.len() == 1 { "this key".to_owned() } else { format!("{} keys", picked.len()) };
            let verb = if *disable { "Disable" } else { "Enable" };
            (format!("{verb} {keys}?"), verb)
        }
        Question::User { user, disable } => {
            let email = user.email.as_ref().map(ToString::to_string).unwrap_or_default();
            page.fact("User", &email, theme.text)
                .fact("Keys created", &user.keys.to_string(), theme.text)
                .blank();
            let text = if *disable {
                "A disabled user can look, and change nothing. The keys that they created work until they expire, and \
                 their email is displayed."
            } else {
                "An enabled user can change things again."
            };
            page.text(text, theme.text);
            let verb = if *disable { "Disable" } else { "Enable" };
            (format!("{verb} this user?"), verb)
        }
    };
    page.blank();
    if confirm.is_submitting() {
        page.text("Writing...", theme.warning);
    } else if let Some(error) = &confirm.error {
        page.text(&inert(error), theme.danger);
    }
    page.buttons(&[
        Button { label: "No", focused: !confirm.yes, tone: ButtonTone::Plain, target: Target::Choice(0) },
        Button { label: yes, focused: confirm.yes, tone: ButtonTone::Plain, target: Target::Choice(1) },
    ]);
    Panel {
        title,
        page,
        hints: vec![Action::Confirm, Action::Cancel, Action::Next],
        scroll: 0,
        danger: false,
    }
}
