//! Confirmation of what cannot be undone.

use super::targets;
use crate::config::bindings::{Action, Context};
use crate::desk::text::{DELETING_A_USER, DELETION_IS_FINAL};
use crate::domain::text::inert;
use crate::tui::app::App;
use crate::tui::app::modal::delete::{Asks, Delete, Focus, Subject};
use crate::tui::app::msg::Target;
use crate::tui::view::facts;
use crate::tui::view::page::{Button, ButtonTone, Page};

pub(super) fn panel(app: &App, delete: &Delete, page: &mut Page<'_>) {
    let theme = page.theme();
    page.is_dangerous = true;
    match &delete.subject {
        Subject::Keys(keys) => {
            page.title = targets::title("Delete", keys);
            if !targets::draw(app, keys, page) {
                return;
            }
            page.blank().text(DELETION_IS_FINAL, theme.danger);
        }
        Subject::Application(application) => {
            page.title = "Delete Application".into();
            page.facts(&[("Application", &application.name), ("Keys", &application.keys)]).blank();
            let keys = match application.keys {
                0 => "It has no keys. ".to_owned(),
                1 => "Its key is deleted with it. ".to_owned(),
                keys => format!("Its {keys} keys are deleted with it. "),
            };
            page.text(&format!("{keys}{DELETION_IS_FINAL}"), theme.danger);
        }
        Subject::User(user) => {
            page.title = "Delete user".into();
            page.facts(&[("User", &facts::user(app, user)), ("Keys created", &user.keys)]).blank();
            page.text(DELETING_A_USER, theme.danger);
        }
    }
    page.blank();
    match delete.asks() {
        Asks::Text(texts) => typed(delete, &texts, page),
        Asks::Yes => yes(app, delete, page),
        Asks::Unknown | Asks::Nothing => {}
    }
}

/// Asks for one of some texts.
fn typed(delete: &Delete, texts: &[String], page: &mut Page<'_>) {
    let theme = page.theme();
    match texts {
        [end, _] => {
            page.text(&format!("To confirm, type {end} (the end of the key ID) or the name."), theme.heading)
        }
        texts => page.text(&format!("To confirm, type: {}", inert(&texts.concat())), theme.heading),
    };
    page.field("", &delete.typed, delete.focus == Focus::Text, 0);
    let matches = delete.matches();
    if delete.submission.is_pending() || delete.submission.error.is_some() {
        page.submission(&delete.submission, "Deleting...");
    } else if matches {
        page.text("Press Enter to delete.", theme.warning);
    } else if delete.mismatch {
        page.text("The text does not match.", theme.warning);
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
}

/// Asks for Yes: no software uses the key.
fn yes(app: &App, delete: &Delete, page: &mut Page<'_>) {
    let bound = app.shared.bindings().get(Context::Question, Action::Yes);
    let chord = bound.and_then(|bound| bound.chords.first()).map(ToString::to_string).unwrap_or_default();
    page.text(&format!("Press {chord} to delete."), page.theme().heading);
    page.submission(&delete.submission, "Deleting...");
    page.buttons(&[
        Button { label: "Cancel", focused: true, tone: ButtonTone::Plain, target: Target::Choice(1) },
        Button {
            label: &format!("{chord}: Delete"),
            focused: false,
            tone: ButtonTone::Danger,
            target: Target::Choice(2),
        },
    ]);
}
