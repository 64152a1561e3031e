//! `keydesk demo`: the terminal UI on a throwaway database with the keys of `assets/demo.csv`.
//!
//! The keys are created by the same operations as real ones, oldest first, with times in the past. The secrets are
//! random and dropped.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::terminal_ui::{self, LaunchTui};
use crate::desk::{self, CanSignIn, DeskError, Ending, KeyAccess, Picked, Session};
use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::domain::expiry::{ExpiryError, parse_duration};
use crate::domain::key::{Key, KeyKind, KeyType, NewKey};
use crate::domain::source::AllowedSources;
use crate::domain::text::Name;
use crate::domain::token::Entropy;
use crate::domain::user::{Caller, Email, User, UserId};
use crate::host::entropy::SystemEntropy;
use crate::host::identity;
use crate::store::Store;
use crate::store::usage::day_of;
use crate::store::usage_writer::{Count, Entry, UsageWriter};
use crate::verify::Reason;

const EXAMPLES: Examples = Examples(&[("keydesk demo", "")]);

/// Open the terminal UI with sample data
///
/// The sample database is temporary. It is deleted when you quit.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args;

const TABLE: &str = include_str!("../../assets/demo.csv");
/// Age of the Applications and users.
const BEGINNING: TimeDelta = TimeDelta::days(400);
/// When one user was deleted and another became read-only: after the last event of the table.
const DEPARTURE: TimeDelta = TimeDelta::hours(1);
const OVERLAP: TimeDelta = TimeDelta::days(7);
const OUTAGE: TimeDelta = TimeDelta::hours(1);

const APPLICATIONS: [&str; 3] = ["Storefront", "Loyalty", "Billing"];

type Departure = fn(&mut Session<'_>, UserId, i64, CanSignIn<'_>) -> Result<User, DeskError>;

/// The other users, with user IDs that no system assigns, and how they left.
const COLLEAGUES: [(&str, u32, Option<Departure>); 3] = [
    ("ana", 3_000_000_001, None),
    ("ben", 3_000_000_002, Some(desk::disable_user)),
    ("chloe", 3_000_000_003, Some(desk::delete_user)),
];

/// Creates the database, opens the terminal UI on it, and removes it.
pub(crate) fn run(mut context: Context, launch_tui: LaunchTui) -> Result<Exit, CommandError> {
    terminal_ui::needs_terminal()?;
    let directory = tempfile::Builder::new()
        .prefix("keydesk-demo-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| {
            CommandError::failed("file", format!("could not create a temporary directory: {error}"))
        })?;
    context.database = directory.path().join("demo.db").into();
    context.application = None;
    context.known_heads = None;
    let mut store = Store::open(&context.database, &mut SystemEntropy)?;
    let rows = rows().map_err(|error| CommandError::failed("demo", format!("assets/demo.csv: {error}")))?;
    seed(&mut store, &identity::caller(), &rows, context.now(), &mut SystemEntropy)?;
    let desk = context.desk_on(store)?;
    terminal_ui::launch(context, desk, Some(directory.path().to_owned()), launch_tui)
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Event {
    Rotated,
    Disabled,
    /// For a time that is not over.
    Outage,
    Deleted,
    Undelivered,
    Canary,
}

#[derive(Deserialize)]
struct Row {
    application: String,
    name: String,
    platform: Option<String>,
    #[serde(rename = "type")]
    key_type: KeyType,
    creator: String,
    age: Length,
    lifetime: Length,
    event: Option<Event>,
    since: Option<Length>,
    per_day: u64,
    client: Option<String>,
    late: Option<u64>,
}

/// A `DURATION` of the table.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Length(TimeDelta);

impl TryFrom<String> for Length {
    type Error = ExpiryError;

    fn try_from(text: String) -> Result<Self, ExpiryError> {
        parse_duration(&text).map(Self)
    }
}

fn rows() -> Result<Vec<Row>, csv::Error> {
    let mut table = csv::ReaderBuilder::new();
    table.comment(Some(b'#')).trim(csv::Trim::All).from_reader(TABLE.as_bytes()).deserialize().collect()
}

