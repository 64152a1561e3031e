//! `keydesk keys disable`: all of the named keys or none.

use chrono::TimeDelta;

use super::several::{SeveralKeys, picked};
use super::show::Shown;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::desk::{self, KeyAccess};
use crate::domain::Instant;
use crate::domain::expiry::parse_duration;
use crate::domain::key::Key;
use crate::store::Urgency;

const EXAMPLES: Examples = Examples(&[
    ("keydesk keys disable Checkout", ""),
    (
        "keydesk keys disable Checkout --for 5m",
        "a short outage that ends by itself and shows who uses the key",
    ),
    ("keydesk keys disable 7Qm2x9KdPa ik_live_3fT8bnW0qZ", ""),
]);

/// Disable keys until they are enabled again, or for a time
///
/// With --for, the keys are accepted again after that time without another command. "keydesk keys show" lists who was
/// rejected meanwhile. Disabling a disabled key again changes for how long.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    keys: SeveralKeys,
    /// Enable the keys again after this time: 45s, 15m, 24h, 7d, 2w
    #[arg(long = "for", value_name = "DURATION", value_parser = outage)]
    length: Option<TimeDelta>,
}

fn outage(text: &str) -> Result<TimeDelta, String> {
    match parse_duration(text) {
        Ok(length) if length > TimeDelta::zero() => Ok(length),
        Ok(_) => Err("must not be 0".into()),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let access = args.length.map_or(KeyAccess::Disabled, KeyAccess::DisabledFor);
    set(context, &args.keys, access)
}

/// Disables or enables keys. A key in that state already is reported and does not change.
pub(super) fn set(context: &Context, keys: &SeveralKeys, access: KeyAccess) -> Result<Exit, CommandError> {
    let mut desk = context.desk_to_change(match access {
        KeyAccess::Disabled | KeyAccess::DisabledFor(_) => Urgency::Revoking,
        KeyAccess::Enabled => Urgency::Normal,
    })?;
    let keys = read(desk.store(), |reader| keys.resolve(context, reader))?;
    let changed = context.change(&mut desk, |session| desk::set_access(session, &picked(&keys), access))?;
    for (before, key) in keys.iter().zip(&changed) {
        let sentence = sentence(context, before, key, access, context.present());
        context.output.say(&format!("Key {} ({}) {sentence}", key.prefix, key.name));
    }
    if context.output.is_json() {
        let shown = Shown::around_all(context, desk.store(), changed)?;
        let documents: Vec<_> = shown.iter().map(|shown| shown.document(context)).collect();
        context.output.document(&documents)?;
    }
    Ok(Exit::Done)
}

fn sentence(context: &Context, before: &Key, key: &Key, access: KeyAccess, now: Instant) -> String {
    let is_unchanged = before.version == key.version;
    let has_ended = key.ended(now).is_some();
    match (access, key.disabled_until) {
        (KeyAccess::Enabled, _) if is_unchanged => "is not disabled.".into(),
        (KeyAccess::Enabled, _) if has_ended => {
            "enabled. It has expired: requests that use it are rejected.".into()
        }
        (KeyAccess::Enabled, _) => {
            "enabled. Requests that use it are accepted again until it expires.".into()
        }
        (_, None) if is_unchanged => "is already disabled.".into(),
        (_, Some(until)) if is_unchanged => format!("is already disabled until {}.", context.exact(until)),
        _ if has_ended => "disabled. It has expired: requests that use it are rejected.".into(),
        (_, None) => "disabled. Requests that use it are rejected until it is enabled again.".into(),
        (_, Some(until)) => {
            format!("disabled. Requests that use it are rejected until {}.", context.exact(until))
        }
    }
}
