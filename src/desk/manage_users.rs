//! Add, disable, enable and delete users.

use super::{Changed, DeskError, Session, Subject, Taken};
use crate::domain::Instant;
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::commitment::{Commitment, Salt, UserFacts, draw_salt};
use crate::domain::user::{Account, Email, SignIn, User, UserId, UserStatus};
use crate::store::users::Binding;
use crate::store::{Reader, Urgency, WriteTx, roles, users};

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
    // A role has another number on another server, and means nobody in a file.
    let Binding { login, uid } = Binding { uid: binding.uid.filter(|_| !tx.is_on_server()), ..binding };
    if users::by_email(tx, email)?.is_some() {
        return Err(DeskError::taken(Taken::Email, email));
    }
    let id = users::insert(tx, email, Binding { login, uid }, salt, now)?
        .ok_or_else(|| DeskError::taken(Taken::Login, login.unwrap_or_default()))?;
    let facts = UserFacts { id: id.0, salt, email: email.as_str(), login, uid };
    Ok((existing(tx, id)?, AuditRecord::new(action).user(id).commitment(Commitment::to_user(&facts))))
}

/// Adds a user. `uid` is the user ID of the login, where it is known. On a server the role alone counts.
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

/// Reports which users of a file can sign in on this system. The users of a server are not asked for: it knows its roles.
pub type CanSignIn<'a> = &'a dyn Fn(&User) -> bool;

/// Makes a user read-only. Their keys work until they expire.
///
/// # Errors
/// When no other active user can sign in.
pub fn disable_user(
    session: &mut Session<'_>,
    id: UserId,
    version: i64,
    can_sign_in: CanSignIn<'_>,
) -> Result<User, DeskError> {
    set_status(session, id, version, (UserStatus::Disabled, AuditAction::UserDisabled), can_sign_in)
}

pub fn enable_user(session: &mut Session<'_>, id: UserId, version: i64) -> Result<User, DeskError> {
    set_status(session, id, version, (UserStatus::Active, AuditAction::UserEnabled), &|_| false)
}

/// Deletes a user: the email and login are erased, the number remains, their keys work until they expire.
///
/// # Errors
/// When no other active user can sign in.
pub fn delete_user(
    session: &mut Session<'_>,
    id: UserId,
    version: i64,
    can_sign_in: CanSignIn<'_>,
) -> Result<User, DeskError> {
    set_status(session, id, version, (UserStatus::Deleted, AuditAction::UserDeleted), can_sign_in)
}

fn as_seen(r: &Reader<'_>, id: UserId, version: i64) -> Result<User, DeskError> {
    let user = existing(r, id)?;
    if user.status == UserStatus::Deleted {
        return Err(DeskError::UserDeleted(id));
    }
    if user.version == version { Ok(user) } else { Err(DeskError::Changed(Changed::User(id))) }
}

/// Returns an error unless an active user other than `id` can sign in.
pub fn refuse_last_user(r: &Reader<'_>, id: UserId, can_sign_in: CanSignIn<'_>) -> Result<(), DeskError> {
    let roles = if r.is_on_server() { Some(roles::that_log_in(r)?) } else { None };
    let can_sign_in = |user: &User| match &roles {
        Some(roles) => user.login.as_ref().is_some_and(|login| roles.get(login) == Some(&SignIn::Possible)),
        None => can_sign_in(user),
    };
    let remains = |user: &User| user.id != id && user.status == UserStatus::Active && can_sign_in(user);
    if users::all(r)?.iter().any(remains) {
        return Ok(());
    }
    let account = if r.is_on_server() { Account::Role } else { Account::Login };
    Err(DeskError::LastActiveUser { account })
}

fn set_status(
    session: &mut Session<'_>,
    id: UserId,
    version: i64,
    (status, action): (UserStatus, AuditAction),
    can_sign_in: CanSignIn<'_>,
) -> Result<User, DeskError> {
    let urgency = if status == UserStatus::Active { Urgency::Normal } else { Urgency::Revoking };
    session.write(urgency, |tx, _, _| {
        let before = as_seen(tx, id, version)?;
        if before.status == status {
            return Ok((before, vec![]));
        }
        // A user who changes another one has signed in and remains. The system, which may respond slowly, is not
        // asked then.
        if id == tx.actor() && status != UserStatus::Active {
            refuse_last_user(tx, id, can_sign_in)?;
        }
        users::set_status(tx, id, status)?;
        let change = Change::between("status", before.status.as_str(), status.as_str());
        Ok((existing(tx, id)?, vec![AuditRecord::new(action).user(id).change(change)]))
    })
}
