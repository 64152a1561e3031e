//! Forms.

use crate::domain::user::Account;
use crate::tui::app::modal::form::{Form, Purpose};
use crate::tui::view::page::Page;
use crate::tui::view::text::sentence;

pub(super) fn panel(form: &Form, page: &mut Page<'_>) {
    let theme = page.theme();
    let heading = match &form.purpose {
        Purpose::SetUp { account, notice } => {
            page.text(
                &format!(
                    "This database is empty. Your email becomes its first user, bound to your {account}. API keys \
                     belong to an Application."
                ),
                theme.text,
            );
            if let Some(notice) = notice {
                page.blank().text(&sentence(notice), theme.warning);
            }
            page.blank();
            "Welcome to keydesk".to_owned()
        }
        Purpose::CreateApplication => "Create Application".to_owned(),
        Purpose::RenameApplication(application) => format!("Rename {}", application.name),
        Purpose::AddUser(account) => {
            page.text(
                match account {
                    Account::Login => {
                        "A user with a login on this machine can sign in here. A user without one cannot."
                    }
                    Account::Role => {
                        "A user with a role on the server can sign in with it. A user without one cannot."
                    }
                },
                theme.dim,
            );
            page.blank();
            "Add user".to_owned()
        }
    };
    for (place, (label, field)) in form.fields.iter().enumerate() {
        page.field(label, field, form.focus == place, place);
    }
    page.blank();
    if form.submission.is_pending() || form.submission.error.is_some() {
        page.submission(&form.submission, "Saving...");
    } else if let Some(other) = form.look_alike() {
        page.text(&format!("This name looks like the existing Application {other}."), theme.warning);
    }
    page.title = heading;
}
