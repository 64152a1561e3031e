//! Operations on the data, one file each, each in one transaction with its audit entries; and the reads and sentences
//! that both front ends need. [`Desk`] is the one façade.

mod acknowledge_canaries;
mod attention;
mod audit_verification;
mod change_overlap;
mod changes_of_key;
mod create_key;
mod delete_keys;
pub mod deletion_receipt;
mod disable_keys;
mod due_keys;
mod edit_key;
mod error;
mod facade;
#[cfg(feature = "app")]
mod identify;
pub mod known_head;
mod manage_applications;
mod manage_users;
mod move_database;
mod private_text;
mod reads;
mod rotate_key;
#[cfg(test)]
mod sabotage;
mod selection;
mod set_up;
mod settle;
mod sources;
pub mod text;

pub use acknowledge_canaries::{CanaryUse, acknowledge_canaries};
pub use audit_verification::{AuditVerification, AuditVerifier, VerificationStep};
pub use change_overlap::change_overlap;
pub use create_key::{CreatedKey, create_canary_key, create_key, create_throwaway_key, mark_delivered};
pub use delete_keys::delete_keys;
pub use disable_keys::{KeyAccess, set_access};
pub use due_keys::{DueKeys, NotDue, Standing, due_keys, standing};
pub use edit_key::{EditedKey, KeyProperties, edit_key};
pub use error::{Changed, DeskError, Subject, Taken};
pub use facade::Desk;
#[cfg(feature = "app")]
pub use identify::{
    FoundState, Identified, Known, Proof, identify, identify_again, identify_all, key_finder,
};
pub use manage_applications::{create_application, delete_application, rename_application};
pub use manage_users::{CanSignIn, add_user, delete_user, disable_user, enable_user, refuse_last_user};
pub use move_database::{MovedDatabase, move_database};
pub use reads::{
    KeyDetails, Remains, SessionInfo, UserDetails, details_of, expiring_in_month, is_outside, key_details,
    month_of, remains, sign_in, sources_outside, unused_name, user_details,
};
pub use rotate_key::{
    BegunRotation, Ending, Rotated, begin_rotation, finish_rotation, rotate_keys, withdraw_successor,
};
pub use selection::{Batch, KeyAction, Selection, Skip, Skipped, on_unchanged, selection};
pub use set_up::{SetUp, Who, set_up, set_up_for, who};
pub use sources::{Moved, UsedSource};

use chrono::TimeDelta;

use crate::domain::Instant;
use crate::domain::audit::AuditRecord;
use crate::domain::key::{Key, KeyId};
use crate::domain::token::Entropy;
use crate::domain::user::Caller;
use crate::store::{Reader, Store, Urgency, WriteTx, keys};
use rotate_key::refuse_replaced;

/// What an operation works with.
pub struct Session<'a> {
    pub store: &'a mut Store,
    /// Who runs keydesk: an operating system user, or a role of the server.
    pub caller: &'a Caller,
    /// The present instant. What is written to a server gets the time that the server's clock shows then.
    pub now: Instant,
    pub entropy: &'a mut dyn Entropy,
    /// The longest lifetime of a new key; none without a limit.
    pub max_lifetime: Option<TimeDelta>,
}

impl Session<'_> {
    /// Changes the database in one transaction, which gets its time and the randomness of the session. Keys that have ended
    /// by themselves are marked first, except where the disk is full and the reserve is used: it is for what revokes access.
    fn write<T>(
        &mut self,
        urgency: Urgency,
        mut operation: impl FnMut(
            &WriteTx<'_>,
            Instant,
            &mut dyn Entropy,
        ) -> Result<(T, Vec<AuditRecord>), DeskError>,
    ) -> Result<T, DeskError> {
        let mut is_full = urgency == Urgency::Revoking && self.store.is_on_reserve();
        self.store.write(self.caller, self.now, urgency, |tx| {
            let is_full = std::mem::replace(&mut is_full, true);
            let mut records = if is_full { Vec::new() } else { settle::mark_ended(tx, tx.now())? };
            let (done, own) = operation(tx, tx.now(), self.entropy)?;
            records.extend(own);
            Ok((done, records))
        })
    }
}

/// A key in the version that the caller has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picked {
    pub id: KeyId,
    /// A key that has another version by now is not changed: the decision was about something else.
    pub version: i64,
}

/// Returns a key, or the error that says that it was deleted.
fn existing_key(r: &Reader<'_>, id: KeyId) -> Result<Key, DeskError> {
    if let Some(key) = keys::get(r, id)? {
        return Ok(key);
    }
    Err(match keys::tombstone(r, id)? {
        Some(tombstone) => DeskError::Deleted { prefix: tombstone.prefix, at: tombstone.deleted },
        None => DeskError::NotFound(Subject::Key(id)),
    })
}

/// Returns the error that says that a key is a canary key.
fn refuse_canary(key: &Key) -> Result<(), DeskError> {
    if key.is_canary { Err(DeskError::Canary { prefix: key.prefix.clone() }) } else { Ok(()) }
}

/// Returns a key in the version that was picked.
fn as_picked(r: &Reader<'_>, picked: Picked) -> Result<Key, DeskError> {
    in_version(existing_key(r, picked.id)?, picked)
}

/// Returns keys in the versions that were picked, in their order.
fn all_as_picked(r: &Reader<'_>, picked: &[Picked]) -> Result<Vec<Key>, DeskError> {
    let ids: Vec<KeyId> = picked.iter().map(|picked| picked.id).collect();
    let mut found = keys::get_all(r, &ids)?;
    let key = |picked: &Picked| match found.remove(&picked.id) {
        Some(key) => in_version(key, *picked),
        // Picked twice: its first change would give it another version.
        None => Err(DeskError::Changed(Changed::Key { prefix: existing_key(r, picked.id)?.prefix })),
    };
    picked.iter().map(key).collect()
}

fn in_version(key: Key, picked: Picked) -> Result<Key, DeskError> {
    if key.version == picked.version {
        Ok(key)
    } else {
        Err(DeskError::Changed(Changed::Key { prefix: key.prefix }))
    }
}
