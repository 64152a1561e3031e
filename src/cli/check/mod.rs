//! `keydesk check`: keys that need attention, for cron and monitoring.

mod report;
mod tables;

use chrono::TimeDelta;
use serde::Serialize;

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::key_list;
use crate::cli::output::documents::{KeyDocument, RejectedDocument};
use crate::cli::resolve::{self, AllApplications};
use crate::domain::Instant;
use crate::domain::application::{Application, Scope};
use crate::domain::expiry::{parse_duration, rfc3339};
use crate::domain::key::Key;
use crate::domain::text::inert;
use crate::store::attention::{self, DeletedInUse};
use crate::store::usage;
use crate::store::{Reader, StoreError, keys};
use report::{Group, IDLE_DAYS, MAX_LISTED, Report, UsedCanary};

const EXAMPLES: Examples = Examples(&[
    ("keydesk check", ""),
    ("keydesk check --within 24h --app Storefront --json | jq -r '.expiring[].name'", ""),
    (
        "out=$(keydesk check) \\\n    || echo \"$out\" | mail -s 'API keys need attention' ops@example.com",
        "send a mail when keys need attention, from cron",
    ),
]);

/// Check which keys need attention, for cron and monitoring
///
/// Checks all Applications, or the one given with --app. Exits with 1 when keys need attention: keys that expire within
/// the time and have no successor, predecessors in the last quarter of their overlap (at most 48 hours before their end)
/// that were used since the rotation or whose successor was never used, canary keys with a use that was not acknowledged,
/// and deleted keys that were used in the last 24 hours.
///
/// Also lists, without an effect on the exit code: rotations in progress, keys that were not used for 90 days, and keys
/// that were never delivered.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Time to look ahead: 24h, 14d, 12w
    #[arg(long, value_name = "DURATION", default_value = "14d")]
    within: String,
    #[command(flatten)]
    all: AllApplications,
}

/// The end of a predecessor is near in the last 1/`LAST_PART` of its overlap.
const LAST_PART: i32 = 4;
/// The limit where overlaps are long.
const NEAR: TimeDelta = TimeDelta::hours(48);

#[derive(Serialize)]
struct Document<'a> {
    ok: bool,
    within: &'a str,
    until: String,
    canaries: Vec<CanaryDocument<'a>>,
    expiring: Vec<KeyDocument<'a>>,
    still_used: Vec<KeyDocument<'a>>,
    stalled: Vec<KeyDocument<'a>>,
    deleted_in_use: Vec<DeletedDocument<'a>>,
    rotating: Vec<KeyDocument<'a>>,
    idle: Vec<KeyDocument<'a>>,
    undelivered: Vec<KeyDocument<'a>>,
    more: bool,
}

#[derive(Serialize)]
struct CanaryDocument<'a> {
    id: &'a str,
    name: &'a str,
    application: &'a str,
    prefix: &'a str,
    last: Option<String>,
    sources: Vec<RejectedDocument<'a>>,
}

#[derive(Serialize)]
struct DeletedDocument<'a> {
    id: &'a str,
    name: &'a str,
    application: &'a str,
    prefix: &'a str,
    deleted: String,
    last_rejected: String,
    last_rejected_from: Option<&'a str>,
}

impl<'a> CanaryDocument<'a> {
    fn of(used: &'a UsedCanary) -> Self {
        let UsedCanary { key, application, sources } = used;
        Self {
            id: key.id.as_str(),
            name: key.name.as_str(),
            application,
            prefix: &key.prefix,
            last: key.canary_used.map(rfc3339),
            sources: sources.iter().map(RejectedDocument::of).collect(),
        }
    }
}

impl<'a> DeletedDocument<'a> {
    fn of((found, application): &'a (DeletedInUse, String)) -> Self {
        let DeletedInUse { tombstone, last, last_from } = found;
        Self {
            id: tombstone.id.as_str(),
            name: tombstone.name.as_str(),
            application,
            prefix: &tombstone.prefix,
            deleted: rfc3339(tombstone.deleted),
            last_rejected: rfc3339(*last),
            last_rejected_from: last_from.as_deref(),
        }
    }
}

/// Exits with 1 when a key needs attention. Rotations, idle and undelivered keys are information.
pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let within = parse_duration(&args.within)?;
    let desk = context.desk()?;
    let until = context.now() + within;
    read(desk.store(), |reader| {
        let applications = resolve::applications(context, reader, args.all)?;
        let report = collect(reader, &applications, context.now(), until)?;
        let within = inert(args.within.trim());
        if context.output.is_json() {
            document(context, reader, &report, &within, until)?;
        } else {
            tables::print(context, &report, &within)?;
        }
        Ok(if report.is_ok() { Exit::Done } else { Exit::No })
    })
}

