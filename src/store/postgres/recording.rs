//! Processes that record use into a server, and the gaps of those that were killed.
//!
//! Nothing tells a server that a process of another host was killed, but a process that runs writes its row every few
//! seconds. One that was silent for [`SILENT`] is taken for killed, by the server's clock. It may be alive and cut off: then
//! it verifies nothing either, finds its row gone as soon as it can write again, and registers again. Until it has, it does
//! not rely on being registered: see [`Registration::is_sure`].

use std::cell::Cell;
use std::time::{Duration, Instant as Stopwatch};

use crate::domain::Instant;
use crate::domain::until_unused::Gap;
use crate::store::server::{Connection, Fault, FaultKind, timeline_number};
use crate::store::value::values;

/// How long a process may be silent before it is taken for killed. Long enough for the largest backlog, since the row is
/// written between two batches. A key that waits for the end of its use waits so much longer.
const SILENT: Duration = Duration::from_mins(2);

/// The server's clock.
pub(super) const NOW: &str = "CAST(floor(extract(epoch FROM clock_timestamp())) AS bigint)";

/// The row of this process among those that record use. Dropping it without [`Registration::end`] leaves the row, as if
/// the process were killed.
#[derive(Debug)]
pub struct Registration {
    id: i64,
    since: Instant,
    /// Changes when another server has taken over, which may lack what the last one had committed.
    timeline: Cell<Option<i64>>,
    /// When the row was last written for sure.
    confirmed: Cell<Stopwatch>,
}

impl Registration {
    /// Adds a row in a transaction: this process will write all that it counted since an instant.
    pub(super) fn begin(connection: &Connection, since: Instant) -> Result<Self, Fault> {
        let confirmed = Cell::new(Stopwatch::now());
        let sql = format!(
            "INSERT INTO recorders (started, complete_until) VALUES (?1, ?1) RETURNING id, {}",
            timeline(connection)
        );
        let rows = connection.query(&sql, values![since.timestamp()])?;
        let row = rows.first().ok_or_else(|| Fault::new(FaultKind::Other, "no row was added"))?;
        let fault = |error: tokio_postgres::Error| Fault::of(&error);
        let timeline = Cell::new(row.try_get(1).map_err(fault)?);
        Ok(Self { id: row.try_get(0).map_err(fault)?, since, timeline, confirmed })
    }

    /// Says that all use that this process counted before an instant is written, and that this process is alive. Returns
    /// `false` when the row is gone: another process took this one for one that was killed. Register again.
    ///
    /// Where another server has taken over, what was written last may be lost with the row that says so: that is a gap.
    pub(super) fn advance(&self, connection: &Connection, until: Instant) -> Result<bool, Fault> {
        let began = Stopwatch::now();
        let sql = format!(
            "SELECT (SELECT complete_until FROM recorders WHERE id = ?1), {}, {NOW}",
            timeline(connection)
        );
        let rows = connection.query(&sql, values![self.id])?;
        let row = rows.first().ok_or_else(|| Fault::new(FaultKind::Other, "no row was returned"))?;
        let fault = |error: tokio_postgres::Error| Fault::of(&error);
        let found: Option<i64> = row.try_get(0).map_err(fault)?;
        let timeline = row.try_get(1).map_err(fault)?;
        if self.timeline.get() != timeline {
            let since = found.unwrap_or_else(|| self.since.timestamp());
            insert_gap(connection, since, row.try_get(2).map_err(fault)?)?;
        }
        let changed = connection.execute(
            "UPDATE recorders SET complete_until = greatest(complete_until, ?2) WHERE id = ?1",
            values![self.id, until.timestamp()],
        )?;
        self.timeline.set(timeline);
        self.confirmed.set(began);
        Ok(changed == 1)
    }

    /// Removes the row: everything that this process counted is written.
    pub(super) fn end(&self, connection: &Connection) -> Result<(), Fault> {
        connection.execute("DELETE FROM recorders WHERE id = ?1", values![self.id]).map(drop)
    }

    /// As if the row had been written on another server.
    #[cfg(test)]
    pub(super) fn on_timeline(&self, timeline: i64) {
        self.timeline.set(Some(timeline));
    }

    /// Whether no other process can have taken this one for killed.
    pub(in crate::store) fn is_sure(&self) -> bool {
        self.confirmed.get().elapsed() < SILENT / 2
    }
}

/// The number of the timeline, where the server says it.
fn timeline(connection: &Connection) -> &'static str {
    if connection.facts().timeline.is_some() { timeline_number!() } else { "NULL::bigint" }
}

/// Which rows are of processes that were killed. Where the clock was set back, it is unknown how long they counted: their
/// rows stay until it has caught up, and no key ends meanwhile.
fn is_abandoned() -> String {
    format!("seen < {NOW} - {} AND complete_until <= {NOW}", SILENT.as_secs())
}

/// Whether a process was killed.
pub(in crate::store) fn has_abandoned(connection: &Connection) -> Result<bool, Fault> {
    is_so(connection, &format!("SELECT EXISTS (SELECT 1 FROM recorders WHERE {})", is_abandoned()))
}

/// Turns the rows of processes that were killed into gaps: from the instant up to which they had written everything until
/// now. Returns how many there were. Within a transaction that writes.
pub(in crate::store) fn end_abandoned(connection: &Connection) -> Result<u64, Fault> {
    let sql = format!(
        "WITH gone AS (DELETE FROM recorders WHERE {} RETURNING complete_until) \
         INSERT INTO recording_gaps (since, until) SELECT complete_until, greatest(complete_until, {NOW}) FROM gone",
        is_abandoned()
    );
    connection.execute(&sql, &[])
}

/// Records that use may have been lost. Within a transaction that writes.
pub(super) fn add_gap(connection: &Connection, gap: Gap) -> Result<(), Fault> {
    insert_gap(connection, gap.since.timestamp(), gap.until.timestamp())
}

fn insert_gap(connection: &Connection, since: i64, until: i64) -> Result<(), Fault> {
    let sql = "INSERT INTO recording_gaps (since, until) VALUES (?1, greatest(?1, ?2))";
    connection.execute(sql, values![since, until]).map(drop)
}

/// Deletes the gaps that no key depends on. Those of the last hour stay: a rotation that is not committed yet may depend on
/// them. Within a transaction that writes.
pub(in crate::store) fn prune_gaps(connection: &Connection) -> Result<(), Fault> {
    let sql = format!(
        "DELETE FROM recording_gaps WHERE until <= least({NOW} - 3600, \
         (SELECT min(unused_since) FROM keys WHERE unused_for IS NOT NULL))"
    );
    connection.execute(&sql, &[]).map(drop)
}

/// Whether a key ends when it is no longer used, and is not marked as ended yet.
pub(super) fn is_awaited(connection: &Connection) -> Result<bool, Fault> {
    is_so(connection, "SELECT EXISTS (SELECT 1 FROM keys WHERE unused_for IS NOT NULL)")
}

pub(super) fn is_so(connection: &Connection, sql: &str) -> Result<bool, Fault> {
    let rows = connection.query(sql, &[])?;
    rows.first().map_or(Ok(false), |row| row.try_get(0).map_err(|error| Fault::of(&error)))
}
