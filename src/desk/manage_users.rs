//! Add, disable, enable and delete users.

use super::{DeskError, Session, Subject};
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::commitment::{Commitment, UserFacts, draw_salt};
use crate::domain::user::{Email, User, UserId, UserStatus};
use crate::store::users::Binding;
use crate::store::{Reader, Urgency, users};

fn missing(id: UserId) -> DeskError {
    DeskError::NotFound(Subject::User(id))
}

/// Adds a user. With a login they can sign in from it; `uid` is that login's number, where it is known.
pub fn add_user(
    session: &mut Session<'_>,
    email: &Email,
    login: Option<&str>,
    uid: Option<u32>,
) -> Result<User, DeskError> {
    let now = session.now;
    let salt = draw_salt(session.entropy)?;
    session.store.write(session.caller, now, Urgency::Normal, |tx| {
        if users::by_email(tx, email)?.is_some() {
            return Err(DeskError::Taken { what: "a user with the email", name: email.as_str().to_owned() });
        }
        let id = users::insert(tx, email, Binding { login, uid }, &salt, now)?.ok_or_else(|| {
            DeskError::Taken { what: "a user with the login", name: login.unwrap_or_default().to_owned() }
        })?;
        let user = users::get(tx, id)?.ok_or_else(|| missing(id))?;
        let facts = UserFacts { id: id.0, salt: &salt, email: email.as_str(), login, uid };
        let record =
            AuditRecord::new(AuditAction::UserAdded).user(id).commitment(Commitment::to_user(&facts));
        Ok((user, vec![record]))
    })
}

/// Disables a user: they may look, and change nothing. Their keys work until they expire.
pub fn disable_user(session: &mut Session<'_>, id: UserId, version: i64) -> Result<User, DeskError> {
    set_status(session, id, version, UserStatus::Disabled, AuditAction::UserDisabled)
}

/// Enables a disabled user.
pub fn enable_user(session: &mut Session<'_>, id: UserId, version: i64) -> Result<User, DeskError> {
    set_status(session, id, version, UserStatus::Active, AuditAction::UserEnabled)
}

/// Deletes a user: the email and login are wiped, the number remains, their keys work until they expire.
pub fn delete_user(session: &mut Session<'_>, id: UserId, version: i64) -> Result<User, DeskError> {
    set_status(session, id, version, UserStatus::Deleted, AuditAction::UserDeleted)
}

fn as_seen(r: &Reader<'_>, id: UserId, version: i64) -> Result<User, DeskError> {
    let user = users::get(r, id)?.ok_or_else(|| missing(id))?;
    if user.status == UserStatus::Deleted {
        return Err(DeskError::UserDeleted(id));
    }
    if user.version == version {
        Ok(user)
    } else {
        Err(DeskError::Changed { what: format!("user {}", id.0) })
    }
}

fn set_status(
    session: &mut Session<'_>,
    id: UserId,
    version: i64,
    status: UserStatus,
    action: AuditAction,
) -> Result<User, DeskError> {
    let now = session.now;
    let urgency = if status == UserStatus::Active { Urgency::Normal } else { Urgency::Revoking };
    session.store.write(session.caller, now, urgency, |tx| {
        let before = as_seen(tx, id, version)?;
        if before.status == status {
            return Ok((before, vec![]));
        }
        let leaves = before.status == UserStatus::Active && status != UserStatus::Active;
        if leaves && users::active(tx)? == 1 {
            return Err(DeskError::LastActiveUser);
        }
        users::set_status(tx, id, status)?;
        let user = users::get(tx, id)?.ok_or_else(|| missing(id))?;
        let change = Change::between("status", before.status.as_str(), status.as_str());
        Ok((user, vec![AuditRecord::new(action).user(id).change(change)]))
    })
}
