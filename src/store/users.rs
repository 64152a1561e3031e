//! Users and their status.

use super::convert;
use super::page::{self, Page, TextOrder, Window};
use super::{Reader, StoreError, WriteTx};
use crate::domain::Instant;
use crate::domain::commitment::Salt;
use crate::domain::user::{Caller, Creator, Email, User, UserId, UserStatus};
use crate::store::value::{Value, values};

const COLUMNS: &str = "u.id, u.email, u.login, u.uid, u.status, u.created, u.key_count, u.version";

/// The value of `sort_email` of this creator, as computed by the schema.
pub(super) fn sort_email(creator: &Creator) -> String {
    creator.email.as_ref().map_or_else(|| format!("~{:020}", creator.id.0), |email| email.as_str().to_owned())
}

const BY_EMAIL: TextOrder<'_> = TextOrder {
    select: COLUMNS,
    from: "users u",
    column: "u.sort_email",
    haystack: "lower(coalesce(u.email, '') || ' ' || coalesce(u.login, '') || ' ' || u.status)",
};

/// Returns the rows of a window, by email, deleted users last.
pub(crate) fn page(
    r: &Reader<'_>,
    words: &[String],
    window: &Window<User>,
) -> Result<Page<User>, StoreError> {
    let cursor = |seen: &User| {
        let now = get(r, seen.id)?;
        let user = now.as_ref().unwrap_or(seen);
        Ok(sort_email(&Creator { id: user.id, email: user.email.clone(), status: user.status }))
    };
    page::by_text(r, "reading the users", &BY_EMAIL, words, window, cursor, convert::user)
}

fn one(r: &Reader<'_>, condition: &str, values: &[Value]) -> Result<Option<User>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM users u WHERE {condition}");
    r.first("reading a user", &sql, values, convert::user)
}

pub fn get(r: &Reader<'_>, id: UserId) -> Result<Option<User>, StoreError> {
    one(r, "u.id = ?1", values![id.0])
}

/// The user of an email.
pub fn by_email(r: &Reader<'_>, email: &Email) -> Result<Option<User>, StoreError> {
    one(r, "u.sort_email = ?1", values![email.as_str()])
}

/// Returns the user that a caller is bound to, by user ID and login name as far as both are known. On a server it is the
/// name of the role alone: it has another number on another server.
pub(crate) fn of_caller(r: &Reader<'_>, caller: &Caller) -> Result<Option<User>, StoreError> {
    if r.is_on_server() {
        return one(r, "u.login = ?1", values![&caller.login]);
    }
    of_login(r, caller)
}

/// The user of an operating system user, by the rule of files, for a database of either engine.
pub(crate) fn of_login(r: &Reader<'_>, caller: &Caller) -> Result<Option<User>, StoreError> {
    one(
        r,
        "(u.uid = ?1 OR (u.uid IS NULL AND u.login = ?2)) AND (u.login IS NULL OR u.login = ?2)",
        values![caller.uid, &caller.login],
    )
}

/// How many users have an email, a login or a status that contains all of these folded texts.
pub(crate) fn count_matching(r: &Reader<'_>, words: &[String]) -> Result<u64, StoreError> {
    BY_EMAIL.count(r, "counting the users", words)
}

/// How many users there are, deleted ones included.
pub fn count(r: &Reader<'_>) -> Result<u64, StoreError> {
    r.value("counting the users", "SELECT count(*) FROM users", &[])
}

/// How many deleted users have an email or login that was not erased.
pub fn leftovers(r: &Reader<'_>) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM users WHERE status = 'deleted' \
               AND (email IS NOT NULL OR login IS NOT NULL OR uid IS NOT NULL OR salt IS NOT NULL)";
    r.value("checking deleted users", sql, &[])
}

/// How many active users there are.
pub fn active(r: &Reader<'_>) -> Result<u64, StoreError> {
    r.value("counting the active users", "SELECT count(*) FROM users WHERE status = 'active'", &[])
}

pub fn all(r: &Reader<'_>) -> Result<Vec<User>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM users u ORDER BY u.sort_email");
    r.all("reading the users", &sql, &[], convert::user)
}

/// Users whose email contains a folded word.
pub(super) fn matching(r: &Reader<'_>, word: &str) -> Result<Vec<UserId>, StoreError> {
    let sql = "SELECT id FROM users WHERE instr(lower(email), ?1) > 0";
    r.all("searching creators", sql, values![word], |row| row.get(0).map(UserId))
}

/// The operating system user that a new user is bound to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Binding<'a> {
    pub login: Option<&'a str>,
    pub uid: Option<u32>,
}

/// Adds a user. `None` means that another user has the email or the login.
pub fn insert(
    tx: &WriteTx<'_>,
    email: &Email,
    binding: Binding<'_>,
    salt: &Salt,
    now: Instant,
) -> Result<Option<UserId>, StoreError> {
    let what = "adding a user";
    let taken = "SELECT EXISTS (SELECT 1 FROM users WHERE sort_email = ?1 OR login = ?2 OR uid = ?3)";
    if tx.value(what, taken, values![email.as_str(), binding.login, binding.uid])? {
        return Ok(None);
    }
    let added = tx.first(
        what,
        "INSERT INTO users (email, login, uid, salt, status, created) VALUES (?1, ?2, ?3, ?4, 'active', ?5) \
         RETURNING id",
        values![email.as_str(), binding.login, binding.uid, salt, now.timestamp()],
        |row| row.get(0).map(UserId),
    )?;
    let id = added.ok_or(StoreError::NotMade { what })?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM users WHERE id = ? AND email = ? AND login IS NOT DISTINCT FROM ? AND uid IS NOT DISTINCT FROM ? \
         AND salt = ? AND status = 'active')",
        [
            id.0.into(),
            email.as_str().to_owned().into(),
            binding.login.map(str::to_owned).into(),
            binding.uid.map(i64::from).into(),
            salt.to_vec().into(),
        ],
    );
    Ok(Some(id))
}

/// Changes the status of a user. Deleting erases email and login.
pub fn set_status(tx: &WriteTx<'_>, id: UserId, status: UserStatus) -> Result<(), StoreError> {
    let what = match status {
        UserStatus::Active => "enabling a user",
        UserStatus::Disabled => "disabling a user",
        UserStatus::Deleted => "deleting a user",
    };
    let erased = if status == UserStatus::Deleted {
        ", email = NULL, login = NULL, uid = NULL, salt = NULL"
    } else {
        ""
    };
    tx.change_one(
        what,
        &format!("UPDATE users SET status = ?2, version = version + 1{erased} WHERE id = ?1"),
        values![id.0, status.as_str()],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM users WHERE id = ? AND status = ? \
         AND (status <> 'deleted' OR (email IS NULL AND login IS NULL AND uid IS NULL AND salt IS NULL)))",
        [id.0.into(), status.as_str().to_owned().into()],
    );
    Ok(())
}
