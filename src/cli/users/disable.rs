//! `keydesk users disable`.

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

const EXAMPLES: Examples = Examples(&[("keydesk users disable ben@example.com", "")]);

/// Make a user read-only; their keys keep working
///
/// Asks for confirmation when it is you.
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
    let email = seen.email.as_ref().map(|email| email.as_str().to_owned()).unwrap_or_default();
    if desk.who()?.is(seen.id) {
        read(desk.store(), |reader| Ok(desk::refuse_last_user(reader, seen.id, &identity::can_sign_in)?))?;
        let preview = [format!("  {}: this is you", inert(&email)), text::DISABLING_YOURSELF.to_owned()];
        args.confirmation.ask(&preview, &email)?;
    }
    let user = context.change(&mut desk, |session| {
        desk::disable_user(session, seen.id, seen.version, &identity::can_sign_in)
    })?;
    context.output.say(&format!(
        "User {} disabled. They have read-only access. Their keys work until they expire.",
        inert(&email)
    ));
    context.output.if_json(&UserDocument::from(&user))
}
