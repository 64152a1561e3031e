//! `keydesk keys create`: the step in which the secret of a key is delivered.

use super::properties;
use super::show::Shown;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::prompt;
use crate::cli::resolve;
use crate::cli::secret_output::{Destination, DestinationArgs, Outcome};
use crate::cli::values;
use crate::desk::text::CANARY;
use crate::desk::{self, CreatedKey, Desk, text};
use crate::domain::application::Application;
use crate::domain::expiry::{check_lifetime, parse_when, suggested_name, warnings};
use crate::domain::key::{Key, KeyKind, KeyType, NewKey};
use crate::domain::text::Name;
use crate::host::clock::Zone;
use crate::store::{Urgency, applications, keys};

const EXAMPLES: Examples = Examples(&[
    ("keydesk keys create Checkout", ""),
    ("keydesk keys create Checkout --platform braze --expires 2027-01-31", ""),
    ("keydesk keys create Checkout --owner 'Payments team' --from 10.0.0.0/8", ""),
    ("keydesk keys create Checkout --out checkout.key", ""),
    ("keydesk keys create Checkout --env-file .env --env-name CHECKOUT_KEY", ""),
    ("keydesk keys create \"CI canary\" --canary", "plant it where it must never be used"),
    ("keydesk keys create Checkout | vault kv put secret/checkout key=-", ""),
]);

/// Create a key and print its secret once
///
/// The secret is the only text on standard output, everything else goes to standard error. On a terminal, asks for
/// name, platform and expiration when the name is missing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name of the key
    name: Option<String>,
    /// Name of the key, as an option
    #[arg(long = "name", id = "named", value_name = "NAME", conflicts_with = "name")]
    named: Option<String>,
    /// Platform that will use the key (see keydesk platforms), or generic [default: generic]
    #[arg(long, value_name = "P")]
    platform: Option<String>,
    /// Key type
    #[arg(long = "type", value_name = "TYPE", value_parser = values::one_of(KeyType::ALL, KeyType::as_str),
        default_value = "production")]
    key_type: KeyType,
    /// Expiration: 90d, 12w, 6mo, 1y, tomorrow, 2027-01-31 (end of that day, local time) or RFC 3339 [default: 90d,
    /// or default_expiry in the configuration]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// Who to ask before the key is deleted: a team or a role
    #[arg(long, value_name = "TEXT")]
    owner: Option<String>,
    /// Note
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Accept the key only from these addresses and networks
    #[arg(long, value_name = "ADDR,...")]
    from: Option<String>,
    /// Create a canary key: it looks like any other, is always rejected, never expires, and its use is an alarm
    #[arg(long)]
    canary: bool,
    #[command(flatten)]
    destination: DestinationArgs,
}

/// What a new key is to be.
struct Choice {
    name: Name,
    kind: KeyKind,
    expires: String,
}

