//! `keydesk apps rename`.

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::documents::ApplicationDocument;
use crate::cli::resolve;
use crate::desk;
use crate::domain::text::Name;
use crate::store::Urgency;

const EXAMPLES: Examples = Examples(&[("keydesk apps rename Storefront Shop", "its keys keep working")]);

/// Rename an Application
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name of the Application
    name: String,
    /// New name
    new: String,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let new = Name::parse(&args.new)?;
    let mut desk = context.desk_to_change(Urgency::Normal)?;
    let before = read(desk.store(), |reader| resolve::named_application(reader, &args.name))?;
    let application = context
        .change(&mut desk, |session| desk::rename_application(session, before.id, before.version, &new))?;
    context
        .output
        .say(&format!("Application {} renamed to {}. Its keys keep working.", before.name, application.name));
    context.output.if_json(&ApplicationDocument::from(&application))
}
