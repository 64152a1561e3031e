//! Use that gateways write into a real server, with the rights of a gateway.

use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use super::recording;
use crate::domain::Instant;
use crate::domain::until_unused::Gap;
use crate::host::entropy::SystemEntropy;
use crate::store::recording::Registration;
use crate::store::server::{ConnectOptions, Connection};
use crate::store::sqlite::usage_writer::tests as sqlite;
use crate::store::usage_counts::{Count, Entry};
use crate::store::usage_writer::UsageWriter;
use crate::store::{Store, StoreError};
use crate::support::postgres::{Database, Postgres, server};

const PATIENCE: Duration = Duration::from_millis(800);

/// A database with the same keys as those of SQLite's tests, and a gateway that may write use into it.
pub(super) fn database() -> Database<'static> {
    let database = server().database();
    let url: crate::domain::postgres_url::PostgresUrl = database.socket_url().parse().unwrap();
    drop(Store::open(url, &mut SystemEntropy).unwrap());
    server().role("gateway");
    server().role("administrator");
    database.psql(
        "BEGIN; SET LOCAL keydesk.administrator = 'administrator'; SET LOCAL keydesk.gateway = 'gateway'; \
         SET LOCAL session_replication_role = replica; \
         INSERT INTO users (email, status, created) VALUES ('ana@example.com', 'active', 0); \
         INSERT INTO applications (name, folded, name_order, created) VALUES ('A', 'a', 'a', 0); COMMIT",
    );
    keys(&database, 50);
    database.psql(
        "INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, deleted, deleted_by) \
         SELECT lpad(n::text, 10, '0'), decode(repeat('00', 32), 'hex'), 1, 'a', 'ik', 'test', '', 86300, 1 \
         FROM generate_series(50, 57) n",
    );
    database.psql_as_ana(&format!(
        "SELECT set_config('keydesk.administrator', 'administrator', false), \
         set_config('keydesk.gateway', 'gateway', false); {}",
        include_str!("../../../assets/migrations/postgres/roles.sql")
    ));
    database
}

/// Adds keys with the numbers from 0 on.
fn keys(database: &Database<'_>, number: u32) {
    database.psql(&format!(
        "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, \
         created, expires) SELECT lpad(n::text, 10, '0'), decode(repeat('00', 32), 'hex'), 1, 'a', 'a', 'a', 'ik', 'test', \
         '', 1, 0, 9 FROM generate_series(0, {number} - 1) n"
    ));
}

fn writer(database: &Database<'_>) -> UsageWriter {
    let url: crate::domain::postgres_url::PostgresUrl = database.socket_url_as("gateway").parse().unwrap();
    UsageWriter::open(url, PATIENCE).unwrap()
}

fn tables(database: &Database<'_>) -> [String; 6] {
    sqlite::TABLES.map(|sql| database.psql(sql))
}

fn at(seconds: i64) -> Instant {
    Instant::from_timestamp(seconds, 0).unwrap()
}

#[test]
fn the_same_requests_leave_the_same_rows_as_in_a_file() {
    if !Postgres::available() {
        return;
    }
    let (_folder, path) = sqlite::database();
    UsageWriter::open(&path, PATIENCE).unwrap().write(&mut sqlite::requests()).unwrap();
    let expected = sqlite::tables(&path);
    assert!(expected[..5].iter().all(|table| !table.is_empty()));
    assert!(expected[4].lines().any(|line| !line.contains("||")), "{}", expected[4]);

    let direct = database();
    writer(&direct).write(&mut sqlite::requests()).unwrap();
    assert_eq!(tables(&direct), expected);
    let used = "SELECT count(*) FROM never_used n JOIN key_use USING (key_id)";
    assert_eq!(direct.psql(used), "0");

    let spilled = database();
    let mut writer = writer(&spilled);
    sqlite::spill(&mut writer, &sqlite::requests());
    assert!(writer.has_backlog().unwrap());
    sqlite::add_backlog(&mut writer);
    assert_eq!(tables(&spilled), expected);
}

#[test]
fn the_latest_sources_are_listed_and_the_others_counted_together() {
    if !Postgres::available() {
        return;
    }
    let mut requests: Vec<(Entry, Count)> = Vec::new();
    for round in 0..3_i64 {
        for (key, reason) in [(1, None), (2, None), (2, Some("disabled"))] {
            let address = |n: i64| u8::try_from((n + round * 40) % 200).unwrap();
            requests.extend(
                (0..100_i64).map(|n| sqlite::entry(key, reason, address(n), 1_000 + round * 100 + n)),
            );
        }
    }
    let (_folder, path) = sqlite::database();
    let database = database();
    let mut writers = [UsageWriter::open(&path, PATIENCE).unwrap(), writer(&database)];
    for some in requests.chunks(25) {
        for writer in &mut writers {
            writer.write(&mut some.to_vec()).unwrap();
        }
    }
    let found = tables(&database);
    assert_eq!(found, sqlite::tables(&path));
    let listed =
        "SELECT key_id, reason, count(*), sum(requests) FROM key_sources GROUP BY 1, 2 ORDER BY 1, 2";
    assert_eq!(database.psql(listed), "0000000001||65|300\n0000000002||65|300\n0000000002|disabled|65|300");
}

