//! `keydesk apps delete`.

use serde::Serialize;

use crate::cli::confirm::Confirmation;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::text;
use crate::cli::resolve;
use crate::desk;
use crate::store::Urgency;

const EXAMPLES: Examples = Examples(&[
    ("keydesk apps delete Storefront", "asks for the name"),
    ("keydesk apps delete Storefront --yes", "skips the prompt"),
]);

/// Delete an Application and all its keys (cannot be undone)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name of the Application
    name: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

#[derive(Serialize)]
struct Deleted<'a> {
    name: &'a str,
    keys_deleted: u64,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let mut desk = context.desk_to_change(Urgency::Revoking)?;
    let seen = read(desk.store(), |reader| resolve::named_application(reader, &args.name))?;
    let preview = [
        format!("  {}: {}", seen.name, keys(seen.keys)),
        "Deleting an Application deletes its keys and cannot be undone. The software that uses one of them \
         immediately loses access to the Integration API."
            .to_owned(),
    ];
    args.confirmation.ask(&preview, seen.name.as_str())?;
    let keys_deleted = context
        .change(&mut desk, |session| desk::delete_application(session, seen.id, seen.version, seen.keys))?;
    context.scrub(desk.store());
    context.output.say(&format!("Application {} deleted with {}.", seen.name, keys(keys_deleted)));
    context.output.if_json(&Deleted { name: seen.name.as_str(), keys_deleted })
}

fn keys(count: u64) -> String {
    match count {
        0 => "no keys".to_owned(),
        count => text::count(count, "key", "keys"),
    }
}
