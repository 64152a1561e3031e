//! `keydesk audit accept`: the present log becomes the known one.

use crate::cli::confirm::Confirmation;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::output::documents::HeadDocument;

const EXAMPLES: &str = "\
Each start compares the log with the last head that you saw, which is remembered in your
own state folder. When it is not in the log any more, the log was shortened or written
anew, or a backup was restored. Keys that were deleted since and are alive again are
named; delete them first.

Examples:
  keydesk audit accept                     asks
  keydesk audit accept --yes               does not ask";

/// Take the log as it is for the one that you saw, after a backup was restored on purpose
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let store = context.store_unwitnessed()?;
    let Some(witness) = &context.witness else {
        return Err(CommandError::failed(
            "no_home",
            "this user has no home folder in which a head could be kept",
        ));
    };
    if let Some(doubt) = context.look(&store).doubt {
        let mut preview = vec![format!("Attention: {doubt}.")];
        preview.extend(doubt.alive_again().map(|alive| format!("Attention: {alive}.")));
        preview.push("Nobody is told of this difference any more once you have accepted it.".into());
        args.confirmation.ask(&preview, "accept")?;
    }
    let head = witness.accept(&store)?;
    if context.output.is_json() {
        context.output.document(&HeadDocument::from(head))?;
    } else {
        context.output.say(&format!("From now on the log is compared with its head as it is: {head}"));
    }
    Ok(Exit::Done)
}
