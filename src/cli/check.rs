//! `keydesk check`: keys that expire soon, for cron and monitoring.

use chrono::TimeDelta;
use serde::Serialize;

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::key_list;
use crate::cli::output::documents::KeyDocument;
use crate::cli::output::table::{Cell, Style};
use crate::cli::resolve;
use crate::domain::Instant;
use crate::domain::application::Application;
use crate::domain::expiry::{parse_duration, relative_short, rfc3339};
use crate::domain::key::Key;
use crate::domain::text::inert;
use crate::store::attention::{self, FoundKeys};
use crate::store::{Reader, StoreError};

const EXAMPLES: Examples = Examples(&[
    ("keydesk check --within 14d", ""),
    ("keydesk check --within 24h --app Storefront --json | jq -r '.expiring[].name'", ""),
    (
        "out=$(keydesk check --within 14d) \\\n    || echo \"$out\" | mail -s 'Keys expire' ops@example.com",
        "send a mail when keys expire, from cron",
    ),
]);

/// Tell which keys expire soon, for cron and monitoring
///
/// Looks at all Applications, unless --app names one. It also lists, without an effect on the exit code: replaced
/// keys that end within the time and were used in the last 7 days, keys that were not used for 90 days, and keys
/// whose secret was never shown. A systemd timer for it stands in assets/systemd.
///
/// Exit code 0 when nothing expires within the time, 1 when something does.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How far ahead: 24h, 14d, 12w
    #[arg(long, value_name = "DURATION")]
    within: String,
}

/// Maximum number of keys of one group.
const MAX_LISTED: usize = 1_000;
/// Maximum number of rows of a group that is mere information.
const MAX_ROWS: usize = 20;
/// A key that was used within this many days is in use.
const IN_USE_DAYS: i64 = 7;
/// A key that was not used for this many days is idle.
const IDLE_DAYS: i64 = 90;

const HEADS: [&str; 7] = ["NAME", "KEY ID", "APPLICATION", "PLATFORM", "EXPIRES", "LAST USED", "REPLACED BY"];

/// Keys, each with the name of its Application.
#[derive(Default)]
struct Group {
    keys: Vec<(Key, String)>,
    more: bool,
}

impl Group {
    fn add(&mut self, application: &Application, found: FoundKeys) {
        self.more |= found.more;
        self.keys.extend(found.keys.into_iter().map(|key| (key, application.name.to_string())));
    }

    /// Number of keys that can still be added.
    fn remaining(&self) -> usize {
        MAX_LISTED.saturating_sub(self.keys.len())
    }
}

#[derive(Default)]
struct Report {
    expiring: Group,
    still_used: Group,
    idle: Group,
    undelivered: Group,
}

#[derive(Serialize)]
struct Document<'a> {
    ok: bool,
    within: &'a str,
    until: String,
    expiring: Vec<KeyDocument<'a>>,
    still_used: Vec<KeyDocument<'a>>,
    idle: Vec<KeyDocument<'a>>,
    undelivered: Vec<KeyDocument<'a>>,
    more: bool,
}

/// Exits with 1 when a key expires within the time. The other groups are information.
pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let until = context.now + parse_duration(&args.within)?;
    let desk = context.desk()?;
    read(desk.store(), |reader| {
        let applications = resolve::applications(context, reader)?;
        let report = collect(reader, &applications, context.now, until)?;
        let within = inert(args.within.trim());
        if context.output.is_json() {
            document(context, reader, &report, &within, until)?;
        } else {
            print(context, &report, &within)?;
        }
        Ok(if report.expiring.keys.is_empty() { Exit::Done } else { Exit::No })
    })
}

fn collect(
    reader: &Reader<'_>,
    chosen: &[Application],
    now: Instant,
    until: Instant,
) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let in_use = now - TimeDelta::days(IN_USE_DAYS);
    let idle = now - TimeDelta::days(IDLE_DAYS);
    for application in chosen {
        let id = application.id;
        let Report { expiring, still_used, idle: unused, undelivered } = &mut report;
        expiring.add(application, attention::expiring(reader, id, now, until, expiring.remaining())?);
        let found = attention::still_used(reader, id, now, until, in_use, still_used.remaining())?;
        still_used.add(application, found);
        unused.add(application, attention::idle(reader, id, now, idle, unused.remaining())?);
        undelivered.add(application, attention::undelivered(reader, id, now, undelivered.remaining())?);
    }
    for group in [&mut report.expiring, &mut report.still_used] {
        group.keys.sort_by_key(|(key, _)| key.expires);
    }
    Ok(report)
}

fn document(
    context: &Context,
    reader: &Reader<'_>,
    report: &Report,
    within: &str,
    until: Instant,
) -> Result<(), CommandError> {
    let documents = |group| documents(context, reader, group);
    let Report { expiring, still_used, idle, undelivered } = report;
    context.output.document(&Document {
        ok: expiring.keys.is_empty(),
        within,
        until: rfc3339(until),
        expiring: documents(expiring)?,
        still_used: documents(still_used)?,
        idle: documents(idle)?,
        undelivered: documents(undelivered)?,
        more: expiring.more || still_used.more || idle.more || undelivered.more,
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

fn print(context: &Context, report: &Report, within: &str) -> Result<(), CommandError> {
    let Report { expiring, still_used, idle, undelivered } = report;
    if expiring.keys.is_empty() {
        context.output.line(&format!("Nothing expires within {within}."))?;
    } else {
        let heading = format!("{} within {within}:", counted(expiring, "expires", "expire"));
        print_group(context, &heading, expiring, MAX_LISTED)?;
    }
    let idle_for = format!(" for {IDLE_DAYS} days: perhaps nobody needs it any more:");
    let notes = [
        (
            still_used,
            counted(still_used, "is replaced, ends soon", "are replaced, end soon"),
            ", and still in use: change over what uses it, or it stops working at its end:",
        ),
        (idle, counted(idle, "works and was not used", "work and were not used"), idle_for.as_str()),
        (
            undelivered,
            counted(undelivered, "works although its secret was", "work although their secrets were"),
            " never shown: rotate or delete, nobody has the secret:",
        ),
    ];
    for (group, who, what) in notes.into_iter().filter(|(group, ..)| !group.keys.is_empty()) {
        print_group(context, &format!("{who}{what}"), group, MAX_ROWS)?;
    }
    Ok(())
}

fn counted(group: &Group, one: &str, many: &str) -> String {
    match group.keys.len() {
        1 if !group.more => format!("1 key {one}"),
        count if group.more => format!("{count} keys or more {many}"),
        count => format!("{count} keys {many}"),
    }
}

fn print_group(context: &Context, heading: &str, group: &Group, shown: usize) -> Result<(), CommandError> {
    context.output.line(heading)?;
    let mut table = context.output.table(&HEADS);
    for (key, application) in group.keys.iter().take(shown) {
        table.row(vec![
            Cell::plain(key.name.to_string()),
            Cell::plain(key.id.as_str()),
            Cell::plain(application.clone()),
            Cell::plain(context.settings.catalog.label(&key.kind)),
            Cell::plain(relative_short(key.expires, context.now)),
            match key.last_used {
                Some(at) => Cell::plain(relative_short(at, context.now)),
                None => Cell::styled("never", Style::Faint),
            },
            Cell::plain(key.replaced_by.map(|id| id.to_string()).unwrap_or_default()),
        ])?;
    }
    table.finish()?;
    if let Some(rest) = group.keys.len().checked_sub(shown).filter(|rest| *rest > 0) {
        context.output.line(&format!("... and {rest} more (--json lists them)"))?;
    }
    Ok(())
}
