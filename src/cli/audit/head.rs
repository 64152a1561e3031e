//! `keydesk audit head`: prints the number and hash of the last entry.

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::documents::HeadDocument;
use crate::domain::audit::ChainHead;
use crate::store::audit;

const EXAMPLES: Examples = Examples(&[
    ("keydesk audit head", ""),
    ("keydesk audit head | mail -s 'keydesk head' auditor@example.com", ""),
]);

/// Print the head (number and hash of the last entry) to store elsewhere
///
/// Anyone who has a head can detect later changes of the entries before it: keydesk audit verify --expect HEAD
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args;

pub(crate) fn run(context: &Context) -> Result<Exit, CommandError> {
    let (number, hash) = context.desk()?.store().read(audit::head)?;
    let head = ChainHead { number, hash };
    context.output.print(&HeadDocument::from(head), || head.to_string())
}
