//! Move a database to another place, of either engine.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{AuditVerification, AuditVerifier, DeskError, VerificationStep};
use crate::domain::Instant;
use crate::domain::audit::ChainHead;
use crate::domain::location::Location;
use crate::domain::user::UserStatus;
use crate::host::identity;
use crate::store::state::DatabaseState;
use crate::store::transfer::{self, Content, Stage, Summary};
use crate::store::{Reader, Store, StoreError, applications, audit, roles, users};

/// A database that was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedDatabase {
    pub keys: u64,
    pub head: ChainHead,
}

/// Moves everything into an empty database: copies it, verifies the copy, marks the old database as moved to `to`, and
/// activates the copy. At any moment at most one of them is in use. Run again after it was killed, it continues.
///
/// # Errors
/// When nothing was changed; or, where the old database is marked already, when the copy could not be activated.
pub fn move_database(
    from: &mut Store,
    into: &mut Store,
    to: &str,
    now: Instant,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Stage),
) -> Result<MovedDatabase, DeskError> {
    match from.state()? {
        DatabaseState::Arriving => {
            return Err(StoreError::Arriving { database: from.location().clone() }.into());
        }
        DatabaseState::Moved { to: place } => {
            let identity = from.read(audit::identity)?;
            let is_copy = into.read(|r| transfer::content(r, &identity))? == Content::Copy;
            if !is_copy || place != to {
                return Err(StoreError::MovedTo { database: from.location().clone(), to: place }.into());
            }
        }
        DatabaseState::Active => from.hold(|source| {
            let identity = audit::identity(source)?;
            match into.read(|r| transfer::content(r, &identity))? {
                Content::Empty => fill(source, into, now, stop, tell)?,
                Content::Copy => {
                    if into.read(transfer::summary)? != transfer::summary(source)? {
                        return Err(DeskError::OldCopy { database: into.location().clone() });
                    }
                }
                Content::Same => return Err(DeskError::SameDatabase { database: into.location().clone() }),
                Content::Other => return Err(DeskError::NotEmpty { database: into.location().clone() }),
            }
            tell(Stage::Switching);
            Ok::<_, DeskError>(transfer::mark_moved(source, to, now)?)
        })?,
    }
    into.activate()?;
    let moved = into.read(|r| {
        let (number, hash) = audit::head(r)?;
        Ok(MovedDatabase { keys: applications::key_count(r)?, head: ChainHead { number, hash } })
    })?;
    Ok(moved)
}

fn fill(
    source: &Reader<'_>,
    into: &mut Store,
    now: Instant,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Stage),
) -> Result<(), DeskError> {
    refuse_unreachable(source, into)?;
    let wanted = transfer::summary(source)?;
    let location = into.location().clone();
    into.fill(|target| {
        transfer::copy(source, target, now, stop, tell)?;
        verify(target, &wanted, &location, stop, tell)
    })
}

/// Verifies that a copy is the same as what it was copied from, and its audit log valid.
fn verify(
    target: &Reader<'_>,
    wanted: &Summary,
    database: &Location,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Stage),
) -> Result<(), DeskError> {
    if transfer::summary(target)? != *wanted {
        return Err(StoreError::NotMade { what: "copying the database" }.into());
    }
    let mut verifier = AuditVerifier::new(u64::MAX);
    let verification = loop {
        let next = verifier.step(target)?;
        if stop.load(Ordering::Relaxed) {
            return Err(StoreError::Interrupted.into());
        }
        match next {
            VerificationStep::InProgress { verified, of } => tell(Stage::Verifying(verified, of)),
            VerificationStep::Complete(verification) => break verification,
        }
    };
    let intact = match verification {
        AuditVerification::Valid { findings, .. } => findings.is_none_or(|findings| findings.all == 0),
        AuditVerification::Broken { .. } => false,
    };
    if intact { Ok(()) } else { Err(DeskError::NotIntact { database: database.clone() }) }
}

/// Rejects a place where no user could make a change.
fn refuse_unreachable(source: &Reader<'_>, into: &Store) -> Result<(), DeskError> {
    let is_active = |status: UserStatus| status == UserStatus::Active;
    let is_reachable = match into.database_caller()? {
        Some(_) => {
            let roles = into.read(roles::that_log_in)?;
            let can_log_in = |login: &String| roles.contains_key(login);
            users::all(source)?
                .iter()
                .any(|user| is_active(user.status) && user.login.as_ref().is_some_and(can_log_in))
        }
        None => users::of_login(source, &identity::caller())?.is_some_and(|user| is_active(user.status)),
    };
    let account = into.location().account();
    if is_reachable { Ok(()) } else { Err(DeskError::NoOneThere { account }) }
}
