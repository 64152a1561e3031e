//! `keydesk audit list`: who did what, newest first, streamed.

use serde::Serialize;

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::listing::Listing;
use crate::cli::output::table::{Cell, Style};
use crate::cli::resolve;
use crate::cli::values;
use crate::domain::audit::{AuditAction, Change};
use crate::domain::audit_filter::AuditFilter;
use crate::domain::expiry::rfc3339;
use crate::domain::key::KeyId;
use crate::domain::since::parse_since;
use crate::domain::text::{Name, fold, inert};
use crate::domain::user::Email;
use crate::host::clock::Zone;
use crate::store::audit::{self, AuditRow};

const EXAMPLES: Examples = Examples(&[
    ("keydesk audit list --since 7d --action deleted", ""),
    ("keydesk audit list --key Checkout --user ana@example.com", ""),
    ("keydesk audit list --limit 20 --json | jq -r '.[].action'", ""),
]);

/// List the entries, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only entries about this key: a key ID, a key prefix or a name, also of a deleted key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only entries since then: 7d, 12h, 2026-11-01 (start of that day, local time) or RFC 3339
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only entries with this user as actor or target
    #[arg(long, value_name = "EMAIL")]
    user: Option<String>,
    /// Only entries with this action: key.deleted, or a part such as deleted or key
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Maximum number of entries
    #[arg(long, value_name = "N", value_parser = values::limit)]
    limit: Option<usize>,
}

const HEADS: [&str; 7] = ["#", "WHEN", "ACTOR", "ACTION", "TARGET", "APPLICATION", "CHANGES"];

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let since = || {
        let since = args.since.as_deref().map(|text| parse_since(text, context.now(), &Zone::Local));
        since.transpose().map_err(|error| CommandError::usage("bad_date", error.to_string()))
    };
    since()?;
    let action = args.action.as_deref().map(action).transpose()?;
    let desk = context.desk()?;
    // By the clock of the database, which is open now.
    let since = since()?;
    read(desk.store(), |reader| {
        let filter = AuditFilter {
            since,
            action: action.into_iter().collect(),
            application_id: context
                .application
                .as_deref()
                .map(|name| resolve::named_application(reader, name))
                .transpose()?
                .map(|application| application.id),
            key_id: args
                .key
                .as_deref()
                .map(|text| resolve::key_or_tombstone(context, reader, text))
                .transpose()?,
            user_id: match &args.user {
                Some(text) => Some(resolve::user(reader, text)?.id),
                None => None,
            },
            ..AuditFilter::default()
        };
        let mut list = Listing::new(&context.output, &HEADS);
        audit::each(reader, &filter, args.limit, |row| {
            list.row(|| Ok::<_, CommandError>(Document::from(&row)), || cells(&row))
        })?;
        if list.finish()? == 0 {
            context.output.say("No matching entries.");
        }
        Ok(Exit::Done)
    })
}

/// The name of an action, or a part of one.
fn action(text: &str) -> Result<String, CommandError> {
    let folded = fold(text.trim());
    let known: Vec<&str> = AuditAction::ALL.iter().map(|action| action.as_str()).collect();
    if !folded.is_empty() && known.iter().any(|word| word.contains(&folded)) {
        return Ok(folded);
    }
    Err(CommandError::usage("unknown_action", format!("unknown action {:?}", inert(text)))
        .hint(format!("use one of these or a part of one: {}", known.join(", "))))
}

#[derive(Serialize)]
struct Document<'a> {
    number: u64,
    at: String,
    user: Option<&'a str>,
    user_number: i64,
    uid: u32,
    action: &'a str,
    application: Option<&'a str>,
    application_number: Option<i64>,
    key: Option<&'a str>,
    key_name: Option<&'a str>,
    target_user: Option<&'a str>,
    target_user_number: Option<i64>,
    changes: Vec<Change>,
    hash: String,
}

impl<'a> From<&'a AuditRow> for Document<'a> {
    fn from(row: &'a AuditRow) -> Self {
        let entry = &row.entry;
        Self {
            number: entry.number,
            at: rfc3339(entry.at),
            user: row.actor_email.as_ref().map(Email::as_str),
            user_number: entry.actor.0,
            uid: entry.actor_uid,
            action: &entry.action,
            application: row.application.as_ref().map(Name::as_str),
            application_number: entry.application.map(|application| application.0),
            key: entry.key.as_ref().map(KeyId::as_str),
            key_name: row.key.as_ref().map(Name::as_str),
            target_user: row.user_email.as_ref().map(Email::as_str),
            target_user_number: entry.user.map(|user| user.0),
            changes: entry.changes(),
            hash: row.hash.to_string(),
        }
    }
}

fn cells(row: &AuditRow) -> Vec<Cell> {
    let entry = &row.entry;
    vec![
        Cell::number(entry.number),
        Cell::plain(Zone::Local.local(entry.at).format("%Y-%m-%d %H:%M:%S").to_string()),
        match &row.actor_email {
            Some(email) => Cell::plain(email.to_string()),
            None => Cell::styled(format!("(user {})", entry.actor.0), Style::Faint),
        },
        Cell::plain(entry.label()),
        Cell::plain(row.subject()),
        Cell::plain(row.application.as_ref().map(ToString::to_string).unwrap_or_default()),
        Cell::styled(changes(&entry.changes()), Style::Faint),
    ]
}

fn changes(changes: &[Change]) -> String {
    let one = |change: &Change| {
        let field = inert(&change.field);
        match (&change.before, &change.after) {
            (Some(before), Some(after)) => format!("{field}: {} -> {}", inert(before), inert(after)),
            (Some(before), None) => format!("{field} was {}", inert(before)),
            (None, Some(after)) => format!("{field}: {}", inert(after)),
            (None, None) => field,
        }
    };
    changes.iter().map(one).collect::<Vec<_>>().join("; ")
}
