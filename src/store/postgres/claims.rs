//! Claims on rotations, as rows of a table.
//!
//! A claim that was not used runs out after [`VALID`], by the server's clock: its session was killed. The transaction that
//! creates a successor for delivery writes it into the claim, and fails where the claim was lost. From then on it does not
//! run out, however long the delivery takes, since the secret may be on its way: it ends with the rotation, or with the
//! deletion of the successor.

use std::time::Duration;

use super::database::Database;
use super::recording::NOW;
use crate::domain::key::KeyId;
use crate::store::reader::Reader;
use crate::store::value::{Value, values};
use crate::store::{StoreError, row};

/// For errors.
const CLAIMING: &str = "claiming a rotation";

/// Between a claim and the change that uses it: much more than the change may take.
const VALID: Duration = Duration::from_mins(2);

/// How often a waiting session tries again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The keys that a session has claimed.
#[derive(Debug)]
pub(in crate::store) struct Claim {
    /// Random. None where no key exists.
    holder: Option<[u8; 16]>,
    keys: usize,
}

/// Claims keys, all or none. Waits up to `patience`. Returns the key that another session has claimed otherwise.
pub(in crate::store) fn claim(
    database: &Database,
    ids: &[KeyId],
    patience: Duration,
) -> Result<Result<Claim, KeyId>, StoreError> {
    let sql = format!(
        "WITH session AS MATERIALIZED (SELECT uuid_send(gen_random_uuid()) AS holder) \
         INSERT INTO rotation_claims AS c (key_id, holder, until) \
         SELECT k.key_id, s.holder, {NOW} + {} FROM session s, keys k WHERE k.key_id = ANY (?1) ORDER BY k.key_id \
         ON CONFLICT (key_id) DO UPDATE SET holder = excluded.holder, until = excluded.until \
         WHERE c.delivering IS NULL AND c.until < {NOW} RETURNING c.holder",
        VALID.as_secs()
    );
    let keys = || Value::texts(ids.iter().map(KeyId::as_str));
    let mut waited = Duration::ZERO;
    loop {
        let rows = database.query(CLAIMING, &sql, &[keys()])?;
        let holder = rows.first().map(read).transpose()?;
        let claim = Claim { holder, keys: rows.len() };
        let elsewhere = "SELECT key_id FROM rotation_claims WHERE key_id = ANY (?1) AND holder IS DISTINCT FROM ?2 \
                         ORDER BY key_id LIMIT 1";
        let found = database.query(CLAIMING, elsewhere, &[keys(), holder.into()])?;
        let Some(found) = found.first() else { return Ok(Ok(claim)) };
        release(database, &claim)?;
        if waited >= patience {
            let id: String = read(found)?;
            let wrong = |_| StoreError::Sqlite { what: CLAIMING, reason: "a key ID is not valid".into() };
            return Ok(Err(id.parse().map_err(wrong)?));
        }
        std::thread::sleep(LOOK_AGAIN);
        waited += LOOK_AGAIN;
    }
}

fn read<T: row::Column>(row: &tokio_postgres::Row) -> Result<T, StoreError> {
    let wrong = |fault: row::RowFault| StoreError::Sqlite { what: CLAIMING, reason: fault.to_string() };
    row::Row::Postgres(row).get(0).map_err(wrong)
}

/// Gives a claim up that was not used.
pub(in crate::store) fn release(database: &Database, claim: &Claim) -> Result<(), StoreError> {
    let sql = "DELETE FROM rotation_claims WHERE holder = ?1 AND delivering IS NULL";
    database.query("releasing a claim", sql, values![claim.holder]).map(drop)
}

impl Claim {
    /// Says in the transaction of a change which successor is about to be delivered. Returns whether the claim still holds.
    pub(in crate::store) fn deliver(
        &self,
        tx: &Reader<'_>,
        old: KeyId,
        new: KeyId,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE rotation_claims SET delivering = ?3 WHERE key_id = ?1 AND holder = ?2";
        Ok(tx.execute(CLAIMING, sql, values![old.as_str(), self.holder, new.as_str()])? == 1)
    }

    /// Ends it in the transaction of the rotation. Returns whether it still held.
    pub(in crate::store) fn end(&self, tx: &Reader<'_>) -> Result<bool, StoreError> {
        let sql = "DELETE FROM rotation_claims WHERE holder = ?1 AND delivering IS NULL";
        Ok(tx.execute(CLAIMING, sql, values![self.holder])? == self.keys)
    }
}

/// Ends the claim of a rotation whose successor was delivered.
pub(in crate::store) fn delivered(tx: &Reader<'_>, successor: KeyId) -> Result<(), StoreError> {
    let sql = "DELETE FROM rotation_claims WHERE delivering = ?1";
    tx.execute(CLAIMING, sql, values![successor.as_str()]).map(drop)
}
