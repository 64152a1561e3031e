//! `keydesk audit accept`: saves the current head as the known head.

use crate::cli::confirm::Confirmation;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::documents::HeadDocument;
use crate::desk::DeskError;

const EXAMPLES: Examples = Examples(&[
    ("keydesk audit accept", "asks for confirmation"),
    ("keydesk audit accept --yes", "does not ask"),
]);

/// Accept the current audit log as the known one
///
/// Each command compares the audit log with the known head: the last head that you have seen, stored in your state
/// directory. A log that does not contain it was shortened or rewritten, or a backup was restored. Delete the listed
/// keys first: they were deleted and exist again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let mut desk = context.desk_without_known_head()?;
    if context.known_heads.is_none() {
        return Err(DeskError::NoStateDirectory.into());
    }
    let check = desk.check_known_head();
    context.warn_of_loss(&check);
    if let Some(mismatch) = check.mismatch {
        let mut preview = vec![format!("Attention: {mismatch}.")];
        preview.extend(mismatch.restored_keys().map(|restored| format!("Attention: {restored}.")));
        preview.push("Once you accept the log, this mismatch is no longer reported.".into());
        args.confirmation.ask(&preview, "accept")?;
    }
    let head = desk.accept_log()?;
    context.output.say(&format!("Audit log accepted. Known head: {head}"));
    context.output.if_json(&HeadDocument::from(head))
}
