//! `keydesk users delete`.

use crate::cli::confirm::Confirmation;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::documents::UserDocument;
use crate::cli::resolve;
use crate::desk::{self, text};
use crate::domain::text::inert;
use crate::host::identity;
use crate::store::Urgency;

const EXAMPLES: Examples = Examples(&[
    ("keydesk users delete ben@example.com", "asks for the email"),
    ("keydesk users delete ben@example.com --yes", "skips the prompt"),
]);

/// Delete a user and erase their email; their keys work until they expire
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Their email
    email: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let mut desk = context.desk_to_change(Urgency::Revoking)?;
    let seen = read(desk.store(), |reader| resolve::user(reader, &args.email))?;
    let shown = seen.email.as_ref().map(|email| email.as_str().to_owned()).unwrap_or_default();
    let is_you = desk.who()?.is(seen.id);
    let preview = [
        format!("  {}{}: created {} of the existing keys", inert(&shown), text::you(is_you), seen.keys),
        text::DELETING_A_USER.to_owned(),
    ];
    args.confirmation.ask(&preview, &shown)?;
    let user = context.change(&mut desk, |session| {
        desk::delete_user(session, seen.id, seen.version, &identity::can_sign_in)
    })?;
    context.scrub(desk.store());
    context.output.say(&format!(
        "User {} deleted and their email erased. Their keys work until they expire.",
        inert(&shown)
    ));
    context.output.if_json(&UserDocument::from(&user))
}