fn collect(
    reader: &Reader<'_>,
    chosen: &[Application],
    now: Instant,
    until: Instant,
) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let idle_since = now - TimeDelta::days(IDLE_DAYS);
    for application in chosen {
        let id = application.id;
        let most = MAX_LISTED.saturating_sub(report.canaries.len());
        for key in attention::canaries_used(reader, Scope::Application(id), most)?.keys {
            let mut sources = usage::sources(reader, key.id, Some(usage::CANARY))?;
            sources.retain(|source| Some(source.last) > key.acknowledged);
            report.canaries.push(UsedCanary { key, application: application.name.to_string(), sources });
        }
        let Report { expiring, rotating, idle, undelivered, .. } = &mut report;
        expiring.add(application, attention::expiring(reader, id, now, until, expiring.remaining())?);
        rotating.add(application, attention::predecessors(reader, id, now, until, rotating.remaining())?);
        idle.add(application, attention::idle(reader, id, now, idle_since, idle.remaining())?);
        undelivered.add(application, attention::undelivered(reader, id, now, undelivered.remaining())?);
        let remaining = MAX_LISTED.saturating_sub(report.deleted_in_use.len());
        let deleted = attention::deleted_in_use(reader, Scope::Application(id), now, remaining)?;
        report.deleted_in_use.extend(deleted.into_iter().map(|found| (found, application.name.to_string())));
    }
    // Those that end when they are no longer used are listed whenever they expire.
    for key in keys::until_unused(reader)? {
        let application = chosen.iter().find(|application| application.id == key.application);
        let is_listed = key.expires <= until || key.ended(now).is_some();
        if let Some(application) = application.filter(|_| !is_listed && report.rotating.remaining() > 0) {
            report.rotating.keys.push((key, application.name.to_string()));
        }
    }
    let mut rotating = std::mem::take(&mut report.rotating.keys);
    for group in [&mut report.expiring.keys, &mut rotating] {
        group.sort_by_key(|(key, _)| key.expires);
    }
    for (key, application) in rotating {
        let group = if !is_near_its_end(reader, &key, now)? {
            &mut report.rotating
        } else if is_still_used(reader, &key, now)? {
            &mut report.still_used
        } else if key.until_unused.as_ref().is_some_and(|rule| rule.successor_used.is_none()) {
            &mut report.stalled
        } else {
            &mut report.rotating
        };
        group.keys.push((key, application));
    }
    Ok(report)
}

/// Whether a predecessor expires soon.
fn is_near_its_end(reader: &Reader<'_>, key: &Key, now: Instant) -> Result<bool, StoreError> {
    let Some(since) = keys::replaced_at(reader, key)? else { return Ok(false) };
    let near = ((key.expires - since) / LAST_PART).min(NEAR);
    Ok(key.expires - now <= near)
}

/// Whether a predecessor was used since its rotation.
fn is_still_used(reader: &Reader<'_>, key: &Key, now: Instant) -> Result<bool, StoreError> {
    let since = keys::replaced_at(reader, key)?;
    Ok(since.is_some_and(|since| key.is_still_used(since, now) == Some(true)))
}

fn document(
    context: &Context,
    reader: &Reader<'_>,
    report: &Report,
    within: &str,
    until: Instant,
) -> Result<(), CommandError> {
    let documents = |group| documents(context, reader, group);
    let Report { canaries, expiring, still_used, stalled, deleted_in_use, rotating, idle, undelivered } =
        report;
    context.output.document(&Document {
        ok: report.is_ok(),
        within,
        until: rfc3339(until),
        canaries: canaries.iter().map(CanaryDocument::of).collect(),
        expiring: documents(expiring)?,
        still_used: documents(still_used)?,
        stalled: documents(stalled)?,
        deleted_in_use: deleted_in_use.iter().map(DeletedDocument::of).collect(),
        rotating: documents(rotating)?,
        idle: documents(idle)?,
        undelivered: documents(undelivered)?,
        more: [expiring, rotating, idle, undelivered].iter().any(|group| group.more),
    })
}

fn documents<'a>(
    context: &Context,
    reader: &Reader<'_>,
    group: &'a Group,
) -> Result<Vec<KeyDocument<'a>>, StoreError> {
    let keys = group.keys.iter();
    keys.map(|(key, application)| key_list::document(context, reader, key, application)).collect()
}
