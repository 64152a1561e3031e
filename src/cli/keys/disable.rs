//! `keydesk keys disable`: all of the named keys or none.

use super::several::{SeveralKeys, picked};
use super::show::Shown;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::desk::{self, KeyAccess};
use crate::host::clock;
use crate::store::Urgency;

const EXAMPLES: Examples = Examples(&[
    ("keydesk keys disable Checkout", ""),
    ("keydesk keys disable 7Qm2x9KdPa ik_live_3fT8bnW0qZ", ""),
]);

/// Disable keys until they are enabled again
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    keys: SeveralKeys,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    set(context, &args.keys, KeyAccess::Disabled)
}

/// Disables or enables keys. A key in that state already is reported and does not change.
pub(super) fn set(context: &Context, keys: &SeveralKeys, access: KeyAccess) -> Result<Exit, CommandError> {
    let mut desk = context.desk_to_change(match access {
        KeyAccess::Disabled => Urgency::Revoking,
        KeyAccess::Enabled => Urgency::Normal,
    })?;
    let keys = read(desk.store(), |reader| keys.resolve(context, reader))?;
    let changed = context.change(&mut desk, |session| desk::set_access(session, &picked(&keys), access))?;
    for (before, key) in keys.iter().zip(&changed) {
        let expired = key.expires <= clock::now();
        let unchanged = before.disabled.is_some() == (access == KeyAccess::Disabled);
        let sentence = match access {
            KeyAccess::Disabled if unchanged => "is already disabled.",
            KeyAccess::Disabled if expired => "disabled. It has expired: requests that use it are rejected.",
            KeyAccess::Disabled => "disabled. Requests that use it are rejected until it is enabled again.",
            KeyAccess::Enabled if unchanged => "is not disabled.",
            KeyAccess::Enabled if expired => "enabled. It has expired: requests that use it are rejected.",
            KeyAccess::Enabled => "enabled. Requests that use it are accepted again until it expires.",
        };
        context.output.say(&format!("Key {} ({}) {sentence}", key.prefix, key.name));
    }
    if context.output.is_json() {
        let shown = Shown::around_all(context, desk.store(), changed)?;
        let documents: Vec<_> = shown.iter().map(|shown| shown.document(context)).collect();
        context.output.document(&documents)?;
    }
    Ok(Exit::Done)
}
