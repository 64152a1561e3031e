//! `keydesk apps create`.

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::documents::ApplicationDocument;
use crate::desk;
use crate::domain::text::Name;
use crate::store::Urgency;

const EXAMPLES: Examples = Examples(&[("keydesk apps create Storefront", "")]);

/// Create an Application
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name, unique without regard to case
    name: String,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let name = Name::parse(&args.name)?;
    let mut desk = context.desk_to_change(Urgency::Normal)?;
    let application = context.change(&mut desk, |session| desk::create_application(session, &name))?;
    context.output.say(&format!("Application {} created.", application.name));
    context.output.if_json(&ApplicationDocument::from(&application))
}
