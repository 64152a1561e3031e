//! `keydesk keys show`: all that is known of one key.

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::output::documents::KeyDocument;
use crate::cli::resolve;
use crate::domain::Instant;
use crate::domain::key::{Key, KeyId};
use crate::domain::text::inert;
use crate::domain::user::UserStatus;
use crate::store::{Reader, Store, applications, keys, usage};

const EXAMPLES: &str = "\
Examples:
  keydesk keys show Checkout
  keydesk keys show 7Qm2x9KdPa --json";

/// Show all that is known of a key
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Key ID, displayed prefix (ik_live_...), or a name that is unique in the Application
    #[arg(value_name = "KEY")]
    key: String,
}

/// A key with what stands around it.
pub(super) struct Shown {
    pub(super) key: Key,
    /// The name of its Application.
    pub(super) application: String,
    /// Accepted uses within the last 30 days.
    pub(super) uses_30d: u64,
    /// When its successor was handed over.
    pub(super) replaced: Option<Instant>,
}

impl Shown {
    /// Reads what stands around a key.
    pub(super) fn around(context: &Context, reader: &Reader<'_>, key: Key) -> Result<Self, CommandError> {
        let application = applications::get(reader, key.application)?;
        let application =
            application.map(|application| application.name.as_str().to_owned()).unwrap_or_default();
        let uses_30d = usage::last_30_days(reader, key.id, context.now)?.iter().sum();
        let replaced = keys::replaced_at(reader, &key)?;
        Ok(Self { key, application, uses_30d, replaced })
    }

    /// The same for several, in one transaction.
    pub(super) fn around_all(
        context: &Context,
        store: &Store,
        keys: Vec<Key>,
    ) -> Result<Vec<Self>, CommandError> {
        read(store, |reader| keys.into_iter().map(|key| Self::around(context, reader, key)).collect())
    }

    /// The document for programs.
    pub(super) fn document(&self, context: &Context) -> KeyDocument<'_> {
        KeyDocument::new(
            &self.key,
            &self.application,
            context.now,
            context.settings.expires_soon,
            self.uses_30d,
        )
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let store = context.store()?;
    let shown =
        read(&store, |reader| Shown::around(context, reader, resolve::key(context, reader, &args.key)?))?;
    if context.output.is_json() {
        context.output.document(&shown.document(context))?;
    } else {
        context.output.line(&text(context, &shown))?;
    }
    Ok(Exit::Done)
}

fn text(context: &Context, shown: &Shown) -> String {
    let key = &shown.key;
    let id = |id: &Option<KeyId>| id.map(|id| id.to_string());
    let fields = [
        ("Key ID", Some(key.id.to_string())),
        ("Prefix", Some(key.prefix.clone())),
        ("Application", Some(inert(&shown.application))),
        ("Platform", Some(context.settings.catalogue.label(&key.kind))),
        ("Type", Some(key.key_type.as_str().to_owned())),
        ("State", Some(key.state(context.now, context.settings.expires_soon).label().to_owned())),
        ("Expires", Some(context.exact(key.expires))),
        ("Disabled", key.disabled.map(|at| context.exact(at))),
        ("Created", Some(context.exact(key.created))),
        ("Creator", Some(creator(key))),
        ("Secret", Some(delivered(context, key))),
        ("Last used", Some(last_used(context, key))),
        ("Uses in 30 days", Some(shown.uses_30d.to_string())),
        ("Replaces", id(&key.replaces)),
        ("Replaced by", id(&key.replaced_by)),
        ("Still used", shown.replaced.and_then(|since| still_used(key, since, context.now))),
    ];
    let mut lines = vec![key.name.to_string()];
    for (label, value) in fields {
        lines.extend(value.map(|value| format!("  {label:<16}{value}")));
    }
    lines.join("\n")
}

fn creator(key: &Key) -> String {
    match (&key.creator.email, key.creator.status) {
        (None, _) => "(deleted)".into(),
        (Some(email), UserStatus::Disabled) => format!("{email} (disabled)"),
        (Some(email), _) => email.to_string(),
    }
}

fn still_used(key: &Key, since: Instant, now: Instant) -> Option<String> {
    let said = |used| if used { "yes, since it was replaced" } else { "not since it was replaced" };
    key.is_still_used(since, now).map(|used| said(used).to_owned())
}

fn delivered(context: &Context, key: &Key) -> String {
    match key.delivered {
        Some(at) => format!("handed over {}", context.exact(at)),
        None => "never shown: nobody has it".into(),
    }
}

fn last_used(context: &Context, key: &Key) -> String {
    match (key.last_used, &key.last_used_from) {
        (None, _) => "never".into(),
        (Some(at), None) => context.exact(at),
        (Some(at), Some(from)) => format!("{} from {}", context.exact(at), inert(from)),
    }
}
