//! `keydesk keys enable`: all of the named keys or none.

use super::disable;
use super::several::SeveralKeys;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::desk::KeyAccess;

const EXAMPLES: Examples = Examples(&[("keydesk keys enable Checkout", "")]);

/// Enable disabled keys
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    keys: SeveralKeys,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    disable::set(context, &args.keys, KeyAccess::Enabled)
}
