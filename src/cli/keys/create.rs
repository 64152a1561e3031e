//! `keydesk keys create`: the one step in which a secret is delivered.

use std::path::PathBuf;

use super::show::Shown;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::resolve;
use crate::cli::secret_output::{Destination, Outcome};
use crate::cli::values;
use crate::desk::{self, CreatedKey, text};
use crate::domain::Instant;
use crate::domain::expiry::{expires_after, parse_when, warnings};
use crate::domain::key::{Key, KeyType, NewKey};
use crate::domain::text::Name;
use crate::host::clock::Zone;
use crate::store::Urgency;

const EXAMPLES: Examples = Examples(&[
    ("keydesk keys create Checkout", ""),
    ("keydesk keys create Checkout --platform braze --expires 2027-01-31", ""),
    ("keydesk keys create Checkout --out checkout.key", ""),
    ("keydesk keys create Checkout | vault kv put secret/checkout key=-", ""),
]);

/// Create a key and print its secret once
///
/// The secret is the only text on standard output, everything else goes to standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name of the key
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Platform that will use the key (see keydesk platforms), or generic
    #[arg(long, value_name = "P", default_value = "generic")]
    platform: String,
    /// Key type
    #[arg(long = "type", value_name = "TYPE", value_parser = values::one_of(KeyType::ALL, KeyType::as_str), default_value = "production")]
    key_type: KeyType,
    /// Expiration: 90d, 12w, 6mo, 1y, tomorrow, 2027-01-31 (end of that day, local time) or RFC 3339 [default: 90d,
    /// or default_expiry in the configuration]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// Write the secret to this new file (mode 0600) instead of printing it
    #[arg(long, value_name = "FILE", conflicts_with = "copy")]
    out: Option<PathBuf>,
    /// Copy the secret to the clipboard instead of printing it
    #[arg(long)]
    copy: bool,
}

pub(super) fn run(context: &Context, args: Args) -> Result<Exit, CommandError> {
    let name = Name::parse(&args.name)?;
    let kind = resolve::kind(&context.settings.catalog, &args.platform)?;
    let expires = expires(context, args.expires.as_deref())?;
    let destination = Destination::choose(args.out, args.copy);
    let mut desk = context.desk_to_change(Urgency::Normal)?;
    let (application, in_month) = read(desk.store(), |reader| {
        let application = resolve::application(context, reader)?;
        let in_month = desk::expiring_in_month(reader, application.id, expires, &Zone::Local)?;
        Ok((application, in_month))
    })?;
    // No key is created that could not be delivered.
    destination.check(&context.settings)?;
    for warning in warnings(expires, &Zone::Local, in_month) {
        context.output.warn(&warning.to_string());
    }
    let new = NewKey { application: application.id, name, kind, key_type: args.key_type, expires };
    // At the time from which the expiration was calculated, so that a lifetime of 90 days is 90 days to the second.
    let created = context.change_at(context.now, &mut desk, |session| desk::create_key(session, &new))?;
    let CreatedKey { key, secret } = created;
    let shown = Shown {
        key,
        application: application.name.as_str().to_owned(),
        uses_30d: 0,
        used_since_rotation: None,
    };
    context.output.say(&format!(
        "Key {} ({}) of {} created; it expires {}.",
        shown.key.prefix,
        shown.key.name,
        application.name,
        context.exact(shown.key.expires)
    ));
    let outcome = destination
        .deliver(context, &secret, &shown.document(context))
        .map_err(|reason| not_delivered(&shown.key, &reason))?;
    if outcome == Outcome::Delivered {
        context.output.say(text::SECRET_SHOWN_ONCE);
        if let Err(error) = context.change(&mut desk, |session| desk::mark_delivered(session, shown.key.id)) {
            context.output.warn(&format!("that the secret was handed over could not be noted: {error}"));
        }
    }
    Ok(Exit::Done)
}

fn expires(context: &Context, when: Option<&str>) -> Result<Instant, CommandError> {
    Ok(match when {
        Some(text) => parse_when(text, context.now, &Zone::Local)?,
        None => expires_after(context.now, i64::from(context.settings.default_expiry))?,
    })
}

/// The key exists, and its secret was not delivered.
fn not_delivered(key: &Key, reason: &str) -> CommandError {
    let message = format!(
        "the key {} ({}) was created, but its secret could not be handed over: {reason}. Nobody has the secret; \
         the key is marked \"secret never shown\"",
        key.prefix, key.name
    );
    CommandError::failed("secret_not_delivered", message)
        .hint(format!("Delete it and create another: keydesk keys delete {} --yes", key.id))
}
