//! The operating system user of this process. `SUDO_USER` and `LOGNAME` are not used: anyone can set them.

use nix::unistd::{Uid, User, getuid};

use crate::domain::user::{self, Caller};

/// The `loginuid` of a process without a login session.
const NOBODY: u32 = u32::MAX;

/// `getuid()`; for root, the user of the login session where the kernel knows it.
#[must_use]
pub fn caller() -> Caller {
    let uid = getuid();
    let uid = if uid.is_root() { login_of_root().unwrap_or(uid) } else { uid };
    Caller { uid: uid.as_raw(), login: login_of(uid) }
}

/// The user who became root. An unset `loginuid` can be claimed by anyone and counts as root.
fn login_of_root() -> Option<Uid> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    let uid: u32 = text.trim().parse().ok()?;
    (uid != 0 && uid != NOBODY).then(|| Uid::from_raw(uid))
}

fn login_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("uid-{uid}"), |user| user.name)
}

/// The user ID of a login name.
#[must_use]
pub fn uid_of(login: &str) -> Option<u32> {
    User::from_name(login).ok().flatten().map(|user| user.uid.as_raw())
}

/// Returns whether a user can sign in on this system: their login exists, with the user ID that they are bound to.
#[must_use]
pub fn can_sign_in(user: &user::User) -> bool {
    match (user.login.as_deref(), user.uid) {
        (Some(login), uid) => uid_of(login).is_some_and(|found| uid.is_none_or(|bound| bound == found)),
        (None, Some(uid)) => User::from_uid(Uid::from_raw(uid)).is_ok_and(|found| found.is_some()),
        (None, None) => false,
    }
}

/// Login and host, as a suggestion for the caller's email.
#[must_use]
pub fn suggested_email(caller: &Caller) -> String {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    format!("{}@{}", caller.login, host.filter(|name| !name.is_empty()).as_deref().unwrap_or("localhost"))
}

/// The notice for a user who is bound to root.
#[must_use]
pub fn notice(caller: &Caller) -> Option<&'static str> {
    (caller.uid == 0).then_some("this is root: the audit log cannot distinguish people who share this login")
}
