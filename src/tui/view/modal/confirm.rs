//! Yes or No, for what can be undone.

use super::targets;
use crate::desk::KeyAccess;
use crate::desk::text::DISABLING_YOURSELF;
use crate::tui::app::App;
use crate::tui::app::modal::confirm::{Confirm, Subject};
use crate::tui::app::msg::Target;
use crate::tui::view::facts;
use crate::tui::view::page::{Button, ButtonTone, Page};

pub(super) fn panel(app: &App, confirm: &Confirm, page: &mut Page<'_>) {
    let verb = match confirm.access {
        KeyAccess::Disabled => "Disable",
        KeyAccess::Enabled => "Enable",
    };
    let text = match (&confirm.subject, confirm.access) {
        (Subject::Keys(keys), access) => {
            page.title = targets::title(verb, keys);
            if !targets::draw(app, keys, page) {
                return;
            }
            match access {
                KeyAccess::Disabled => {
                    "Requests with a disabled key are rejected at once. You can enable it again until it expires."
                }
                KeyAccess::Enabled => "Requests with an enabled key are accepted again until it expires.",
            }
        }
        (Subject::User(user), access) => {
            page.title = format!("{verb} user");
            page.facts(&[("User", &facts::user(app, user)), ("Keys created", &user.keys)]);
            match access {
                KeyAccess::Disabled if app.shared.is_caller(user.id) => DISABLING_YOURSELF,
                KeyAccess::Disabled => {
                    "A disabled user has read-only access. The keys that they created work until they expire, and \
                     their email is displayed."
                }
                KeyAccess::Enabled => "An enabled user can make changes again.",
            }
        }
    };
    let theme = page.theme();
    page.blank().text(text, theme.text).blank().submission(&confirm.submission, "Writing...");
    page.buttons(&[
        Button { label: "Cancel", focused: !confirm.yes, tone: ButtonTone::Plain, target: Target::Choice(0) },
        Button { label: verb, focused: confirm.yes, tone: ButtonTone::Plain, target: Target::Choice(1) },
    ]);
}
