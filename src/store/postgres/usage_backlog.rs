//! Requests that came faster than they could be added to the tables of use.

use super::recording::is_so;
use super::usage_rows;
use crate::domain::Instant;
use crate::domain::key::KeyId;
use crate::store::server::{Connection, Fault, FaultKind};
use crate::store::usage::day_of;
use crate::store::usage_counts::{Count, Counted, Spilled};
use crate::store::value::Value;

/// Maximum number of rows that are read at once.
const ROWS: usize = 20_000;

/// Maximum number of rows in a statement.
const APPENDED_AT_ONCE: usize = 10_000;

pub(super) fn append<'a>(
    connection: &Connection,
    counted: impl Iterator<Item = Counted<'a>>,
) -> Result<(), Fault> {
    let counted: Vec<Counted<'_>> = counted.collect();
    for counted in counted.chunks(APPENDED_AT_ONCE) {
        let texts = |text: fn(&Counted<'_>) -> String| Value::texts(counted.iter().map(text));
        let numbers =
            |number: fn(&Count) -> i64| Value::integers(counted.iter().map(|counted| number(&counted.count)));
        connection.execute(
            "INSERT INTO use_backlog (key_id, reason, source, count, first, last) \
             SELECT n.key_id, n.reason, n.source, n.count, n.first, n.last \
             FROM unnest(?1, ?2, ?3, ?4, ?5, ?6) AS n (key_id, reason, source, count, first, last)",
            &[
                texts(|counted| counted.key.map(|key| key.to_string()).unwrap_or_default()),
                texts(|counted| counted.reason.to_owned()),
                texts(|counted| counted.count.last.1.map(|from| from.to_string()).unwrap_or_default()),
                numbers(|count| i64::try_from(count.count).unwrap_or(i64::MAX)),
                numbers(|count| count.first.0.timestamp()),
                numbers(|count| count.last.0.timestamp()),
            ],
        )?;
    }
    Ok(())
}

/// The oldest rows, sorted by key.
pub(super) fn oldest(connection: &Connection) -> Result<Vec<Spilled>, Fault> {
    let sql =
        "SELECT number, key_id, reason, source, count, first, last FROM use_backlog ORDER BY number LIMIT ?1";
    let rows = connection.query(sql, &[ROWS.into()])?;
    let mut rows: Vec<Spilled> = rows.iter().map(spilled).collect::<Result<_, _>>()?;
    rows.sort_by(|a, b| {
        (a.key, &a.reason, day_of(a.count.last.0)).cmp(&(b.key, &b.reason, day_of(b.count.last.0)))
    });
    Ok(rows)
}

fn spilled(row: &tokio_postgres::Row) -> Result<Spilled, Fault> {
    let text = |column: usize| row.try_get::<_, &str>(column).map_err(|error| Fault::of(&error));
    let number = |column: usize| row.try_get::<_, i64>(column).map_err(|error| Fault::of(&error));
    let wrong = || Fault::new(FaultKind::Other, "a row of use_backlog is not as keydesk wrote it");
    let key: Option<KeyId> = match text(1)? {
        "" => None,
        key => Some(key.parse().map_err(|_| wrong())?),
    };
    let from = text(3)?.parse().ok();
    let seen =
        |column| Ok::<_, Fault>((Instant::from_timestamp(number(column)?, 0).ok_or_else(wrong)?, from));
    let count =
        Count { count: u64::try_from(number(4)?).map_err(|_| wrong())?, first: seen(5)?, last: seen(6)? };
    Ok(Spilled { number: number(0)?, key, reason: text(2)?.to_owned(), count })
}

/// Adds rows that are still there, and that no other process is adding at this moment. A number is never used again.
pub(super) fn take(connection: &Connection, rows: &[Spilled]) -> Result<(), Fault> {
    let mut numbers: Vec<i64> = rows.iter().map(|row| row.number).collect();
    numbers.sort_unstable();
    let taken = connection.query(
        "DELETE FROM use_backlog WHERE number IN \
         (SELECT b.number FROM use_backlog b WHERE b.number = ANY (?1) FOR UPDATE SKIP LOCKED) RETURNING number",
        &[Value::integers(numbers.into_iter())],
    )?;
    let taken = taken.iter().map(|row| row.try_get(0).map_err(|error| Fault::of(&error)));
    let mut taken: Vec<i64> = taken.collect::<Result<_, _>>()?;
    taken.sort_unstable();
    let is_taken = |row: &&Spilled| taken.binary_search(&row.number).is_ok();
    let counted: Vec<Counted<'_>> = rows
        .iter()
        .filter(is_taken)
        .map(|row| Counted {
            day: day_of(row.count.last.0),
            reason: &row.reason,
            key: row.key,
            count: row.count,
        })
        .collect();
    usage_rows::add(connection, &counted)
}

pub(super) fn exists(connection: &Connection) -> Result<bool, Fault> {
    is_so(connection, "SELECT EXISTS (SELECT 1 FROM use_backlog)")
}
