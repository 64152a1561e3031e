//! `keydesk users disable`.

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::documents::UserDocument;
use crate::cli::resolve;
use crate::desk::{self, DeskError, Session};
use crate::domain::user::{User, UserId};
use crate::store::Urgency;

const EXAMPLES: Examples = Examples(&[("keydesk users disable ben@example.com", "")]);

/// Let a user look but change nothing any more; their keys go on working
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Their email
    email: String,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let sentence = "disabled. They can look, and change nothing; their keys go on working until they expire.";
    set_status(context, &args.email, desk::disable_user, Urgency::Revoking, sentence)
}

pub(super) fn set_status(
    context: &Context,
    email: &str,
    operation: fn(&mut Session<'_>, UserId, i64) -> Result<User, DeskError>,
    urgency: Urgency,
    sentence: &str,
) -> Result<Exit, CommandError> {
    let mut desk = context.desk_to_change(urgency)?;
    let seen = read(desk.store(), |reader| resolve::user(reader, email))?;
    let user = context.change(&mut desk, |session| operation(session, seen.id, seen.version))?;
    let email = user.email.as_ref().map(ToString::to_string).unwrap_or_default();
    context.output.say(&format!("User {email} {sentence}"));
    context.output.if_json(&UserDocument::from(&user))
}
