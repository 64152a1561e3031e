//! `keydesk init`: the first start without the screen.

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::desk;
use crate::domain::text::Name;
use crate::domain::token::Prefix;
use crate::domain::user::Email;
use crate::host::identity;

const EXAMPLES: Examples = Examples(&[
    ("keydesk init --email ana@example.com --app Storefront", ""),
    ("keydesk init --email ana@example.com --app Storefront --prefix acme", "keys begin with acme_live_"),
]);

/// Set up the database with its first user (you) and Application; harmless when already done
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Your email
    #[arg(long, value_name = "EMAIL")]
    email: String,
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
    let email = Email::parse(&args.email)?;
    let Some(application) = &context.application else {
        return Err(CommandError::usage("application_needed", "the first Application needs a name")
            .hint("keydesk init --email EMAIL --app NAME"));
    };
    let application = Name::parse(application)?;
    let mut desk = context.desk_or_new()?;
    context.check_known_head(&mut desk);
    let set_up = context
        .change(&mut desk, |session| desk::set_up(session, &email, &application, args.prefix.as_ref()))?;
    let database = context.database.display().to_string();
    if set_up.already {
        context.output.say(&format!("{database} is set up already; nothing was changed."));
    } else {
        context.output.say(&format!(
            "{database} is set up. You are {email}; the first Application is {}.\n\
             Create a key: keydesk keys create --name NAME",
            set_up.application.name
        ));
        context.notice_root(&identity::caller());
    }
    context.output.if_json(&Document {
        database,
        user: set_up.user.as_ref().and_then(|user| user.email.as_ref()).map(Email::as_str),
        application: set_up.application.name.as_str(),
        prefix: set_up.prefix.as_str(),
        already: set_up.already,
    })
}