/// Fills an empty database with Applications, users and keys. `you` becomes its first user.
fn seed(
    store: &mut Store,
    you: &Caller,
    rows: &[Row],
    now: Instant,
    entropy: &mut dyn Entropy,
) -> Result<(), DeskError> {
    let mut demo = Demo { store, now, entropy };
    let applications = demo.add_applications(you)?;
    let (mut colleagues, mut departures) = (HashMap::new(), Vec::new());
    for (name, uid, departure) in COLLEAGUES {
        // A login that cannot exist: the colon separates the fields of passwd(5).
        let caller = Caller { uid, login: format!("demo:{name}") };
        let session = &mut demo.session(you, BEGINNING);
        let user = desk::add_user(session, &email_of(name), Some(&caller.login), Some(uid))?;
        departures.extend(departure.map(|departure| (departure, user)));
        colleagues.insert(name, caller);
    }
    let mut steps: Vec<(TimeDelta, &Row, Option<Event>)> = Vec::new();
    for row in rows {
        steps.push((row.age.0, row, None));
        steps.extend(row.event.zip(row.since).map(|(event, since)| (since.0, row, Some(event))));
    }
    steps.sort_by_key(|(ago, ..)| Reverse(*ago));
    let (mut keys, mut usage) = (HashMap::new(), Vec::new());
    for (ago, row, event) in steps {
        let caller = colleagues.get(row.creator.as_str()).unwrap_or(you);
        if let Some((event, key)) = event.zip(keys.get(row.name.as_str())) {
            usage.extend(demo.apply(caller, ago, event, key, row)?);
        } else if let Some(application) = applications.get(row.application.as_str()) {
            let key = demo.create(caller, *application, row)?;
            if row.event.is_none() {
                usage.extend(lines(&key, row, key.expires, Some(Reason::Expired), now));
            }
            keys.insert(row.name.as_str(), key);
        }
    }
    for (departure, user) in departures {
        departure(&mut demo.session(you, DEPARTURE), user.id, user.version, &identity::can_sign_in)?;
    }
    let mut writer = UsageWriter::open(demo.store.location(), Duration::from_secs(5))?;
    Ok(writer.write(&mut usage)?)
}

struct Demo<'a> {
    store: &'a mut Store,
    now: Instant,
    entropy: &'a mut dyn Entropy,
}

impl Demo<'_> {
    fn session<'s>(&'s mut self, caller: &'s Caller, ago: TimeDelta) -> Session<'s> {
        Session { store: self.store, caller, now: self.now - ago, entropy: self.entropy, max_lifetime: None }
    }

    fn add_applications(&mut self, you: &Caller) -> Result<HashMap<&'static str, ApplicationId>, DeskError> {
        let email = Email::parse(&identity::suggested_email(you)).unwrap_or_else(|_| email_of("you"));
        let first = Name::from_stored(APPLICATIONS[0].into());
        let session = &mut self.session(you, BEGINNING);
        let set_up = desk::set_up(session, &email, &first, None)?;
        let mut ids = HashMap::from([(APPLICATIONS[0], set_up.application.id)]);
        for name in &APPLICATIONS[1..] {
            ids.insert(name, desk::create_application(session, &Name::from_stored((*name).into()))?.id);
        }
        Ok(ids)
    }

    fn create(&mut self, caller: &Caller, application: ApplicationId, row: &Row) -> Result<Key, DeskError> {
        let new = NewKey {
            application,
            name: Name::from_stored(row.name.clone()),
            kind: KeyKind::from_platform(row.platform.clone()),
            key_type: row.key_type,
            expires: self.now - row.age.0 + row.lifetime.0,
            owner: None,
            note: None,
            allowed_sources: AllowedSources::default(),
        };
        let create =
            if row.event == Some(Event::Canary) { desk::create_canary_key } else { desk::create_key };
        let key = create(&mut self.session(caller, row.age.0), &new)?.key;
        if row.event != Some(Event::Undelivered) {
            desk::mark_delivered(&mut self.session(caller, row.age.0), key.id)?;
        }
        Ok(key)
    }

    /// Applies an event to a key, and returns the use before and after it.
    fn apply(
        &mut self,
        caller: &Caller,
        ago: TimeDelta,
        event: Event,
        key: &Key,
        row: &Row,
    ) -> Result<Vec<(Entry, Count)>, DeskError> {
        let now = self.now;
        let picked = [Picked { id: key.id, version: key.version }];
        let mut session = self.session(caller, ago);
        let at = session.now;
        let reason = match event {
            Event::Undelivered => return Ok(vec![]),
            Event::Canary => Reason::Canary,
            Event::Outage => {
                let access = KeyAccess::DisabledFor(OUTAGE);
                desk::set_access(&mut session, &picked, access).map(|_| Reason::Disabled)?
            }
            Event::Disabled => {
                desk::set_access(&mut session, &picked, KeyAccess::Disabled).map(|_| Reason::Disabled)?
            }
            Event::Deleted => desk::delete_keys(&mut session, &picked).map(|_| Reason::Deleted)?,
            Event::Rotated => {
                let mut usage = Vec::new();
                for rotated in desk::rotate_keys(&mut session, &picked, Ending::After(OVERLAP))? {
                    let new = rotated.created.key;
                    desk::mark_delivered(&mut session, new.id)?;
                    let until = row.late.map_or(at, |_| rotated.old.expires);
                    usage.extend(lines(key, row, until, None, now));
                    usage.extend(lines(&new, row, new.expires, None, now));
                }
                return Ok(usage);
            }
        };
        Ok(lines(key, row, at, Some(reason), now))
    }
}

