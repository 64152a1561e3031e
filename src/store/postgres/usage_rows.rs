//! Adds counted requests to the tables of use, with one statement for each table.
//!
//! Several gateways do so at once. Each statement takes its rows in the order of the key IDs, and all take the tables in
//! the same order: none waits for one that waits for it. The one that has the rows of a key in the first tables has its sources
//! too.

use std::collections::BTreeMap;

use crate::domain::key::KeyId;
use crate::store::server::{Connection, Fault};
use crate::store::usage_counts::{Count, Counted, SOURCES_KEPT};
use crate::store::value::Value;

/// Requests by what their rows are named by.
#[derive(Default)]
struct Rows<'a> {
    /// Accepted ones by key and day.
    uses: BTreeMap<(KeyId, i64), u64>,
    /// Accepted ones by key.
    used: BTreeMap<KeyId, Count>,
    /// Rejected ones by reason, key and day.
    rejected: BTreeMap<(Option<KeyId>, &'a str, i64), Count>,
    sources: BTreeMap<(KeyId, &'a str, String), Count>,
}

/// Adds requests, within a transaction that writes.
pub(super) fn add(connection: &Connection, counted: &[Counted<'_>]) -> Result<(), Fault> {
    let mut rows = Rows::default();
    for Counted { day, reason, key, count } in counted {
        match (*reason, *key) {
            // Accepted requests have a key.
            ("", None) => continue,
            ("", Some(key)) => {
                *rows.uses.entry((key, *day)).or_default() += count.count;
                merge(&mut rows.used, key, count);
            }
            (reason, key) => merge(&mut rows.rejected, (key, reason, *day), count),
        }
        if let Some(key) = key {
            let source = count.last.1.map(|from| from.to_string()).unwrap_or_default();
            merge(&mut rows.sources, (*key, *reason, source), count);
        }
    }
    if !rows.used.is_empty() {
        add_used(connection, &rows)?;
    }
    if !rows.rejected.is_empty() {
        add_rejected(connection, &rows)?;
    }
    if !rows.sources.is_empty() {
        add_sources(connection, &rows)?;
    }
    Ok(())
}

fn merge<K: Ord>(counts: &mut BTreeMap<K, Count>, key: K, count: &Count) {
    counts.entry(key).and_modify(|known| known.add(count)).or_insert(*count);
}

fn add_used(connection: &Connection, rows: &Rows<'_>) -> Result<(), Fault> {
    connection.execute(
        "INSERT INTO key_uses AS u (key_id, day, count) \
         SELECT n.key_id, n.day, n.count FROM unnest(?1, ?2, ?3) AS n (key_id, day, count) \
         ORDER BY n.key_id COLLATE \"C\", n.day \
         ON CONFLICT (key_id, day) DO UPDATE SET count = u.count + excluded.count",
        &[
            texts(rows.uses.keys().map(|(key, _)| key.as_str())),
            Value::integers(rows.uses.keys().map(|(_, day)| *day)),
            numbers(rows.uses.values().copied()),
        ],
    )?;
    let used = &rows.used;
    let written = connection.execute(
        "INSERT INTO key_use AS u (key_id, application_id, first, last, last_from) \
         SELECT k.key_id, k.application_id, n.first, n.last, nullif(n.source, '') \
         FROM unnest(?1, ?2, ?3, ?4) AS n (key_id, first, last, source) JOIN keys k ON k.key_id = n.key_id \
         ORDER BY k.key_id \
         ON CONFLICT (key_id) DO UPDATE SET first = least(u.first, excluded.first), \
         last = greatest(u.last, excluded.last), \
         last_from = CASE WHEN excluded.last >= u.last THEN excluded.last_from ELSE u.last_from END",
        &[
            texts(used.keys().map(KeyId::as_str)),
            instants(used.values().map(|count| count.first.0)),
            instants(used.values().map(|count| count.last.0)),
            texts(used.values().map(last_from)),
        ],
    )?;
    if written == used.len() as u64 {
        return Ok(());
    }
    // Deleted before this was written: counts for the tombstone.
    connection.execute(
        "WITH gone AS (SELECT t.key_id, n.last, n.source \
         FROM unnest(?1, ?2, ?3) AS n (key_id, last, source) JOIN tombstones t ON t.key_id = n.key_id \
         WHERE coalesce(t.last_used, 0) <= n.last ORDER BY t.key_id FOR UPDATE OF t) \
         UPDATE tombstones t SET last_used = gone.last, last_used_from = nullif(gone.source, '') \
         FROM gone WHERE t.key_id = gone.key_id",
        &[
            texts(used.keys().map(KeyId::as_str)),
            instants(used.values().map(|count| count.last.0)),
            texts(used.values().map(last_from)),
        ],
    )?;
    Ok(())
}

fn add_rejected(connection: &Connection, rows: &Rows<'_>) -> Result<(), Fault> {
    let rejected = &rows.rejected;
    connection.execute(
        "INSERT INTO refusals AS r (day, reason, key_id, count, last, last_from) \
         SELECT n.day, n.reason, n.key_id, n.count, n.last, nullif(n.source, '') \
         FROM unnest(?1, ?2, ?3, ?4, ?5, ?6) AS n (key_id, reason, day, count, last, source) \
         ORDER BY n.key_id COLLATE \"C\", n.reason COLLATE \"C\", n.day \
         ON CONFLICT (day, reason, key_id) DO UPDATE SET count = r.count + excluded.count, \
         last = greatest(r.last, excluded.last), \
         last_from = CASE WHEN excluded.last >= r.last THEN excluded.last_from ELSE r.last_from END",
        &[
            texts(rejected.keys().map(|(key, ..)| key.as_ref().map(KeyId::as_str).unwrap_or_default())),
            texts(rejected.keys().map(|(_, reason, _)| *reason)),
            Value::integers(rejected.keys().map(|(.., day)| *day)),
            numbers(rejected.values().map(|count| count.count)),
            instants(rejected.values().map(|count| count.last.0)),
            texts(rejected.values().map(last_from)),
        ],
    )?;
    let with_key: Vec<_> =
        rejected.iter().filter_map(|((key, ..), count)| Some((key.as_ref()?, count))).collect();
    if with_key.is_empty() {
        return Ok(());
    }
    connection.execute(
        "WITH gone AS (SELECT t.key_id, t.deleted FROM tombstones t \
         WHERE t.key_id = ANY (?1) AND t.first_refused IS NULL ORDER BY t.key_id FOR UPDATE OF t), \
         refused AS (SELECT DISTINCT ON (gone.key_id) gone.key_id, n.first, n.source \
         FROM gone JOIN unnest(?1, ?2, ?3) AS n (key_id, first, source) ON n.key_id = gone.key_id \
         WHERE n.first >= gone.deleted ORDER BY gone.key_id, n.first) \
         UPDATE tombstones t SET first_refused = refused.first, first_refused_from = nullif(refused.source, '') \
         FROM refused WHERE t.key_id = refused.key_id",
        &[
            texts(with_key.iter().map(|(key, _)| key.as_str())),
            instants(with_key.iter().map(|(_, count)| count.first.0)),
            texts(with_key.iter().map(|(_, count)| source(count.first.1))),
        ],
    )?;
    Ok(())
}

/// Adds requests by their sources. Where a key has too many, the oldest ones are counted together.
fn add_sources(connection: &Connection, rows: &Rows<'_>) -> Result<(), Fault> {
    let sources = &rows.sources;
    // A row that was there before has been locked by this transaction, a new one has not. Sources are counted only where
    // there are new ones.
    let too_many = connection.query(
        "WITH written AS (INSERT INTO key_sources AS s (key_id, reason, source, requests, first, last) \
         SELECT n.key_id, n.reason, n.source, n.requests, n.first, n.last \
         FROM unnest(?1, ?2, ?3, ?4, ?5, ?6) AS n (key_id, reason, source, requests, first, last) \
         ORDER BY n.key_id COLLATE \"C\", n.reason COLLATE \"C\", n.source COLLATE \"C\" \
         ON CONFLICT (key_id, reason, source) DO UPDATE SET requests = s.requests + excluded.requests, \
         first = least(s.first, excluded.first), last = greatest(s.last, excluded.last) \
         RETURNING s.key_id, s.reason, s.xmax = 0 AS is_new), \
         grown AS (SELECT key_id, reason, count(*) AS number FROM written WHERE is_new GROUP BY key_id, reason) \
         SELECT g.key_id, g.reason FROM grown g WHERE g.number + (SELECT count(*) FROM key_sources k \
         WHERE k.key_id = g.key_id AND k.reason = g.reason AND k.source <> '*') > ?7",
        &[
            texts(sources.keys().map(|(key, ..)| key.as_str())),
            texts(sources.keys().map(|(_, reason, _)| *reason)),
            texts(sources.keys().map(|(.., source)| source)),
            numbers(sources.values().map(|count| count.count)),
            instants(sources.values().map(|count| count.first.0)),
            instants(sources.values().map(|count| count.last.0)),
            SOURCES_KEPT.into(),
        ],
    )?;
    if too_many.is_empty() {
        return Ok(());
    }
    let column = |column: usize| -> Result<Value, Fault> {
        let texts = too_many.iter().map(|row| row.try_get(column).map_err(|error| Fault::of(&error)));
        texts.collect::<Result<_, _>>().map(Value::Texts)
    };
    connection.execute(
        "WITH ordered AS (SELECT s.key_id, s.reason, s.source, \
         row_number() OVER (PARTITION BY s.key_id, s.reason ORDER BY s.last DESC, s.source DESC) AS place \
         FROM unnest(?1, ?2) AS n (key_id, reason) \
         JOIN key_sources s ON s.key_id = n.key_id AND s.reason = n.reason WHERE s.source <> '*'), \
         removed AS (DELETE FROM key_sources s USING ordered o WHERE o.place > ?3 \
         AND s.key_id = o.key_id AND s.reason = o.reason AND s.source = o.source \
         RETURNING s.key_id, s.reason, s.requests, s.first, s.last) \
         INSERT INTO key_sources AS s (key_id, reason, source, requests, first, last) \
         SELECT key_id, reason, '*', CAST(sum(requests) AS bigint), min(first), max(last) \
         FROM removed GROUP BY key_id, reason ORDER BY key_id, reason \
         ON CONFLICT (key_id, reason, source) DO UPDATE SET requests = s.requests + excluded.requests, \
         first = least(s.first, excluded.first), last = greatest(s.last, excluded.last)",
        &[column(0)?, column(1)?, SOURCES_KEPT.into()],
    )?;
    Ok(())
}

fn texts<T: Into<String>>(texts: impl Iterator<Item = T>) -> Value {
    Value::texts(texts)
}

/// Beyond what a database can store: no number in it is larger.
fn numbers(numbers: impl Iterator<Item = u64>) -> Value {
    Value::integers(numbers.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
}

fn instants(instants: impl Iterator<Item = crate::domain::Instant>) -> Value {
    Value::integers(instants.map(|instant| instant.timestamp()))
}

fn last_from(count: &Count) -> String {
    source(count.last.1)
}

/// Empty where it is not known.
fn source(from: Option<std::net::IpAddr>) -> String {
    from.map(|from| from.to_string()).unwrap_or_default()
}
