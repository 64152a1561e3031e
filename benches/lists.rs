//! Lists, filters, counts and changes of many among a million keys: on PostgreSQL against a file with the same keys, through
//! the functions that the terminal UI and the commands use. And the move that makes the one of the other.
//!
//! Run it with `cargo bench --bench lists`, as any user where PostgreSQL is installed. `KEYDESK_BENCH_KEYS` sets the number
//! of keys, and an argument selects rows by a part of their name. Both are read in turn, and only the ratios mean something
//! on a shared machine.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a measurement, not a product"
)]

#[allow(dead_code, reason = "a benchmark uses a part of it")]
mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use keydesk::desk::{self, Ending, KeyAccess, Picked, Session};
use keydesk::domain::application::{ApplicationId, Scope};
use keydesk::domain::audit_filter::AuditFilter;
use keydesk::domain::key::{Key, KeyState};
use keydesk::domain::key_filter::KeyFilter;
use keydesk::domain::platform::Catalog;
use keydesk::host::entropy::SystemEntropy;
use keydesk::host::{clock, identity};
use keydesk::store::audit::{self, AuditRow};
use keydesk::store::keys::{self, KeyQuery, KeySort};
use keydesk::store::{Anchor, Reader, Store, StoreError, Window, applications, attention};
use support::filled::{COMMON_WORD, Filled, ONE_NAME, ONE_SOURCE, RARE_SOURCE, RARE_WORD};
use support::keydesk;
use support::postgres::{Access, Postgres};

/// How many times as long a list may take on a server.
const GOAL: f64 = 3.0;

/// A list that is read faster than this is fast enough anywhere.
const UNNOTICED: Duration = Duration::from_millis(5);

