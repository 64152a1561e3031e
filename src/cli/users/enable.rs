//! `keydesk users enable`.

use super::disable::set_status;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::desk;
use crate::store::Urgency;

const EXAMPLES: Examples = Examples(&[("keydesk users enable ben@example.com", "")]);

/// Let a disabled user change things again
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Their email
    email: String,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    set_status(
        context,
        &args.email,
        desk::enable_user,
        Urgency::Normal,
        "enabled. They can change things again.",
    )
}
