//! Requests that came faster than they could be added to the tables of use.
//!
//! Appending a row costs a fraction of what finding and changing the rows of a key costs. Whichever process records use
//! next adds them.

use rusqlite::{Connection, Transaction, params};

use super::usage_rows;
use crate::domain::key::KeyId;
use crate::store::convert;
use crate::store::row::{Row, RowFault, RowResult};
use crate::store::usage::day_of;
use crate::store::usage_counts::{Count, Counted, Spilled};

/// Maximum number of rows that are read at once.
const ROWS: usize = 20_000;

pub(super) fn append<'a>(
    transaction: &Transaction<'_>,
    counted: impl Iterator<Item = Counted<'a>>,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO use_backlog (key_id, reason, source, count, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for Counted { reason, key, count: Count { count, first: (first, _), last: (last, from) }, .. } in counted
    {
        let key = key.as_ref().map(KeyId::as_str).unwrap_or_default();
        let source = from.map(|from| from.to_string()).unwrap_or_default();
        insert.execute(params![key, reason, source, count, first.timestamp(), last.timestamp()])?;
    }
    Ok(())
}

/// The oldest rows, sorted by key.
pub(super) fn oldest(connection: &Connection) -> rusqlite::Result<Vec<Spilled>> {
    let mut statement = connection.prepare_cached(
        "SELECT number, key_id, reason, source, count, first, last FROM use_backlog ORDER BY number LIMIT ?1",
    )?;
    let rows = statement.query_map([ROWS], |row| Ok(spilled(&row.into())?))?;
    let mut rows: Vec<Spilled> = rows.collect::<Result<_, _>>()?;
    rows.sort_by(|a, b| {
        (a.key, &a.reason, day_of(a.count.last.0)).cmp(&(b.key, &b.reason, day_of(b.count.last.0)))
    });
    Ok(rows)
}

fn spilled(row: &Row<'_>) -> RowResult<Spilled> {
    let key = if row.text(1)?.is_empty() { None } else { Some(convert::key_id(row, 1)?) };
    let from = row.text(3)?.parse().ok();
    let seen = |column| Ok::<_, RowFault>((convert::instant(row, column)?, from));
    let count = Count { count: row.get(4)?, first: seen(5)?, last: seen(6)? };
    Ok(Spilled { number: row.get(0)?, key, reason: row.get(2)?, count })
}

/// Adds rows that are still there: another process may have added them meanwhile.
pub(super) fn take(transaction: &Transaction<'_>, rows: &[Spilled]) -> rusqlite::Result<()> {
    let mut counted = Vec::with_capacity(rows.len());
    {
        // The number may be that of a newer row by now.
        let mut delete = transaction.prepare_cached(
            "DELETE FROM use_backlog WHERE number = ?1 AND key_id = ?2 AND reason = ?3 AND source = ?4 AND count = ?5 \
             AND first = ?6 AND last = ?7",
        )?;
        for row in rows {
            let Count { count, first: (first, _), last: (last, from) } = row.count;
            let key = row.key.as_ref().map(KeyId::as_str).unwrap_or_default();
            let source = from.map(|from| from.to_string()).unwrap_or_default();
            let row_values =
                params![row.number, key, row.reason, source, count, first.timestamp(), last.timestamp()];
            if delete.execute(row_values)? > 0 {
                let day = day_of(last);
                counted.push(Counted { day, reason: &row.reason, key: row.key, count: row.count });
            }
        }
    }
    usage_rows::add(transaction, &counted)
}

pub(super) fn exists(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM use_backlog)")?.query_row([], |row| row.get(0))
}
