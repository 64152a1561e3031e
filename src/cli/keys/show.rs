//! `keydesk keys show`: the details of one key.

use serde::Serialize;

use super::list::state_label;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::documents::{KeyDocument, RejectedDocument};
use crate::cli::resolve;
use crate::cli::source_table;
use crate::desk::{self, KeyDetails, Moved, UsedSource, text};
use crate::domain::expiry::rfc3339;
use crate::domain::key::{Key, KeyId};
use crate::domain::text::inert;
use crate::store::usage::SourceAddress;
use crate::store::{Reader, Store, applications};

const EXAMPLES: Examples =
    Examples(&[("keydesk keys show Checkout", ""), ("keydesk keys show 7Qm2x9KdPa --json", "")]);

/// Show the details of a key
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Key ID, key prefix (ik_live_...), or name (of rotated keys, the newest)
    #[arg(value_name = "KEY")]
    key: String,
}

/// A key with its Application and its use.
pub(super) struct Shown {
    pub(super) key: Key,
    /// The name of its Application.
    pub(super) application: String,
    /// Accepted uses within the last 30 days.
    pub(super) uses_30d: u64,
    /// Accepted requests of each of the last 30 days, the oldest first.
    pub(super) days: Vec<u64>,
    pub(super) sources: Vec<UsedSource>,
    /// Whether it has been used since its successor was delivered.
    pub(super) used_since_rotation: Option<bool>,
    /// The sources of the uses of a canary key, or of the rejected requests during the last outage of another key.
    pub(super) rejected: Vec<UsedSource>,
}

impl Shown {
    /// Reads the Application and the use of a key.
    pub(super) fn around(context: &Context, reader: &Reader<'_>, key: Key) -> Result<Self, CommandError> {
        let application = applications::get(reader, key.application)?;
        let application =
            application.map(|application| application.name.as_str().to_owned()).unwrap_or_default();
        let details = desk::details_of(reader, key, context.now())?;
        let (uses_30d, used_since_rotation) = (details.uses(), details.used_since_rotation(context.now()));
        let KeyDetails { key, days, sources, rejected, .. } = details;
        Ok(Self { key, application, uses_30d, days, sources, used_since_rotation, rejected })
    }

    /// Reads those of several keys in one transaction.
    pub(super) fn around_all(
        context: &Context,
        store: &Store,
        keys: Vec<Key>,
    ) -> Result<Vec<Self>, CommandError> {
        read(store, |reader| keys.into_iter().map(|key| Self::around(context, reader, key)).collect())
    }

    pub(super) fn document(&self, context: &Context) -> KeyDocument<'_> {
        KeyDocument::new(
            &self.key,
            &self.application,
            context.now(),
            context.settings.expires_soon,
            self.uses_30d,
        )
    }
}

/// A key with the sources that used it.
#[derive(Serialize)]
struct ShownDocument<'a> {
    #[serde(flatten)]
    key: KeyDocument<'a>,
    sources: Vec<SourceDocument<'a>>,
    /// Of the sources that are too old to be listed alone; left out where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    older_sources: Option<OlderDocument>,
    /// The sources of the uses of a canary key, or of the rejected requests during the last outage of another key.
    rejected: Vec<RejectedDocument<'a>>,
    canary_used: Option<String>,
    acknowledged: Option<String>,
}

#[derive(Serialize)]
struct SourceDocument<'a> {
    /// None when it is not known.
    address: Option<&'a str>,
    requests: u64,
    first: String,
    last: String,
    moved: Option<bool>,
}

#[derive(Serialize)]
struct OlderDocument {
    requests: u64,
    first: String,
    last: String,
}

