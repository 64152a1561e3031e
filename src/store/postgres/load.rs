//! Fills the tables of an empty database with many rows, in one transaction of their owner.
//!
//! Each row of a million would pass through a dozen indexes, the checks of foreign keys, and the triggers that count. All
//! three are removed before the rows come, and what they do is done at the end for all rows at once.

use std::time::Duration;

use tokio_postgres::types::Type;

use crate::domain::postgres_url::PostgresUrl;
use crate::store::StoreError;
use crate::store::reader::Reader;
use crate::store::server::{ConnectOptions, Connection, CopyIn, Fault};
use crate::store::value::Value;

const FILLING: &str = "filling its tables";

/// How long an index of many rows may take.
const PATIENCE: Duration = Duration::from_mins(30);

/// The first version that notices within a statement that its client is gone. Otherwise a move that was killed would hold
/// the tables until its last index is complete.
const NOTICES: i64 = 140_000;

const FOREIGN_KEYS: &str = "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname), \
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) \
    FROM pg_catalog.pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace \
    ORDER BY conrelid::regclass::text COLLATE \"C\", conname COLLATE \"C\"";

/// All but those of primary keys and unique constraints: the rows come in the order of the former.
const INDEXES: &str = "SELECT format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid) \
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class t ON t.oid = i.indrelid \
    WHERE t.relnamespace = 'public'::regnamespace \
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint c WHERE c.conindid = i.indexrelid) \
    ORDER BY i.indexrelid::regclass::text COLLATE \"C\"";

/// What the triggers would have done.
const COUNTS: [&str; 5] = [
    "UPDATE applications a SET key_count = n.count \
     FROM (SELECT application_id, count(*) AS count FROM keys GROUP BY application_id) n WHERE a.id = n.application_id",
    "UPDATE users u SET key_count = n.count \
     FROM (SELECT creator_id, count(*) AS count FROM keys GROUP BY creator_id) n WHERE u.id = n.creator_id",
    "INSERT INTO never_used (application_id, key_id) SELECT k.application_id, k.key_id FROM keys k \
     WHERE NOT EXISTS (SELECT 1 FROM key_use u WHERE u.key_id = k.key_id) ORDER BY k.application_id, k.key_id",
    "UPDATE head SET number = a.number, hash = a.hash FROM audit a WHERE a.number = (SELECT max(number) FROM audit)",
    "UPDATE generation SET number = number + 1",
];

/// Tables that are being filled.
pub(in crate::store) struct Load<'a> {
    connection: &'a Connection,
    url: &'a PostgresUrl,
    /// The statements that complete them.
    rest: Vec<String>,
}

impl<'a> Load<'a> {
    pub(in crate::store) fn begin(
        connection: &'a Connection,
        url: &'a PostgresUrl,
        tables: &[&str],
    ) -> Result<Self, StoreError> {
        connection.set_patience(PATIENCE);
        let fault = |fault: Fault| fault.during(FILLING, url);
        let mut setting = "SET LOCAL search_path = public".to_owned();
        if connection.facts().version >= NOTICES {
            setting.push_str("; SET LOCAL client_connection_check_interval = '1s'");
        }
        connection.batch(&setting).map_err(fault)?;
        let r = Reader::postgres(connection, url);
        let read = |sql| -> Result<(Vec<String>, Vec<String>), StoreError> {
            r.all(FILLING, sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))
        };
        let (foreign_keys, indexes) = (read(FOREIGN_KEYS)?, read(INDEXES)?);
        let triggers =
            |what| tables.iter().map(move |table| format!("ALTER TABLE {table} {what} TRIGGER USER"));
        let removed: Vec<String> =
            foreign_keys.0.into_iter().chain(indexes.0).chain(triggers("DISABLE")).collect();
        connection.batch(&removed.join("; ")).map_err(fault)?;
        let counts = COUNTS.iter().map(|sql| (*sql).to_owned());
        let statistics = std::iter::once(format!("ANALYZE {}, never_used", tables.join(", ")));
        let rest = counts.chain(indexes.1).chain(statistics).chain(foreign_keys.1).chain(triggers("ENABLE"));
        Ok(Self { connection, url, rest: rest.collect() })
    }

    /// Begins to add rows to a table.
    pub(in crate::store) fn rows(
        &self,
        table: &str,
        columns: &str,
        types: &[Type],
    ) -> Result<Rows<'a>, StoreError> {
        let copy = self.connection.copy_in(table, columns, types);
        Ok(Rows { copy: copy.map_err(|fault| fault.during(FILLING, self.url))?, url: self.url })
    }

    /// Completes the tables. `tell` gets the number of steps that are done, and of all.
    pub(in crate::store) fn finish(
        self,
        tell: &mut dyn FnMut(u64, u64) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let steps = self.rest.len() as u64;
        for (done, sql) in (0_u64..).zip(&self.rest) {
            tell(done, steps)?;
            self.connection.batch(sql).map_err(|fault| fault.during(FILLING, self.url))?;
        }
        Ok(())
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        self.connection.set_patience(ConnectOptions::default().patience);
    }
}

/// Rows that are being added to a table.
pub(in crate::store) struct Rows<'a> {
    copy: CopyIn<'a>,
    url: &'a PostgresUrl,
}

impl Rows<'_> {
    pub(in crate::store) fn add(&mut self, row: &[Value]) -> Result<(), StoreError> {
        self.copy.write(row).map_err(|fault| fault.during(FILLING, self.url))
    }

    /// Returns how many rows were added.
    pub(in crate::store) fn finish(self) -> Result<u64, StoreError> {
        self.copy.finish().map_err(|fault| fault.during(FILLING, self.url))
    }
}
