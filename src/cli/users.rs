//! `keydesk users`: list, add, disable, enable and delete users.

use serde::Serialize;

use super::args::UsersCommand;
use super::confirm;
use super::exit::Exit;
use super::failure::Stop;
use super::output::table::{Cell, Style, Table};
use super::resolve;
use super::run::{Run, change, read};
use crate::desk::{self, DeskError, Session};
use crate::domain::expiry::{relative_short, rfc3339};
use crate::domain::text::inert;
use crate::domain::user::{Caller, Email, User, UserId, UserStatus};
use crate::host::identity;
use crate::store::users;

/// Does it.
pub(crate) fn run(run: &Run, command: UsersCommand) -> Result<Exit, Stop> {
    match command {
        UsersCommand::List => list(run),
        UsersCommand::Add { email, login } => add(run, &email, login.as_deref()),
        UsersCommand::Disable { email } => {
            let sentence =
                "disabled. They can look, and change nothing; their keys go on working until they expire.";
            set(run, &email, desk::disable_user, sentence)
        }
        UsersCommand::Enable { email } => {
            set(run, &email, desk::enable_user, "enabled. They can change things again.")
        }
        UsersCommand::Delete { email, yes } => delete(run, &email, yes),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    id: i64,
    email: Option<&'a str>,
    login: Option<&'a str>,
    status: &'static str,
    keys: u64,
    created: String,
}

impl<'a> From<&'a User> for Document<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id.0,
            email: user.email.as_ref().map(Email::as_str),
            login: user.login.as_deref(),
            status: user.status.as_str(),
            keys: user.keys,
            created: rfc3339(user.created),
        }
    }
}

fn list(run: &Run) -> Result<Exit, Stop> {
    let all = run.store()?.read(users::all)?;
    if run.output.is_json() {
        run.output.document(&all.iter().map(Document::from).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    let heads = ["EMAIL", "LOGIN", "STATUS", "KEYS", "ADDED"];
    let mut table = Table::new(run.output.data(), run.output.has_colour(), &heads);
    for user in &all {
        let style = match user.status {
            UserStatus::Active => Style::Good,
            UserStatus::Disabled => Style::Soon,
            UserStatus::Deleted => Style::Faint,
        };
        table.row(vec![
            match &user.email {
                Some(email) => Cell::plain(email.to_string()),
                None => Cell::styled(format!("(user {})", user.id.0), Style::Faint),
            },
            Cell::plain(user.login.as_deref().map_or_else(|| "-".to_owned(), inert)),
            Cell::styled(user.status.label(), style),
            Cell::number(user.keys),
            Cell::plain(relative_short(user.created, run.now)),
        ])?;
    }
    table.finish()?;
    Ok(Exit::Done)
}

fn add(run: &Run, email: &str, login: Option<&str>) -> Result<Exit, Stop> {
    let email = Email::parse(email)?;
    let login = login.map(str::trim).filter(|login| !login.is_empty());
    let mut store = run.store_to_change()?;
    let uid = login.and_then(identity::uid_of);
    let user = change(&mut store, |session| desk::add_user(session, &email, login, uid))?;
    match (login, uid) {
        (Some(login), Some(uid)) => {
            run.output.say(&format!("User {email} added, bound to the login {} ({uid}).", inert(login)));
            run.notice_root(&Caller { uid, login: login.to_owned() });
        }
        (Some(login), None) => {
            run.output.say(&format!("User {email} added, bound to the login {}.", inert(login)));
            run.output.warn(&format!(
                "this machine knows no login {login} yet: whoever gets that name is this user"
            ));
        }
        (None, _) => run.output.say(&format!(
            "User {email} added, without a login: they can change nothing before they have one."
        )),
    }
    done(run, &user)
}

fn set(
    run: &Run,
    email: &str,
    operation: fn(&mut Session<'_>, UserId, i64) -> Result<User, DeskError>,
    sentence: &str,
) -> Result<Exit, Stop> {
    let mut store = run.store_to_change()?;
    let seen = read(&store, |reader| resolve::user(reader, email))?;
    let user = change(&mut store, |session| operation(session, seen.id, seen.version))?;
    let email = user.email.as_ref().map(ToString::to_string).unwrap_or_default();
    run.output.say(&format!("User {email} {sentence}"));
    done(run, &user)
}

fn delete(run: &Run, email: &str, yes: bool) -> Result<Exit, Stop> {
    let mut store = run.store_to_change()?;
    let seen = read(&store, |reader| resolve::user(reader, email))?;
    let shown = seen.email.as_ref().map(|email| email.as_str().to_owned()).unwrap_or_default();
    let preview = [
        format!("  {}: created {} of the existing keys", inert(&shown), seen.keys),
        "Deleting a user cannot be undone. The email is wiped; their keys go on working until they expire."
            .to_owned(),
    ];
    confirm::ask(yes, &preview, &shown)?;
    let user = change(&mut store, |session| desk::delete_user(session, seen.id, seen.version))?;
    run.scrub(&store);
    run.output.say(&format!(
        "User {} deleted; the email is wiped. Their keys go on working until they expire.",
        inert(&shown)
    ));
    done(run, &user)
}

fn done(run: &Run, user: &User) -> Result<Exit, Stop> {
    if run.output.is_json() {
        run.output.document(&Document::from(user))?;
    }
    Ok(Exit::Done)
}
