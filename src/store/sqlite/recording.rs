//! The bookkeeping of recording in a file of SQLite.
//!
//! Each process that records has a row in `recorders` and holds a lock on the byte of a file beside the database that has
//! the number of its row. The operating system releases the lock when the process ends: a row without a lock was left by
//! a process that was killed, with counts that it had not written. The file stays empty and is never deleted.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc;
use rusqlite::{Connection, params};

use crate::domain::Instant;
use crate::domain::until_unused::Gap;
use crate::host::{byte_lock, files};
use crate::store::StoreError;

/// The row of this process among those that record use. Dropping it without [`Registration::end`] leaves the row, as if
/// the process were killed.
#[derive(Debug)]
pub struct Registration {
    id: i64,
    _lock: File,
}

impl Registration {
    /// Adds a row in a transaction: this process will write all that it counted since an instant.
    pub fn begin(connection: &Connection, database: &Path, since: Instant) -> Result<Self, StoreError> {
        connection
            .prepare_cached("INSERT INTO recorders (started, complete_until) VALUES (?1, ?1)")
            .and_then(|mut statement| statement.insert([since.timestamp()]))
            .map_err(fault(database))
            .and_then(|id| {
                // No one sees the row before it is locked.
                let lock = open_locks(database)?;
                if byte_lock::try_lock(&lock, id).map_err(lock_fault(database))? {
                    Ok(Self { id, _lock: lock })
                } else {
                    Err(lock_fault(database)(io::Error::other("it is locked already")))
                }
            })
    }

    /// Says that all use that this process counted before an instant is written. Returns `false` when the row is gone:
    /// another process took this one for one that was killed. Register again.
    pub fn advance(&self, connection: &Connection, until: Instant) -> rusqlite::Result<bool> {
        let changed = connection
            .prepare_cached("UPDATE recorders SET complete_until = max(complete_until, ?2) WHERE id = ?1")?
            .execute([self.id, until.timestamp()])?;
        Ok(changed == 1)
    }

    /// Removes the row: everything that this process counted is written. Drop the registration after the commit.
    pub fn end(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.prepare_cached("DELETE FROM recorders WHERE id = ?1")?.execute([self.id]).map(drop)
    }
}

/// Turns the rows of processes that were killed into gaps: from the instant up to which they had written everything until
/// now. Returns how many there were. Within a transaction that writes.
///
/// Where the clock was set back to before that instant, it is unknown how long they counted: their rows stay until it has
/// caught up, and no key ends meanwhile.
pub fn end_abandoned(connection: &Connection, database: &Path, now: Instant) -> Result<usize, StoreError> {
    let abandoned = abandoned(connection, database, now)?;
    let end = |(id, complete_until): &(i64, i64)| -> rusqlite::Result<()> {
        connection
            .prepare_cached("INSERT INTO recording_gaps (since, until) VALUES (?1, max(?1, ?2))")?
            .execute([*complete_until, now.timestamp()])?;
        connection.prepare_cached("DELETE FROM recorders WHERE id = ?1")?.execute([*id])?;
        Ok(())
    };
    abandoned.iter().try_for_each(end).map_err(fault(database))?;
    Ok(abandoned.len())
}

/// Turns the rows of processes that were killed into gaps, and deletes the gaps that no key depends on. Within a
/// transaction that writes.
pub(in crate::store) fn end_killed(
    connection: &Connection,
    database: &Path,
    now: Instant,
) -> Result<(), StoreError> {
    end_abandoned(connection, database, now)?;
    prune_gaps(connection).map_err(fault(database))
}

/// The rows of processes that were killed, with the instants until now up to which they had written everything.
pub(in crate::store) fn abandoned(
    connection: &Connection,
    database: &Path,
    now: Instant,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let rows: Vec<(i64, i64)> = connection
        .prepare_cached("SELECT id, complete_until FROM recorders WHERE complete_until <= ?1 ORDER BY id")
        .and_then(|mut statement| {
            statement.query_map([now.timestamp()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .map_err(fault(database))?;
    if rows.is_empty() {
        return Ok(rows);
    }
    let locks = open_locks(database)?;
    let mut abandoned = Vec::new();
    for (id, complete_until) in rows {
        if byte_lock::try_lock(&locks, id).map_err(lock_fault(database))? {
            abandoned.push((id, complete_until));
        }
    }
    Ok(abandoned)
}

/// Records that use may have been lost. Within a transaction that writes.
pub fn add_gap(connection: &Connection, gap: Gap) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO recording_gaps (since, until) VALUES (?1, max(?1, ?2))")?
        .execute([gap.since.timestamp(), gap.until.timestamp()])
        .map(drop)
}

/// Whether a key ends when it is no longer used, and is not marked as ended yet.
pub fn is_awaited(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM keys INDEXED BY keys_until_unused WHERE unused_for IS NOT NULL)",
        )?
        .query_row([], |row| row.get(0))
}

/// Deletes the gaps that no key depends on. Within a transaction that writes.
pub fn prune_gaps(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM recording_gaps WHERE until <= coalesce((SELECT min(unused_since) FROM keys \
             INDEXED BY keys_until_unused WHERE unused_for IS NOT NULL), until)",
        )?
        .execute(params![])
        .map(drop)
}

fn place(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push("-recorders");
    database.with_file_name(name)
}

fn open_locks(database: &Path) -> Result<File, StoreError> {
    let path = place(database);
    match files::create_beside(database, &path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
    .and_then(|()| {
        OpenOptions::new().append(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&path)
    })
    .map_err(lock_fault(database))
}

fn lock_fault(database: &Path) -> impl Fn(io::Error) -> StoreError + '_ {
    |error| StoreError::File { what: "lock", path: place(database), reason: error.to_string() }
}

