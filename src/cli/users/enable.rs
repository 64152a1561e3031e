//! `keydesk users enable`.

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::documents::UserDocument;
use crate::cli::resolve;
use crate::desk;
use crate::store::Urgency;

const EXAMPLES: Examples = Examples(&[("keydesk users enable ben@example.com", "")]);

/// Enable a disabled user
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Their email
    email: String,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let mut desk = context.desk_to_change(Urgency::Normal)?;
    let seen = read(desk.store(), |reader| resolve::user(reader, &args.email))?;
    let user = context.change(&mut desk, |session| desk::enable_user(session, seen.id, seen.version))?;
    let email = user.email.as_ref().map(ToString::to_string).unwrap_or_default();
    context.output.say(&format!("User {email} enabled. They can make changes again."));
    context.output.if_json(&UserDocument::from(&user))
}
