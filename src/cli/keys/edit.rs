//! `keydesk keys edit`: another name, owner, note or other allowed sources.

use super::properties;
use super::show::Shown;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::resolve;
use crate::desk::{self, EditedKey, KeyProperties, Picked, text};
use crate::domain::key::Key;
use crate::domain::text::Name;
use crate::store::Urgency;

const EXAMPLES: Examples = Examples(&[
    ("keydesk keys edit Checkout --owner 'Payments team'", ""),
    ("keydesk keys edit Checkout --note 'ticket 4711' --name 'Checkout EU'", ""),
    ("keydesk keys edit Checkout --from 10.0.0.4,10.1.0.0/16", "rejects requests from elsewhere"),
    ("keydesk keys edit Checkout --owner '' --from any", "removes both"),
]);

/// Change name, owner, note and allowed sources of a key
///
/// Owner and note are free text for people. They stay in the audit log, where nothing can be erased: name a team or a
/// role, not a person. A text that contains the email of a user of this database is rejected.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Key ID, key prefix (ik_live_...), or name (of rotated keys, the newest)
    #[arg(value_name = "KEY")]
    key: String,
    /// New name
    #[arg(long, value_name = "N")]
    name: Option<String>,
    /// Who to ask before the key is deleted; an empty text removes it
    #[arg(long, value_name = "T")]
    owner: Option<String>,
    /// Note; an empty text removes it
    #[arg(long, value_name = "T")]
    note: Option<String>,
    /// Accept the key only from these addresses and networks, or from any
    #[arg(long, value_name = "ADDR,...|any")]
    from: Option<String>,
}

impl Args {
    /// The properties of the key with those that were given.
    fn apply(&self, key: &Key) -> Result<KeyProperties, CommandError> {
        let mut new = KeyProperties::of(key);
        if let Some(name) = &self.name {
            new.name = Name::parse(name)?;
        }
        if let Some(owner) = &self.owner {
            new.owner = properties::owner(owner)?;
        }
        if let Some(note) = &self.note {
            new.note = properties::note(note)?;
        }
        if let Some(from) = &self.from {
            new.allowed_sources = properties::allowed_sources(from)?;
        }
        Ok(new)
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    if [&args.name, &args.owner, &args.note, &args.from].into_iter().all(Option::is_none) {
        return Err(CommandError::usage("nothing_to_edit", "nothing to change was given")
            .hint("use --name, --owner, --note or --from"));
    }
    let mut desk = context.desk_to_change(Urgency::Normal)?;
    let old = read(desk.store(), |reader| resolve::key(context, reader, &args.key))?;
    let new = args.apply(&old)?;
    let picked = Picked { id: old.id, version: old.version };
    let EditedKey { key, changes } =
        context.change(&mut desk, |session| desk::edit_key(session, picked, &new))?;
    let (rejected, shown) = read(desk.store(), |reader| {
        let rejected = desk::sources_outside(reader, key.id, &key.allowed_sources, context.now())?;
        Ok((rejected, Shown::around(context, reader, key)?))
    })?;
    let key = &shown.key;
    context.output.say(&if changes.is_empty() {
        format!("Key {} ({}) is unchanged: it has these values already.", key.prefix, key.name)
    } else {
        format!("Key {} ({}) edited: {}.", key.prefix, key.name, text::fields(&changes))
    });
    if let Some(warning) = text::sources_outside(&rejected, context.now())
        && changes.iter().any(|change| change.field == "allowed sources")
    {
        context.output.warn(&warning);
    }
    context.output.if_json(&shown.document(context))
}