#[test]
fn two_processes_add_the_same_rows_of_the_backlog_once() {
    if !Postgres::available() {
        return;
    }
    let database = database();
    let mut one = writer(&database);
    sqlite::spill(&mut one, &sqlite::requests());
    let rows = one.backlog().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut other = writer(&database);
                rows.chunks(100).for_each(|some| other.add_backlog(some).unwrap());
            });
        }
    });
    one.add_backlog(&rows).unwrap();
    assert!(!one.has_backlog().unwrap());
    let all = "SELECT (SELECT sum(count) FROM key_uses) + (SELECT sum(count) FROM refusals)";
    assert_eq!(database.psql(all), "3000");
}

#[test]
fn gateways_write_the_same_keys_at_once_and_lose_nothing() {
    if !Postgres::available() {
        return;
    }
    let database = database();
    let counts: Vec<u64> = std::thread::scope(|scope| {
        let gateways = (0..3_u32).map(|gateway| {
            let database = &database;
            scope.spawn(move || {
                let mut writer = writer(database);
                let (since, mut written) = (Stopwatch::now(), 0);
                while since.elapsed() < Duration::from_secs(3) {
                    let mut requests: Vec<_> = (0..400_u32)
                        .map(|n| {
                            let number = n
                                .wrapping_mul(7_919 + gateway * 2)
                                .wrapping_add(u32::try_from(written).unwrap());
                            let reason =
                                (number % 5 == 0).then_some(["disabled", "expired"][(number % 2) as usize]);
                            let address = u8::try_from(number % 90).unwrap();
                            sqlite::entry(number % 60, reason, address, 1_000 + i64::from(number % 7))
                        })
                        .collect();
                    writer.write(&mut requests).unwrap();
                    written += requests.len() as u64;
                }
                written
            })
        });
        gateways.collect::<Vec<_>>().into_iter().map(|gateway| gateway.join().unwrap()).collect()
    });
    let all = "SELECT (SELECT sum(count) FROM key_uses) + (SELECT sum(count) FROM refusals), \
               (SELECT sum(requests) FROM key_sources)";
    let total: u64 = counts.iter().sum();
    assert_eq!(database.psql(all), format!("{total}|{total}"));
    assert!(counts.iter().all(|count| *count > 1_000), "{counts:?}");
    let kept = "SELECT max(n) FROM (SELECT count(*) AS n FROM key_sources WHERE source <> '*' GROUP BY key_id, reason) s";
    assert!(database.psql(kept).parse::<u32>().unwrap() <= 64 + 64);
}

#[test]
fn old_counts_are_deleted() {
    if !Postgres::available() {
        return;
    }
    let database = database();
    let mut writer = writer(&database);
    let old = 1_000;
    let new = 100 * 86_400;
    for at in [old, new] {
        let mut requests: Vec<_> = (0..20).map(|n| sqlite::entry(n, None, 1, at)).collect();
        requests.extend((0..20).map(|n| sqlite::entry(n, Some("disabled"), 2, at)));
        writer.write(&mut requests).unwrap();
    }
    // Of these sources only the last request is old.
    writer.write(&mut [sqlite::entry(1, None, 9, old)]).unwrap();
    writer.drop_old_days(at(new)).unwrap();
    let rest = "SELECT (SELECT count(*) FROM key_uses), (SELECT count(*) FROM refusals), \
                (SELECT count(*) FROM key_sources), (SELECT count(*) FROM key_sources WHERE source = '10.0.0.9')";
    assert_eq!(database.psql(rest), "20|20|40|0");
}

/// The rows of recorders and gaps.
fn book(database: &Database<'_>) -> String {
    database.psql(
        "SELECT 'recorder', started, complete_until::text FROM recorders UNION ALL \
         SELECT 'gap', since, CASE WHEN until > extract(epoch FROM clock_timestamp()) - 60 THEN 'now' ELSE until::text END \
         FROM recording_gaps ORDER BY 1 DESC, 2",
    )
}

/// As if the processes had been silent for so long, in seconds.
fn silent_for(database: &Database<'_>, seconds: u32) {
    database.psql(&format!(
        "BEGIN; SET LOCAL session_replication_role = replica; UPDATE recorders SET seen = seen - {seconds}; COMMIT"
    ));
}

