//! `keydesk users add`.

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::documents::UserDocument;
use crate::desk;
use crate::domain::text::inert;
use crate::domain::user::{Caller, Email, SignIn};
use crate::store::{Urgency, roles};

const EXAMPLES: Examples = Examples(&[
    ("keydesk users add ben@example.com --login ben", ""),
    ("keydesk users add ben@example.com", "without a login, by email only"),
]);

/// Add a user
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Their email
    email: String,
    /// Their login on this system, or their role on a PostgreSQL server: anyone who uses it acts as this user
    #[arg(long, value_name = "LOGIN")]
    login: Option<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let email = Email::parse(&args.email)?;
    let login = args.login.as_deref().map(str::trim).filter(|login| !login.is_empty());
    let mut desk = context.desk_to_change(Urgency::Normal)?;
    let uid = login.and_then(|login| desk.uid_of(login));
    let sign_in = login.map(|login| desk.sign_in(login)).transpose()?;
    let account = desk.account();
    let user = context.change(&mut desk, |session| desk::add_user(session, &email, login, uid))?;
    let Some(login) = login else {
        context.output.say(&format!(
            "User {email} added without a {account}. They cannot make changes until they have one."
        ));
        return context.output.if_json(&UserDocument::from(&user));
    };
    let number = uid.map(|uid| format!(" ({uid})")).unwrap_or_default();
    context.output.say(&format!("User {email} added, bound to the {account} {}{number}.", inert(login)));
    match sign_in {
        Some(SignIn::NoLogin | SignIn::NoRole) => context.output.warn(&format!(
            "the {account} {login} does not exist on {}: anyone who later gets it will act as this user",
            account.place()
        )),
        Some(SignIn::NoRights) => context.output.warn(&format!(
            "the {account} {login} cannot make changes yet: make it a member of the role of administrators, for example \
             with: GRANT keydesk_admin TO {}",
            roles::identifier(login)
        )),
        Some(SignIn::Possible) | None => {}
    }
    if let Some(uid) = uid {
        context.notice_root(&Caller { uid, login: login.to_owned() });
    }
    context.output.if_json(&UserDocument::from(&user))
}
