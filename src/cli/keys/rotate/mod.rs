//! `keydesk keys rotate`: creates and delivers the new key, and only then ends the old one.

mod delivery;
mod due;
mod one;

use chrono::TimeDelta;

use super::properties;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::resolve;
use crate::cli::secret_output::DestinationArgs;
use crate::desk::{Ending, text};
use crate::domain::expiry;
use crate::store::Urgency;
use delivery::{Delivery, Place};
use one::Rotation;

const EXAMPLES: Examples = Examples(&[
    ("keydesk keys rotate Checkout --out checkout.new", "the old key works for another 24 hours"),
    ("keydesk keys rotate Checkout --overlap 7d | ssh api 'cat > checkout.key'", ""),
    (
        "keydesk keys rotate Checkout --run 'ssh api install-key'",
        "the old key ends only if the command succeeds",
    ),
    ("keydesk keys rotate Checkout --env-file app.env --env-name API_KEY", "changes one line of app.env"),
    (
        "keydesk keys rotate Checkout --until-unused 24h --out checkout.new",
        "the old key ends once it has been unused for 24 hours",
    ),
    ("keydesk keys rotate Checkout --leaked --copy", "the old key is rejected at once"),
    ("keydesk keys rotate --due 14d --all-apps --run ./deliver", "every key that expires within 14 days"),
]);

/// Replace keys with successors, then end the old keys
///
/// The new key takes over name, platform, type, owner, note, allowed sources and lifetime. If it cannot be delivered (to standard output, --out,
/// --env-file, --copy or --run), it is withdrawn, the old key stays as it was, and the exit code is 3. After an
/// interruption, run the same command again.
///
/// The command of --run gets the secret on standard input, and in its environment KEYDESK_KEY_ID, KEYDESK_KEY_NAME,
/// KEYDESK_KEY_PREFIX, KEYDESK_APPLICATION, KEYDESK_PLATFORM (or generic), KEYDESK_EXPIRES and KEYDESK_REPLACES (the ID of
/// the old key).
///
/// With --due, --platform or --filter instead of KEY, rotates one after the other all valid keys that match and have no
/// successor, those that expire first before others. Expired, disabled and canary keys are not rotated, nor keys that a
/// rotation created in the last 24 hours (or in the first half of their lifetime, if that is shorter): run again, the
/// same command takes only what is left.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("matching").args(["due", "platform", "filter"]).multiple(true))]
pub(crate) struct Args {
    /// Key ID, key prefix (ik_live_...), or name (of rotated keys, the newest)
    #[arg(value_name = "KEY", required_unless_present = "matching", conflicts_with = "matching")]
    key: Option<String>,
    /// How long the old key keeps working: 45s, 15m, 24h, 7d, 2w (never past its own expiration)
    #[arg(long, value_name = "DURATION", value_parser = expiry::parse_duration, default_value = "24h",
        conflicts_with = "leaked")]
    overlap: TimeDelta,
    /// End the old key when the new key is in use and the old one has been unused for this time (never past its own expiration)
    #[arg(long, value_name = "DURATION", value_parser = expiry::parse_positive_duration,
        conflicts_with_all = ["leaked", "overlap"])]
    until_unused: Option<TimeDelta>,
    /// Reject the old key as soon as the new one is delivered
    #[arg(long)]
    leaked: bool,
    /// Expiration of the new key: 90d, 12w, 6mo, 1y, tomorrow, 2027-01-31 (end of that day, local time) or RFC 3339
    /// [default: same lifetime as the old key]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    #[command(flatten)]
    destination: DestinationArgs,
    /// Run this shell command with the new secret on standard input; if it fails, the new key is withdrawn and the old
    /// key stays as it was
    #[arg(long, value_name = "COMMAND")]
    run: Option<String>,
    #[command(flatten)]
    due: due::Args,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    if let Some(when) = &args.expires {
        properties::date(when, context)?;
    }
    if args.overlap < TimeDelta::zero() {
        return Err(CommandError::usage("bad_overlap", "--overlap must not be negative"));
    }
    // An empty command, usually an unset variable, would succeed and lose the secret.
    if args.run.as_deref().is_some_and(|command| command.trim().is_empty()) {
        return Err(CommandError::usage("bad_command", "--run needs a command"));
    }
    let ending = match args.until_unused {
        Some(length) => Ending::WhenUnused(length),
        None if args.leaked => Ending::AtOnce,
        None => Ending::After(args.overlap),
    };
    let mut delivery = Delivery::new(args.destination.chosen(), args.run.as_deref());
    if let Some(directory) = &args.due.out_dir {
        delivery.place = Some(Place::Directory(directory.clone()));
    }
    let rotation = Rotation { ending, expires: args.expires.as_deref(), delivery };
    match &args.key {
        Some(_) if args.due.all.all_apps => {
            Err(CommandError::usage("usage", "--all-apps cannot be combined with KEY")
                .hint("use it with --due, --platform or --filter"))
        }
        Some(key) => rotate(context, &rotation, key),
        None if args.destination.chosen().is_some() => {
            Err(CommandError::usage("usage", "--out, --env-file and --copy take the secret of one key")
                .hint("use --run or --out-dir for several keys"))
        }
        None => due::run(context, &rotation, &args.due),
    }
}

fn urgency(ending: Ending) -> Urgency {
    if ending == Ending::AtOnce { Urgency::Revoking } else { Urgency::Normal }
}

fn rotate(context: &Context, rotation: &Rotation<'_>, key: &str) -> Result<Exit, CommandError> {
    let mut desk = context.desk_to_change(urgency(rotation.ending))?;
    let old = read(desk.store(), |reader| resolve::key(context, reader, key))?;
    // No key is created that could not be delivered.
    rotation.delivery.check(context).map_err(|error| {
        error.because(&format!("no new key was created, and the old key {} is unchanged", old.prefix))
    })?;
    let shown = rotation.carry_out(context, &mut desk, &old)?;
    context.output.say(text::SECRET_SHOWN_ONCE);
    if !rotation.delivery.prints() {
        // The secret was delivered already: an error here changes nothing.
        let _ = context.output.if_json(&shown.document(context));
    }
    Ok(Exit::Done)
}
