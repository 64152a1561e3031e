//! Claims on rotations: only one session at a time rotates a key.

use std::time::Duration;

#[cfg(feature = "postgres")]
use super::postgres;
use super::{Engine, Store, StoreError, WriteTx, reader, sqlite};
use crate::domain::key::KeyId;

/// A claim on keys. In a file it is released when dropped. On a server it is released by `Store::release_rotations`, ends
/// with the rotation, or runs out.
#[derive(Debug)]
pub struct RotationClaim {
    held: Held,
}

#[derive(Debug)]
enum Held {
    Locks {
        _file: std::fs::File,
    },
    #[cfg(feature = "postgres")]
    Rows(postgres::claims::Claim),
}

/// The result of claiming keys.
#[derive(Debug)]
pub enum Claimed {
    /// This session may rotate the keys.
    Yes(RotationClaim),
    /// Another session is rotating this key.
    HeldElsewhere(KeyId),
}

impl Store {
    /// Claims the rotation of keys, all or none. Waits up to `patience` for each.
    ///
    /// Call it outside of transactions: the holder of the claim needs the database to finish.
    pub(crate) fn claim_rotations(&self, ids: &[KeyId], patience: Duration) -> Result<Claimed, StoreError> {
        let held = match &self.engine {
            Engine::Sqlite(database) => {
                sqlite::claims::claim(database.path(), ids, patience)?.map(|file| Held::Locks { _file: file })
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => postgres::claims::claim(database, ids, patience)?.map(Held::Rows),
        };
        Ok(match held {
            Ok(held) => Claimed::Yes(RotationClaim { held }),
            Err(id) => Claimed::HeldElsewhere(id),
        })
    }

    /// Gives a claim up after a rotation that was not begun. Failing, it runs out.
    pub(crate) fn release_rotations(&self, claim: RotationClaim) {
        match (&self.engine, claim.held) {
            #[cfg(feature = "postgres")]
            (Engine::Postgres(database), Held::Rows(rows)) => {
                let _ = postgres::claims::release(database, &rows);
            }
            (_, held) => drop(held),
        }
    }
}

impl RotationClaim {
    /// Says in the transaction that creates a successor that it is about to be delivered: from then on the claim holds until
    /// [`delivered`], or until the successor is deleted. Returns whether the claim still holds.
    pub(crate) fn deliver(&self, tx: &WriteTx<'_>, old: KeyId, new: KeyId) -> Result<bool, StoreError> {
        match &self.held {
            Held::Locks { .. } => Ok(true),
            #[cfg(feature = "postgres")]
            Held::Rows(rows) => rows.deliver(tx, old, new),
        }
    }

    /// Ends it in the transaction that rotates the keys. Returns whether it still held.
    pub(crate) fn end(&self, tx: &WriteTx<'_>) -> Result<bool, StoreError> {
        match &self.held {
            Held::Locks { .. } => Ok(true),
            #[cfg(feature = "postgres")]
            Held::Rows(rows) => rows.end(tx),
        }
    }
}

/// Ends the claim of a rotation whose successor was delivered, in the transaction that finishes it.
pub(crate) fn delivered(tx: &WriteTx<'_>, successor: KeyId) -> Result<(), StoreError> {
    match tx.engine() {
        // The lock goes with the claim.
        reader::Engine::Sqlite { .. } => Ok(()),
        #[cfg(feature = "postgres")]
        reader::Engine::Postgres { .. } => postgres::claims::delivered(tx, successor),
    }
}
