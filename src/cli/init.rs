//! `keydesk init`: the first start without the screen.

use serde::Serialize;

use super::exit::Exit;
use super::failure::{Failure, Stop};
use super::run::{Run, change};
use crate::desk;
use crate::domain::text::Name;
use crate::domain::user::Email;
use crate::host::identity;

#[derive(Serialize)]
struct Document<'a> {
    database: String,
    user: Option<&'a str>,
    application: &'a str,
    already: bool,
}

pub(crate) fn run(run: &Run, email: &str) -> Result<Exit, Stop> {
    let email = Email::parse(email)?;
    let Some(application) = &run.application else {
        return Err(Failure::usage("application_needed", "the first Application needs a name")
            .hint("keydesk init --email EMAIL --app NAME")
            .into());
    };
    let application = Name::parse(application)?;
    let mut store = run.store_or_new()?;
    run.look_and_warn(&store);
    let set_up = change(&mut store, |session| desk::set_up(session, &email, &application))?;
    let database = run.database.display().to_string();
    if set_up.already {
        run.output.say(&format!("{database} is set up already; nothing was changed."));
    } else {
        run.output.say(&format!(
            "{database} is set up. You are {email}; the first Application is {}.\n\
             Create a key: keydesk keys create --name NAME",
            set_up.application.name
        ));
        run.notice_root(&identity::caller());
    }
    if run.output.is_json() {
        run.output.document(&Document {
            database,
            user: set_up.user.as_ref().and_then(|user| user.email.as_ref()).map(Email::as_str),
            application: set_up.application.name.as_str(),
            already: set_up.already,
        })?;
    }
    Ok(Exit::Done)
}