type Run = Box<dyn Fn(&Reader<'_>) -> Result<u64, StoreError>>;

type Change = fn(&mut Session<'_>, &[Picked]) -> usize;

struct Row {
    name: String,
    run: Run,
}

fn main() {
    if !Postgres::available() {
        return;
    }
    let count = std::env::var("KEYDESK_BENCH_KEYS").map_or(1_000_000, |count| count.parse().unwrap());
    let filled = Filled::new(count, 0);
    let moved = filled.folder.path().join("moved.db");
    std::fs::copy(filled.path(), &moved).unwrap();
    let server = Postgres::options().setting("max_wal_size=8GB").setting("shared_buffers=256MB").start();
    let database = server.database();
    let url = database.url();
    let there = move_to(&moved.display().to_string(), &url);
    let file = Store::open_existing(filled.path(), &mut SystemEntropy).unwrap();
    let on_server = {
        let location: keydesk::domain::postgres_url::PostgresUrl = database.socket_url().parse().unwrap();
        Store::open_existing(location, &mut SystemEntropy).unwrap()
    };
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let selected = rows(&file).into_iter().filter(|row| row.name.contains(&wanted));
    let lines: Vec<String> = selected.map(|row| row.compare(&file, &on_server)).collect();
    let changes = changes(file, on_server, &wanted);
    let back = filled.folder.path().join("back.db").display().to_string();
    let here = move_to(&url, &back);
    println!("\nmove {count} keys to a server: {there}\nmove them back:          {here}");
    println!("\n{:<44} {:>10} {:>12} {:>6}", "", "file", "server", "ratio");
    for line in lines.into_iter().chain(changes) {
        println!("{line}");
    }
}

/// Changes of many keys in one operation each.
fn changes(file: Store, server: Store, wanted: &str) -> Vec<String> {
    let mut stores = [file, server];
    let callers = [identity::caller(), stores[1].database_caller().unwrap().unwrap()];
    let mut lines = Vec::new();
    let all: [(&str, Change); 4] = [
        ("disable 10,000 keys", |session, keys| {
            desk::set_access(session, &keys[..10_000.min(keys.len())], KeyAccess::Disabled).unwrap().len()
        }),
        ("rotate 500 keys", |session, keys| {
            let some: Vec<Picked> = keys.iter().rev().take(500).copied().collect();
            desk::rotate_keys(session, &some, Ending::After(TimeDelta::days(1))).unwrap().len()
        }),
        ("delete 10,000 keys", |session, keys| {
            desk::delete_keys(session, &keys[..10_000.min(keys.len())]).unwrap().len()
        }),
        ("delete an Application with its keys", |session, _| {
            let id = ApplicationId(5);
            let application = session.store.read(|r| applications::get(r, id)).unwrap().unwrap();
            let deleted =
                desk::delete_application(session, id, application.version, application.keys).unwrap();
            usize::try_from(deleted).unwrap()
        }),
    ];
    for (name, change) in all.into_iter().filter(|(name, _)| name.contains(wanted)) {
        let mut took = Vec::new();
        let mut changed = 0;
        for (store, caller) in stores.iter_mut().zip(&callers) {
            let of = query(Scope::Application(ApplicationId(1)), "", KeySort::KeyId, false);
            let mut keys = Vec::new();
            let each = |key: Key| {
                keys.push(Picked { id: key.id, version: key.version });
                Ok::<_, StoreError>(())
            };
            store.read(|r| keys::each(r, &of, &Catalog::built_in().unwrap(), 20_000, each)).unwrap();
            let (now, entropy) = (clock::now(), &mut SystemEntropy);
            let mut session = Session { store, caller, now, entropy, max_lifetime: None };
            let since = Instant::now();
            changed = change(&mut session, &keys);
            took.push(since.elapsed());
        }
        let line = format!(
            "{:<44} {:>7.0} ms {:>9.0} ms {:>6.2}   {changed} changed",
            name,
            took[0].as_secs_f64() * 1e3,
            took[1].as_secs_f64() * 1e3,
            took[1].as_secs_f64() / took[0].as_secs_f64()
        );
        eprintln!("{line}");
        lines.push(line);
    }
    lines
}

/// Moves a database. Returns how long it took, and the memory that the program needed at most.
fn move_to(from: &str, to: &str) -> String {
    let mut command: Command = keydesk(Path::new(from));
    command.env("PGPASSFILE", Access::get().pass_file()).args(["move", "--to", to, "--yes"]);
    let since = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut most = 0;
    let status = loop {
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        most = most.max(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{from} to {to}");
    let text = format!("{:.1} s, {} MiB", since.elapsed().as_secs_f64(), most / 1024);
    eprintln!("moved {from}: {text}");
    text
}

impl Row {
    /// Reads both in turn.
    fn compare(&self, file: &Store, server: &Store) -> String {
        let time = |store: &Store| {
            let since = Instant::now();
            let found = store.read(|r| (self.run)(r)).unwrap();
            (since.elapsed(), found)
        };
        let (_, expected) = time(file);
        assert_eq!(time(server).1, expected, "{}", self.name);
        let (mut here, mut there) = (Vec::new(), Vec::new());
        let since = Instant::now();
        while here.len() < 3 || (here.len() < 31 && since.elapsed() < Duration::from_secs(2)) {
            here.push(time(file).0);
            there.push(time(server).0);
        }
        let median = |mut times: Vec<Duration>| {
            times.sort_unstable();
            times[times.len() / 2]
        };
        let (here, there) = (median(here), median(there));
        let ratio = there.as_secs_f64() / here.as_secs_f64();
        let slow = if ratio > GOAL && there > UNNOTICED { "  SLOW" } else { "" };
        let line = format!(
            "{:<44} {:>7.2} ms {:>9.2} ms {ratio:>6.2}{slow}   {expected} found",
            self.name,
            here.as_secs_f64() * 1e3,
            there.as_secs_f64() * 1e3,
        );
        eprintln!("{line}");
        line
    }
}

fn row(name: impl Into<String>, run: impl Fn(&Reader<'_>) -> Result<u64, StoreError> + 'static) -> Row {
    Row { name: name.into(), run: Box::new(run) }
}

fn parsed(filter: &str) -> KeyFilter {
    let (parsed, error) = KeyFilter::parse(filter);
    assert!(error.is_none(), "{filter}: {error:?}");
    parsed
}

fn query(scope: Scope, filter: &str, sort: KeySort, descending: bool) -> KeyQuery {
    KeyQuery {
        scope,
        filter: parsed(filter),
        state: None,
        platform: None,
        sort,
        descending,
        now: clock::now(),
        soon: TimeDelta::days(7),
    }
}

/// A window as the terminal UI reads it.
fn window(query: KeyQuery, anchor: Anchor<Key>) -> impl Fn(&Reader<'_>) -> Result<u64, StoreError> {
    let catalog = Catalog::built_in().unwrap();
    move |r| {
        let window = Window { anchor: anchor.clone(), before: 60, after: 100 };
        Ok(keys::page(r, &query, &catalog, &window)?.rows.len() as u64)
    }
}

fn rows(file: &Store) -> Vec<Row> {
    let storefront = Scope::Application(ApplicationId(1));
    let catalog = Catalog::built_in().unwrap();
    let mut rows = Vec::new();
    for (scope, where_) in [(storefront, "one Application"), (Scope::All, "all Applications")] {
        // In the middle of every order.
        let some = query(scope, "", KeySort::Name, false);
        let first = Window { anchor: Anchor::First, before: 0, after: 100 };
        let middle = file.read(|r| keys::page(r, &some, &catalog, &first)).unwrap().rows[99].clone();
        for sort in KeySort::ALL {
            for descending in [false, true] {
                let of = || query(scope, "", *sort, descending);
                let name = |what| {
                    let down = if descending { " descending" } else { "" };
                    format!("{where_}, by {}{down}: {what}", sort.as_str())
                };
                rows.push(row(name("top"), window(of(), Anchor::First)));
                rows.push(row(name("at a key"), window(of(), Anchor::At(Box::new(middle.clone())))));
                rows.push(row(name("end"), window(of(), Anchor::Last)));
            }
        }
        let one_and = format!("{COMMON_WORD} state:disabled");
        let source = format!("source:{RARE_SOURCE}");
        let one_source = format!("source:{ONE_SOURCE}");
        let filters: Vec<&str> = vec![
            COMMON_WORD,
            RARE_WORD,
            ONE_NAME,
            "nothing-has-this",
            "used:never",
            "used:<1d",
            "used:>79d",
            &source,
            &one_source,
            "source:10.20.0.",
            "state:disabled",
            "state:expired",
            "state:expires_soon",
            "state:valid",
            "creator:eve",
            "owner:payments",
            "note:release",
            "platform:shopify",
            "expires:<3d",
            "expires:>700d",
            &one_and,
            "used:never state:valid",
            "creator:kim used:>60d",
            "quartz used:never",
        ];
        for filter in filters {
            for sort in [KeySort::Name, KeySort::State, KeySort::LastUsed] {
                let of = query(scope, filter, sort, false);
                rows.push(row(
                    format!("{where_}, {filter}, by {}", sort.as_str()),
                    window(of, Anchor::First),
                ));
            }
            let (of, catalog) = (query(scope, filter, KeySort::Name, false), catalog.clone());
            rows.push(row(format!("{where_}, {filter}: count"), move |r| keys::count(r, &of, &catalog)));
        }
        for filter in [RARE_WORD, COMMON_WORD] {
            let (of, catalog) = (query(scope, filter, KeySort::Name, false), catalog.clone());
            rows.push(row(format!("{where_}, {filter}: keys list, 1,000"), move |r| {
                let mut found = 0;
                keys::each(r, &of, &catalog, 1_000, |_| {
                    found += 1;
                    Ok::<_, StoreError>(())
                })?;
                Ok(found)
            }));
        }
    }
    let state = KeyQuery { state: Some(KeyState::Disabled), ..query(storefront, "", KeySort::Name, false) };
    rows.push(row("one Application, disabled by the view", window(state, Anchor::First)));
    let (now, app) = (clock::now(), ApplicationId(1));
    rows.push(row("attention of the header", move |r| {
        let mut all = 0;
        for application in applications::all(r, 100)? {
            all += keys::attention(r, application.id, now, now + TimeDelta::days(7))?;
        }
        all += attention::deleted_in_use(r, Scope::All, now, 100)?.len() as u64;
        Ok(all + attention::canaries_used(r, Scope::All, 100)?.keys.len() as u64)
    }));
    rows.push(row("check: idle", move |r| {
        Ok(attention::idle(r, app, now, now - TimeDelta::days(60), 20)?.keys.len() as u64)
    }));
    rows.push(row("check: undelivered", move |r| {
        Ok(attention::undelivered(r, app, now, 20)?.keys.len() as u64)
    }));
    rows.push(row("check: expiring", move |r| {
        Ok(attention::expiring(r, app, now, now + TimeDelta::days(7), 20)?.keys.len() as u64)
    }));
    rows.extend(audit_log(now));
    rows
}

/// Rows of the audit log, read at an instant.
fn audit_log(now: keydesk::domain::Instant) -> Vec<Row> {
    let mut rows = Vec::new();
    for text in [
        "",
        "action:deleted",
        "action:disabled",
        "needle",
        "quartz",
        "user:eve",
        "app:\"application 7\"",
        "shopify",
    ] {
        let (filter, error) = AuditFilter::parse(text, now, &chrono::Utc);
        assert!(error.is_none(), "{text}: {error:?}");
        let of = filter.clone();
        rows.push(row(format!("audit log, {text:?}: first window"), move |r| {
            let window: Window<AuditRow> = Window { anchor: Anchor::First, before: 60, after: 100 };
            Ok(audit::page(r, &of, &window)?.rows.len() as u64)
        }));
        rows.push(row(format!("audit log, {text:?}: count"), move |r| audit::count(r, &filter)));
    }
    rows
}
