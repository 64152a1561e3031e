//! Claims on rotations: only one session at a time rotates a key.

use std::time::Duration;

use super::{Engine, Store, StoreError, sqlite};
use crate::domain::key::KeyId;

/// A claim on keys, released when dropped.
#[derive(Debug)]
pub struct RotationClaim {
    _held: Held,
}

#[derive(Debug)]
enum Held {
    Locks {
        _file: std::fs::File,
    },
    #[cfg(feature = "postgres")]
    Nothing,
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
            Engine::Postgres(_) => Ok(Held::Nothing),
        };
        Ok(match held {
            Ok(held) => Claimed::Yes(RotationClaim { _held: held }),
            Err(id) => Claimed::HeldElsewhere(id),
        })
    }
}
