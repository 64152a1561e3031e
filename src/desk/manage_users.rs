//! Add, disable, enable and delete users.

use super::{Changed, DeskError, Session, Subject, Taken};
use crate::domain::Instant;
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::commitment::{Commitment, Salt, UserFacts, draw_salt};
use crate::domain::user::{Email, User, UserId, UserStatus};
use crate::store::users::Binding;
use crate::store::{Reader, Urgency, WriteTx, users};

fn existing(r: &Reader<'_>, id: UserId) -> Result<User, DeskError> {
    users::get(r, id)?.ok_or(DeskError::NotFound(Subject::User(id)))
}

/// Adds a user within a transaction, with an entry of this action.
pub(super) fn add(
    tx: &WriteTx<'_>,
    action: AuditAction,
    email: &Email,
    binding: Binding<'_>,
    salt: &Salt,
    now: Instant,
) -> Result<(User, AuditRecord), DeskError> {
    let Binding { login, uid } = binding;
    if users::by_email(tx, email)?.is_some() {
        return Err(DeskError::taken(Taken::Email, email));
    }
    let id = users::insert(tx, email, binding, salt, now)?
        .ok_or_else(|| DeskError::taken(Taken::Login, login.unwrap_or_default()))?;
    let facts = UserFacts { id: id.0, salt, email: email.as_str(), login, uid };
    Ok((existing(tx, id)?, AuditRecord::new(action).user(id).commitment(Commitment::to_user(&facts))))
}

/// Adds a user. `uid` is the user ID of the login, where it is known.
pub fn add_user(
    session: &mut Session<'_>,
    email: &Email,
    login: Option<&str>,
    uid: Option<u32>,
) -> Result<User, DeskError> {
    session.write(Urgency::Normal, |tx, now, entropy| {
        let salt = draw_salt(entropy)?;
        let (user, record) = add(tx, AuditAction::UserAdded, email, Binding { login, uid }, &salt, now)?;
        Ok((user, vec![record]))
    })
}

/// Makes a user read-only. Their keys work until they expire.
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
    let user = existing(r, id)?;
    if user.status == UserStatus::Deleted {
        return Err(DeskError::UserDeleted(id));
    }
    if user.version == version { Ok(user) } else { Err(DeskError::Changed(Changed::User(id))) }
}

fn set_status(
    session: &mut Session<'_>,
    id: UserId,
    version: i64,
    status: UserStatus,
    action: AuditAction,
) -> Result<User, DeskError> {
    let urgency = if status == UserStatus::Active { Urgency::Normal } else { Urgency::Revoking };
    session.write(urgency, |tx, _, _| {
        let before = as_seen(tx, id, version)?;
        if before.status == status {
            return Ok((before, vec![]));
        }
        let leaves = before.status == UserStatus::Active && status != UserStatus::Active;
        if leaves && users::active(tx)? == 1 {
            return Err(DeskError::LastActiveUser);
        }
        users::set_status(tx, id, status)?;
        let change = Change::between("status", before.status.as_str(), status.as_str());
        Ok((existing(tx, id)?, vec![AuditRecord::new(action).user(id).change(change)]))
    })
}