pub(super) fn run(context: &Context, args: Args) -> Result<Exit, CommandError> {
    let name = args.name.or(args.named).as_deref().map(Name::parse).transpose()?;
    let owner = args.owner.as_deref().map(properties::owner).transpose()?.flatten();
    let note = args.note.as_deref().map(properties::note).transpose()?.flatten();
    let allowed_sources =
        args.from.as_deref().map(properties::allowed_sources).transpose()?.unwrap_or_default();
    let kind = args.platform.map(|text| resolve::kind(&context.settings.catalog, &text)).transpose()?;
    if let Some(when) = &args.expires {
        properties::date(when, context)?;
    }
    if name.is_none() && !prompt::can_ask(&context.output) {
        return Err(CommandError::missing("<NAME>", "keydesk keys create"));
    }
    let destination = args.destination.chosen().unwrap_or(Destination::Output);
    let mut desk = context.desk_to_change(Urgency::Normal)?;
    if let Some(when) = &args.expires {
        let now = context.now();
        check_lifetime(parse_when(when, now, &Zone::Local)?, now, context.settings.max_lifetime)?;
    }
    // No key is created that could not be delivered.
    destination.check(context)?;
    let application = application(context, &desk)?;
    if args.canary && args.expires.is_some() {
        context.output.warn("a canary key does not expire: --expires has no effect");
    }
    let expires = args.expires.or_else(|| args.canary.then(|| default_expiry(context)));
    let Choice { name, kind, expires } = match name {
        Some(name) => Choice {
            name,
            kind: kind.unwrap_or(KeyKind::Generic),
            expires: expires.unwrap_or_else(|| default_expiry(context)),
        },
        None => ask(context, &desk, &application, kind, expires)?,
    };
    // The time at which the key is created, so that a lifetime of 90 days is 90 days to the second.
    let now = context.present();
    let expires = parse_when(&expires, now, &Zone::Local)?;
    let new = NewKey {
        application: application.id,
        name,
        kind,
        key_type: args.key_type,
        expires,
        owner,
        note,
        allowed_sources,
    };
    let (same_name, in_month) = desk.store().read(|reader| {
        let same_name = keys::named(reader, application.id, new.name.as_str())?;
        Ok((same_name, desk::expiring_in_month(reader, application.id, expires, &Zone::Local)?))
    })?;
    if !same_name.is_empty() {
        context.output.warn(text::NAME_IN_USE);
    }
    for warning in warnings(expires, &Zone::Local, in_month).into_iter().filter(|_| !args.canary) {
        context.output.warn(&warning.to_string());
    }
    let create = if args.canary { desk::create_canary_key } else { desk::create_key };
    let created = context.change_at(now, &mut desk, |session| create(session, &new))?;
    let CreatedKey { key, secret } = created;
    let shown = Shown {
        key,
        application: application.name.as_str().to_owned(),
        uses_30d: 0,
        days: Vec::new(),
        sources: Vec::new(),
        used_since_rotation: None,
        rejected: Vec::new(),
    };
    let key = &shown.key;
    context.output.say(&if key.is_canary {
        format!("Canary key {} ({}) created in {}. {CANARY}", key.prefix, key.name, application.name)
    } else {
        let expires = context.exact(key.expires);
        format!("Key {} ({}) created in {}. It expires {expires}.", key.prefix, key.name, application.name)
    });
    let outcome = destination
        .deliver(context, &secret, &shown.document(context))
        .map_err(|reason| not_delivered(&shown.key, &reason))?;
    if !matches!(outcome, Outcome::Discarded) {
        context.output.say(text::SECRET_SHOWN_ONCE);
        if let Err(error) = context.change(&mut desk, |session| desk::mark_delivered(session, shown.key.id)) {
            context.output.warn(&format!("could not record that the secret was delivered: {error}"));
        }
    }
    if !destination.is_output() {
        // The secret was delivered already: an error here changes nothing.
        let _ = context.output.if_json(&shown.document(context));
    }
    Ok(Exit::Done)
}

/// The Application of the new key; asked for where there are several and none was named.
fn application(context: &Context, desk: &Desk) -> Result<Application, CommandError> {
    let several = context.application.is_none() && desk.store().read(applications::count)? > 1;
    if !several || !prompt::can_ask(&context.output) {
        return read(desk.store(), |reader| resolve::application(context, reader));
    }
    prompt::ask("Application", None, |name| {
        read(desk.store(), |reader| resolve::named_application(reader, name))
    })
}

/// Asks for the name and what else is missing, and suggests what the wizard of the terminal UI would.
fn ask(
    context: &Context,
    desk: &Desk,
    application: &Application,
    kind: Option<KeyKind>,
    expires: Option<String>,
) -> Result<Choice, CommandError> {
    let catalog = &context.settings.catalog;
    let generic = Some(KeyKind::Generic.as_str());
    let kind =
        kind.map_or_else(|| prompt::ask("Platform", generic, |text| resolve::kind(catalog, text)), Ok)?;
    let suggestion = Name::parse(&suggested_name(&catalog.label(&kind), context.now(), &Zone::Local))?;
    let suggestion = desk.store().read(|reader| desk::unused_name(reader, application.id, &suggestion))?;
    let name = prompt::ask("Name", Some(suggestion.as_str()), |text| Ok(Name::parse(text)?))?;
    let accept = |text: &str| {
        let now = context.present();
        check_lifetime(parse_when(text, now, &Zone::Local)?, now, context.settings.max_lifetime)?;
        Ok(text.to_owned())
    };
    let default = default_expiry(context);
    let expires = expires.map_or_else(|| prompt::ask("Expiration", Some(&default), accept), Ok)?;
    Ok(Choice { name, kind, expires })
}

fn default_expiry(context: &Context) -> String {
    format!("{}d", context.settings.default_expiry)
}

/// The key exists, and its secret was not delivered.
fn not_delivered(key: &Key, reason: &str) -> CommandError {
    let message = format!(
        "key {} ({}) was created, but its secret was not delivered: {reason}. The key is marked \"not delivered\"",
        key.prefix, key.name
    );
    CommandError::failed("secret_not_delivered", message)
        .hint(format!("delete it with \"keydesk keys delete {} --yes\" and create another", key.id))
}