#[test]
fn a_process_that_is_silent_for_too_long_leaves_a_gap() {
    if !Postgres::available() {
        return;
    }
    let database = database();
    let (mut one, mut other) = (writer(&database), writer(&database));
    let killed = one.register(at(0), at(1_000), &[]).unwrap();
    assert!(one.advance(&killed, at(1_020), &[]).unwrap());
    assert!(one.advance(&killed, at(1_010), &[]).unwrap(), "the clock was set back");
    silent_for(&database, 110);
    other.end_abandoned(at(0)).unwrap();
    assert_eq!(book(&database), "recorder|1000|1020", "it has not been silent long enough");
    silent_for(&database, 20);
    let alive = other.register(at(0), at(1_001), &[Gap { since: at(50), until: at(40) }]).unwrap();
    assert_eq!(book(&database), "recorder|1001|1001\ngap|50|50\ngap|1020|now");
    // It was not killed after all, and finds out.
    assert!(!one.advance(&killed, at(1_030), &[]).unwrap());
    assert!(other.advance(&alive, at(2_000), &[]).unwrap());
    other.unregister(&alive, &[]).unwrap();
    assert_eq!(book(&database), "gap|1020|now", "it is too new to be deleted");
}

#[test]
fn writing_the_row_shows_that_a_process_is_alive() {
    if !Postgres::available() {
        return;
    }
    let database = database();
    let (mut one, mut other) = (writer(&database), writer(&database));
    let registration = one.register(at(0), at(1_000), &[]).unwrap();
    for _ in 0..3 {
        silent_for(&database, 100);
        assert!(one.advance(&registration, at(1_000), &[]).unwrap());
        other.end_abandoned(at(0)).unwrap();
    }
    assert_eq!(book(&database), "recorder|1000|1000");
    assert!(registration.is_sure());
}

/// What the last server had committed may be missing on the one that has taken over.
#[test]
fn another_server_that_takes_over_is_a_gap() {
    if !Postgres::available() {
        return;
    }
    let database = database();
    let url = database.socket_url_as("gateway").parse().unwrap();
    let connection = Connection::open(&url, ConnectOptions::default(), &Arc::default()).unwrap();
    let registration = recording::Registration::begin(&connection, at(1_000)).unwrap();
    assert!(registration.advance(&connection, at(1_020)).unwrap());
    assert_eq!(book(&database), "recorder|1000|1020");
    registration.on_timeline(0);
    assert!(registration.advance(&connection, at(1_030)).unwrap());
    assert_eq!(book(&database), "recorder|1000|1030\ngap|1020|now");
    // The row is lost too.
    database.psql("DELETE FROM recorders; DELETE FROM recording_gaps");
    registration.on_timeline(0);
    assert!(!registration.advance(&connection, at(1_040)).unwrap());
    assert_eq!(book(&database), "gap|1000|now");
}

#[test]
fn gaps_stay_as_long_as_a_key_depends_on_them() {
    if !Postgres::available() {
        return;
    }
    let database = database();
    let mut writer = writer(&database);
    assert!(!writer.is_awaited().unwrap());
    database.psql("UPDATE keys SET unused_for = 60, unused_since = 1000 WHERE key_id = '0000000001'");
    database.psql("UPDATE keys SET unused_for = 60, unused_since = 2000 WHERE key_id = '0000000002'");
    assert!(writer.is_awaited().unwrap());
    let gap = |since, until| Gap { since: at(since), until: at(until) };
    let registration = writer.register(at(0), at(3_000), &[gap(900, 1_000), gap(990, 1_001)]).unwrap();
    assert!(writer.advance(&registration, at(3_000), &[]).unwrap());
    assert_eq!(book(&database), "recorder|3000|3000\ngap|990|1001");
    database.psql("UPDATE keys SET unused_for = NULL, unused_since = NULL");
    assert!(!writer.is_awaited().unwrap());
    writer.unregister(&registration, &[]).unwrap();
    assert_eq!(book(&database), "");
}

/// A session that changes keys finds what a killed gateway left, with the rights of an administrator.
#[test]
fn an_administrator_turns_what_was_left_into_gaps() {
    if !Postgres::available() {
        return;
    }
    let database = database();
    let killed = writer(&database).register(at(0), at(1_000), &[]).unwrap();
    assert!(matches!(killed, Registration::Postgres(_)));
    let url = database.socket_url_as("administrator").parse().unwrap();
    let connection = Connection::open(&url, ConnectOptions::default(), &Arc::default()).unwrap();
    assert!(!recording::has_abandoned(&connection).unwrap());
    silent_for(&database, 150);
    assert!(recording::has_abandoned(&connection).unwrap());
    assert_eq!(recording::end_abandoned(&connection).unwrap(), 1);
    recording::prune_gaps(&connection).unwrap();
    assert_eq!(book(&database), "gap|1000|now");
    assert!(!recording::has_abandoned(&connection).unwrap());
}

#[test]
fn a_lost_connection_is_replaced() {
    if !Postgres::available() {
        return;
    }
    let database = database();
    let mut writer = writer(&database);
    writer.write(&mut [sqlite::entry(1, None, 1, 1_000)]).unwrap();
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE usename = 'gateway' AND datname = current_database()";
    assert_eq!(database.psql(end), "1");
    let mut again = [sqlite::entry(1, None, 1, 1_001)];
    let first = writer.write(&mut again);
    assert!(matches!(first, Err(StoreError::Server(_)) | Ok(())), "{first:?}");
    if first.is_err() {
        writer.write(&mut again).unwrap();
    }
    assert_eq!(database.psql("SELECT count FROM key_uses"), "2");
}
