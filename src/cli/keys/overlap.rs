//! `keydesk keys overlap`: changes when the old key of a rotation ends.

use chrono::TimeDelta;

use super::show::Shown;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::resolve;
use crate::desk::{self, Ending, Picked, text};
use crate::domain::expiry;
use crate::store::{Urgency, keys};

const EXAMPLES: Examples = Examples(&[
    ("keydesk keys overlap 7Qm2x9KdPa --for 7d", "the old key works for another 7 days"),
    (
        "keydesk keys overlap 7Qm2x9KdPa --until-unused 24h",
        "the old key ends once it has been unused for 24 hours",
    ),
    ("keydesk keys overlap 7Qm2x9KdPa --end", "the old key is rejected at once"),
]);

/// Change when the old key of a rotation ends
///
/// The old key never works past the expiration date that it had before the rotation. Time in which use could not be
/// recorded, or in which the key was disabled, does not count as unused. A key that has ended stays ended.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    override_usage = "keydesk keys overlap <KEY> <--for DURATION|--until-unused DURATION|--end>"
)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("ending").required(true))]
pub(crate) struct Args {
    /// Key ID or key prefix (ik_live_...) of the old key. A name means its successor
    #[arg(value_name = "KEY")]
    key: String,
    /// How long the old key keeps working from now: 45s, 15m, 24h, 7d, 2w
    #[arg(long = "for", value_name = "DURATION", value_parser = expiry::parse_duration, group = "ending")]
    length: Option<TimeDelta>,
    /// End the old key when its successor is in use and it has been unused for this time
    #[arg(long, value_name = "DURATION", value_parser = expiry::parse_positive_duration, group = "ending")]
    until_unused: Option<TimeDelta>,
    /// Reject the old key at once
    #[arg(long, group = "ending")]
    end: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let ending = match (args.length, args.until_unused) {
        (Some(length), _) => Ending::After(length),
        (None, Some(length)) => Ending::WhenUnused(length),
        (None, None) => Ending::AtOnce,
    };
    let urgency = if ending == Ending::AtOnce { Urgency::Revoking } else { Urgency::Normal };
    let mut desk = context.desk_to_change(urgency)?;
    let key = read(desk.store(), |reader| resolve::key(context, reader, &args.key))?;
    if key.replaced_by.is_none()
        && let Some(old) = key.replaces
    {
        // A name was given, or the ID of the new key.
        let old = desk.store().read(|reader| keys::get(reader, old))?;
        let old = old.filter(|old| old.replaced_by == Some(key.id) && old.ended(context.now()).is_none());
        if let Some(old) = old {
            let message = format!("{} is the new key of a rotation", key.prefix);
            return Err(CommandError::failed("not_replaced", message)
                .hint(format!("use the ID of the old key, which is {}", old.prefix)));
        }
    }
    let picked = Picked { id: key.id, version: key.version };
    let key = context.change(&mut desk, |session| desk::change_overlap(session, picked, ending))?;
    context.output.say(&text::old_key_after_rotation(&key, context.present(), &context.exact(key.expires)));
    if context.output.is_json() {
        let shown = read(desk.store(), |reader| Shown::around(context, reader, key))?;
        context.output.document(&shown.document(context))?;
    }
    Ok(Exit::Done)
}