fn email_of(name: &str) -> Email {
    Email::from_stored(format!("{name}@example.com"))
}

/// Returns the use that an endpoint would have recorded in the last 30 days: requests `until` an instant, and
/// today's `late` requests after it.
fn lines(key: &Key, row: &Row, until: Instant, then: Option<Reason>, now: Instant) -> Vec<(Entry, Count)> {
    let mut lines = Vec::new();
    let today = day_of(now);
    let source = row.client.as_deref().and_then(|client| client.parse().ok());
    let entry = |day, reason| Entry { day, reason, key: Some(key.id), source };
    if row.per_day > 0 {
        for day in today - 29..=today {
            let share = if (day + 3) % 7 >= 5 { 35 } else { 75 + day.unsigned_abs() * 37 % 50 };
            let count = (row.per_day * share).div_ceil(100);
            let before_the_end = TimeDelta::seconds(40_000 / row.per_day.cast_signed());
            let end = until.min(now) - before_the_end;
            lines.extend(count_of(day, key.created, end, count, row).map(|count| (entry(day, None), count)));
        }
    }
    if let Some((late, reason)) = row.late.zip(then).filter(|_| until < now) {
        let count = count_of(today, until, now, late, row);
        lines.extend(count.map(|count| (entry(today, Some(reason.as_str())), count)));
    }
    lines
}

/// The part of a day (UTC) between two instants.
fn count_of(day: i64, from: Instant, until: Instant, count: u64, row: &Row) -> Option<Count> {
    let start = Instant::from_timestamp(day * 86_400, 0)?;
    let (first, last) = (from.max(start), until.min(start + TimeDelta::seconds(86_399)));
    let client = row.client.as_deref().and_then(|client| client.parse().ok());
    (first <= last).then_some(Count { count, first: (first, client), last: (last, client) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::application::Scope;
    use crate::domain::key::KeyState;
    use crate::domain::key_filter::KeyFilter;
    use crate::domain::platform::Catalog;
    use crate::host::clock;
    use crate::store::keys::{self, KeyQuery, KeySort};
    use crate::store::{applications, attention, audit, usage, users};

    #[test]
    fn the_demo_has_examples_of_everything() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path().join("demo.db"), &mut SystemEntropy).unwrap();
        let catalog = Catalog::built_in().unwrap();
        let (rows, now) = (rows().unwrap(), clock::now());
        assert!(rows.iter().all(|row| row.platform.as_ref().is_none_or(|slug| catalog.get(slug).is_some())));
        seed(&mut store, &identity::caller(), &rows, now, &mut SystemEntropy).unwrap();
        store
            .read(|reader| {
                let count = |state| {
                    let all = applications::all(reader, 10)?;
                    all.iter()
                        .map(|application| {
                            let query = KeyQuery {
                                scope: Scope::Application(application.id),
                                filter: KeyFilter::default(),
                                state: Some(state),
                                platform: None,
                                sort: KeySort::Name,
                                descending: false,
                                now,
                                soon: TimeDelta::days(7),
                            };
                            keys::count(reader, &query, &catalog)
                        })
                        .sum::<Result<u64, _>>()
                };
                for &state in KeyState::ALL {
                    assert!(count(state)? >= 2, "{state:?}");
                }
                assert_eq!(applications::count(reader)?, 3);
                let statuses: Vec<_> = users::all(reader)?.iter().map(|user| user.status.as_str()).collect();
                for status in ["active", "disabled", "deleted"] {
                    assert!(statuses.contains(&status), "{status}");
                }
                assert!(
                    !usage::presented_today(reader, now, 10)?.is_empty(),
                    "a deleted key is still in use"
                );
                let (mut rotated, mut busy, mut undelivered) = (0, 0, 0);
                for application in applications::all(reader, 10)? {
                    for id in keys::ids_of(reader, application.id)? {
                        let key = keys::get(reader, id)?.unwrap();
                        rotated += u32::from(key.replaced_by.is_some());
                        undelivered += u32::from(key.delivered.is_none());
                        busy += u32::from(usage::last_30_days(reader, id, now)?.iter().sum::<u64>() > 100);
                    }
                }
                assert!(rotated > 2 && busy > 2 && undelivered > 0, "{rotated} {busy} {undelivered}");
                let used = attention::canaries_used(reader, Scope::All, 10)?.keys;
                assert_eq!(used.len(), 1, "one canary key was used");
                let sources = usage::sources(reader, used[0].id, Some(usage::CANARY))?;
                assert_eq!(sources.iter().map(|source| source.requests).sum::<u64>(), 3);
                let paused = keys::named(reader, used[0].application, "Gift finder")?;
                assert!(paused[0].is_disabled_until(now).is_some());
                let (entries, _) = audit::head(reader)?;
                assert!(entries > 2 * rows.len() as u64);
                Ok(())
            })
            .unwrap();
    }
}
