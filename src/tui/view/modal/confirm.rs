//! Yes or No, for what can be undone.

use super::delete::targets;
use crate::desk::KeyAccess;
use crate::tui::app::App;
use crate::tui::app::modal::confirm::{Confirm, Subject};
use crate::tui::app::msg::Target;
use crate::tui::view::facts::email;
use crate::tui::view::page::{Button, ButtonTone, Page};

pub(super) fn panel(app: &App, confirm: &Confirm, page: &mut Page<'_>) {
    let theme = page.theme();
    let (verb, done) = match confirm.access {
        KeyAccess::Disabled => ("Disable", "disabled"),
        KeyAccess::Enabled => ("Enable", "enabled"),
    };
    let (what, text) = match (&confirm.subject, confirm.access) {
        (Subject::Keys(keys), access) => {
            targets(app, keys, done, page);
            page.blank();
            let text = match access {
                KeyAccess::Disabled => {
                    "Requests with a disabled key are refused at once. You can enable it again until it expires."
                }
                KeyAccess::Enabled => "Requests with an enabled key are let in again, until it expires.",
            };
            let all = keys.picked.len();
            (if all == 1 { "this key".to_owned() } else { format!("{all} keys") }, text)
        }
        (Subject::User(user), access) => {
            page.facts(&[("User", &email(user)), ("Keys created", &user.keys)]).blank();
            let text = match access {
                KeyAccess::Disabled => {
                    "A disabled user can look, and change nothing. The keys that they created work until they expire, \
                     and their email is displayed."
                }
                KeyAccess::Enabled => "An enabled user can change things again.",
            };
            ("this user".to_owned(), text)
        }
    };
    page.text(text, theme.text).blank().submission(&confirm.submission, "Writing...");
    page.buttons(&[
        Button { label: "No", focused: !confirm.yes, tone: ButtonTone::Plain, target: Target::Choice(0) },
        Button { label: verb, focused: confirm.yes, tone: ButtonTone::Plain, target: Target::Choice(1) },
    ]);
    page.title = format!("{verb} {what}?");
}