impl<'a> ShownDocument<'a> {
    fn of(context: &Context, shown: &'a Shown) -> Self {
        let (mut sources, mut older_sources) = (Vec::new(), None);
        for UsedSource { source, moved } in &shown.sources {
            let (first, last) = (rfc3339(source.first), rfc3339(source.last));
            let requests = source.requests;
            let address = match &source.address {
                SourceAddress::Known(address) => Some(address.as_str()),
                SourceAddress::Unknown => None,
                SourceAddress::Older => {
                    older_sources = Some(OlderDocument { requests, first, last });
                    continue;
                }
            };
            let moved = moved.map(|moved| moved == Moved::Yes);
            sources.push(SourceDocument { address, requests, first, last, moved });
        }
        Self {
            key: shown.document(context),
            sources,
            older_sources,
            rejected: shown.rejected.iter().map(|used| RejectedDocument::of(&used.source)).collect(),
            canary_used: shown.key.canary_used.map(rfc3339),
            acknowledged: shown.key.acknowledged.map(rfc3339),
        }
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let desk = context.desk()?;
    let shown = read(desk.store(), |reader| {
        Shown::around(context, reader, resolve::key(context, reader, &args.key)?)
    })?;
    let document = ShownDocument::of(context, &shown);
    context.output.print(&document, || facts(context, &shown))
}

fn facts(context: &Context, shown: &Shown) -> String {
    let key = &shown.key;
    let id = |id: &Option<KeyId>| id.map(|id| id.to_string());
    let fields = [
        ("Key ID", Some(key.id.to_string())),
        ("Prefix", Some(key.prefix.clone())),
        ("Application", Some(inert(&shown.application))),
        ("Platform", Some(context.settings.catalog.label(&key.kind))),
        ("Type", Some(key.key_type.as_str().to_owned())),
        ("State", Some(state_label(context, key))),
        ("Expires", Some(if key.is_canary { "never".to_owned() } else { context.exact(key.expires) })),
        ("Ends", text::ends_when(key, context.now())),
        ("Earliest end", text::ends_at_the_earliest(key, context.now(), |at| context.exact(at))),
        ("Disabled", key.disabled.map(|at| context.exact(at))),
        ("Disabled until", key.disabled_until.map(|at| context.exact(at))),
        ("Created", Some(context.exact(key.created))),
        ("Creator", Some(text::creator(&key.creator))),
        ("Owner", key.owner.as_ref().map(ToString::to_string)),
        ("Note", key.note.as_ref().map(ToString::to_string)),
        ("Allowed sources", text::allowed_sources(key)),
        ("Secret", Some(delivered(context, key))),
        ("Last used", (!key.is_canary).then(|| last_used(context, key))),
        ("30-day requests", (!key.is_canary).then(|| shown.uses_30d.to_string())),
        ("Canary used", key.is_canary.then(|| canary_used(context, key))),
        ("Acknowledged", key.acknowledged.map(|at| format!("all uses up to {}", context.exact(at)))),
        ("Replaces", id(&key.replaces)),
        ("Replaced by", id(&key.replaced_by)),
        ("Still in use", shown.used_since_rotation.map(|used| text::still_in_use(used).to_owned())),
    ];
    let mut lines = vec![key.name.to_string()];
    for (label, value) in fields {
        lines.extend(value.map(|value| format!("  {label:<16}{value}")));
    }
    let title = if shown.key.is_canary { "Used by" } else { "Rejected while disabled" };
    if !shown.rejected.is_empty() {
        lines.extend([String::new(), format!("  {title}:")]);
        lines.extend(source_table::lines(context, &shown.rejected).into_iter().skip(1));
    }
    lines.extend(source_table::lines(context, &shown.sources));
    lines.join("\n")
}

fn canary_used(context: &Context, key: &Key) -> String {
    match key.canary_used {
        None => "never".into(),
        Some(at) if key.has_alarm() => {
            format!("{}. Acknowledge it with: keydesk keys acknowledge {}", context.exact(at), key.id)
        }
        Some(at) => context.exact(at),
    }
}

fn delivered(context: &Context, key: &Key) -> String {
    match key.delivered {
        Some(at) => format!("delivered {}", context.exact(at)),
        None => "not delivered".into(),
    }
}

fn last_used(context: &Context, key: &Key) -> String {
    match (key.last_used, &key.last_used_from) {
        (None, _) => "never".into(),
        (Some(at), from) => format!("{}{}", context.exact(at), text::from_address(from.as_deref())),
    }
}
