//! Yes or No, for what can be undone.

use super::targets;
use crate::desk::text::DISABLING_YOURSELF;
use crate::domain::user::User;
use crate::tui::app::App;
use crate::tui::app::modal::confirm::{Confirm, Subject};
use crate::tui::app::msg::Target;
use crate::tui::view::facts;
use crate::tui::view::page::{Button, ButtonTone, Page};

pub(super) fn panel(app: &App, confirm: &Confirm, page: &mut Page<'_>) {
    let (verb, text) = match &confirm.subject {
        Subject::EnableKeys(keys) => {
            page.title = targets::title("Enable", keys);
            if !targets::draw(app, keys, page) {
                return;
            }
            ("Enable", "Requests with an enabled key are accepted again until it expires.")
        }
        Subject::Acknowledge(keys) => {
            page.title = targets::title("Acknowledge", keys);
            if !targets::draw(app, keys, page) {
                return;
            }
            let text = "This clears the alarm until the key is used again. First find out where the key was planted and \
                        who used it.";
            ("Acknowledge", text)
        }
        Subject::DisableUser(user) => {
            about_user("Disable", app, user, page);
            let text = if app.shared.is_caller(user.id) {
                DISABLING_YOURSELF
            } else {
                "A disabled user has read-only access. The keys that they created work until they expire, and their \
                 email is displayed."
            };
            ("Disable", text)
        }
        Subject::EnableUser(user) => {
            about_user("Enable", app, user, page);
            ("Enable", "An enabled user can make changes again.")
        }
    };
    let theme = page.theme();
    page.blank().text(text, theme.text).blank().submission(&confirm.submission, "Writing...");
    page.buttons(&[
        Button { label: "Cancel", focused: !confirm.yes, tone: ButtonTone::Plain, target: Target::Choice(0) },
        Button { label: verb, focused: confirm.yes, tone: ButtonTone::Plain, target: Target::Choice(1) },
    ]);
}

fn about_user(verb: &str, app: &App, user: &User, page: &mut Page<'_>) {
    page.title = format!("{verb} user");
    page.facts(&[("User", &facts::user(app, user)), ("Keys created", &user.keys)]);
}
