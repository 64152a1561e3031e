//! `keydesk init`: the first start without the terminal UI.

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::prompt;
use crate::desk;
use crate::domain::application::Application;
use crate::domain::location::Location;
use crate::domain::text::{Name, fold};
use crate::domain::token::Prefix;
use crate::domain::user::Email;
use crate::host::identity;
use crate::store::applications;

const EXAMPLES: Examples = Examples(&[
    ("keydesk init --email ana@example.com --app Storefront", ""),
    ("keydesk init --email ana@example.com --app Storefront --prefix acme", "keys begin with acme_live_"),
]);

/// Set up the database with its first user (you) and Application
///
/// Safe to rerun with the same email and Application. On a terminal, asks for missing arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Your email
    #[arg(long, value_name = "EMAIL")]
    email: Option<String>,
    /// Prefix of all keys: 2 to 8 letters and digits, fixed for the life of the database [default: ik]
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<Prefix>,
}

#[derive(Serialize)]
struct Document<'a> {
    database: String,
    user: Option<&'a str>,
    application: &'a str,
    prefix: &'a str,
    already: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let suggested = identity::suggested_email(&identity::caller());
    let email =
        given(context, args.email.as_deref(), "--email <EMAIL>", "Your email", Some(&suggested), |text| {
            Ok(Email::parse(text)?)
        })?;
    let named = context.application.as_deref();
    let application =
        given(context, named, "--app <NAME>", "First Application", None, |text| Ok(Name::parse(text)?))?;
    let mut desk = context.desk_or_new()?;
    context.check_known_head(&mut desk);
    let set_up = context
        .change(&mut desk, |session| desk::set_up(session, &email, &application, args.prefix.as_ref()))?;
    let database = &context.database;
    let user = set_up.user.as_ref().and_then(|user| user.email.as_ref());
    if !set_up.already {
        context.output.say(&format!(
            "{database} is set up. You are {email}, the first Application is {}.\n\
             Create a key with: keydesk keys create NAME",
            set_up.application.name
        ));
        context.notice_root(&identity::caller());
    } else if user == Some(&email) && fold(set_up.application.name.as_str()) == fold(application.as_str()) {
        context.output.say(&format!("{database} is already set up. Nothing was changed."));
    } else {
        return Err(set_up_otherwise(
            database,
            user,
            &desk.store().read(|r| applications::all(r, LISTED + 1))?,
        ));
    }
    context.output.if_json(&Document {
        database: database.text(),
        user: user.map(Email::as_str),
        application: set_up.application.name.as_str(),
        prefix: set_up.prefix.as_str(),
        already: set_up.already,
    })
}

/// The value of an argument, or the answer to a question at the terminal.
fn given<T>(
    context: &Context,
    value: Option<&str>,
    argument: &str,
    question: &str,
    default: Option<&str>,
    parse: impl Fn(&str) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    match value {
        Some(value) => parse(value),
        None if prompt::can_ask(&context.output) => prompt::ask(question, default, parse),
        None => Err(CommandError::missing(argument, "keydesk init")),
    }
}

/// Maximum number of Applications that an error lists.
const LISTED: usize = 5;

/// The database exists with another email or Application.
fn set_up_otherwise(database: &Location, user: Option<&Email>, applications: &[Application]) -> CommandError {
    let you = match user {
        Some(email) => format!("you are {email}"),
        None => "your login is not a user of it".to_owned(),
    };
    let mut names: Vec<String> =
        applications.iter().take(LISTED).map(|application| application.name.to_string()).collect();
    if applications.len() > LISTED {
        names.push("...".to_owned());
    }
    let (noun, names) = (if names.len() == 1 { "Application" } else { "Applications" }, names.join(", "));
    let message = format!("{database} is already set up: {you}, {noun}: {names}");
    CommandError::failed("already_set_up", message).hint(
        "run \"keydesk users add EMAIL\" to add a user or \"keydesk apps create NAME\" to add an Application, or choose \
         another database with --db",
    )
}