fn fault(database: &Path) -> impl Fn(rusqlite::Error) -> StoreError + '_ {
    |error| StoreError::from_sqlite(&error, "recording use", database)
}

#[cfg(test)]
#[cfg(feature = "app")]
mod tests {
    use super::*;
    use crate::host::entropy::SystemEntropy;
    use crate::store::{Store, open};

    fn at(seconds: i64) -> Instant {
        Instant::from_timestamp(seconds, 0).unwrap()
    }

    fn database() -> (tempfile::TempDir, PathBuf, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keydesk.db");
        drop(Store::open(&path, &mut SystemEntropy).unwrap());
        let connection = open::writable(&path).unwrap();
        (folder, path, connection)
    }

    fn rows(connection: &Connection, sql: &str) -> Vec<(i64, i64)> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    fn recorders(connection: &Connection) -> Vec<(i64, i64)> {
        rows(connection, "SELECT started, complete_until FROM recorders ORDER BY id")
    }

    fn gaps(connection: &Connection) -> Vec<(i64, i64)> {
        rows(connection, "SELECT since, until FROM recording_gaps ORDER BY number")
    }

    #[test]
    fn the_row_of_a_process_that_lives_says_until_when_everything_is_written() {
        let (_folder, path, connection) = database();
        let registration = Registration::begin(&connection, &path, at(1_000)).unwrap();
        assert!(registration.advance(&connection, at(1_020)).unwrap());
        assert!(registration.advance(&connection, at(1_010)).unwrap(), "the clock was set back");
        assert_eq!(end_abandoned(&connection, &path, at(1_030)).unwrap(), 0);
        assert_eq!(recorders(&connection), [(1_000, 1_020)]);
        registration.end(&connection).unwrap();
        assert_eq!((recorders(&connection), gaps(&connection)), (vec![], vec![]));
    }

    #[test]
    fn a_process_that_was_killed_leaves_a_gap() {
        let (_folder, path, connection) = database();
        let killed = Registration::begin(&connection, &path, at(1_000)).unwrap();
        let alive = Registration::begin(&connection, &path, at(1_001)).unwrap();
        killed.advance(&connection, at(1_020)).unwrap();
        drop(killed);
        assert!(!abandoned(&connection, &path, at(1_500)).unwrap().is_empty());
        assert_eq!(end_abandoned(&connection, &path, at(1_500)).unwrap(), 1);
        assert_eq!((recorders(&connection), gaps(&connection)), (vec![(1_001, 1_001)], vec![(1_020, 1_500)]));
        assert!(abandoned(&connection, &path, at(1_500)).unwrap().is_empty());
        assert!(alive.advance(&connection, at(1_600)).unwrap());
    }

    #[test]
    fn a_process_whose_row_is_gone_finds_out() {
        let (_folder, path, connection) = database();
        let registration = Registration::begin(&connection, &path, at(1_000)).unwrap();
        // Someone has removed the file with the locks.
        std::fs::remove_file(place(&path)).unwrap();
        assert_eq!(end_abandoned(&connection, &path, at(1_100)).unwrap(), 1);
        assert!(!registration.advance(&connection, at(1_100)).unwrap());
        assert_eq!(gaps(&connection), [(1_000, 1_100)], "what it counts since then is not written for sure");
    }

    #[test]
    fn a_gap_is_never_shorter_than_nothing() {
        let (_folder, _path, connection) = database();
        add_gap(&connection, Gap { since: at(50), until: at(40) }).unwrap();
        assert_eq!(gaps(&connection), [(50, 50)]);
    }

    /// It is unknown how long a process ran that was killed before the clock was set back.
    #[test]
    fn a_gap_ends_once_the_clock_has_caught_up() {
        let (_folder, path, connection) = database();
        drop(Registration::begin(&connection, &path, at(1_000)).unwrap());
        assert_eq!(end_abandoned(&connection, &path, at(900)).unwrap(), 0);
        assert_eq!((recorders(&connection), gaps(&connection)), (vec![(1_000, 1_000)], vec![]));
        assert_eq!(end_abandoned(&connection, &path, at(1_200)).unwrap(), 1);
        assert_eq!(gaps(&connection), [(1_000, 1_200)]);
    }

    #[test]
    fn gaps_stay_as_long_as_a_key_depends_on_them() {
        let (_folder, _path, connection) = database();
        let add = |since, until| add_gap(&connection, Gap { since: at(since), until: at(until) }).unwrap();
        let waiting = |since: i64| {
            format!(
                "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, \
                 creator_id, created, expires, unused_for, unused_since) VALUES ('{since:010}', zeroblob(32), 1, 'a', \
                 'a', 'a', 'ik', 'test', '', 1, 0, 9999, 60, {since})"
            )
        };
        connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        connection.execute_batch(&waiting(1_000)).unwrap();
        connection.execute_batch(&waiting(2_000)).unwrap();
        add(900, 1_000);
        add(990, 1_001);
        assert!(is_awaited(&connection).unwrap());
        prune_gaps(&connection).unwrap();
        assert_eq!(gaps(&connection), [(990, 1_001)]);
        connection.execute_batch("UPDATE keys SET unused_for = NULL, unused_since = NULL").unwrap();
        assert!(!is_awaited(&connection).unwrap());
        prune_gaps(&connection).unwrap();
        assert!(gaps(&connection).is_empty());
    }
}
