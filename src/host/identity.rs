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

/// Returns whether a user can sign in on this system: the user ID that they are bound to, or that of their login, has
/// this login. Of several logins with one user ID only the first is ever a caller's.
#[must_use]
pub fn can_sign_in(user: &user::User) -> bool {
    let uid = user.uid.or_else(|| uid_of(user.login.as_deref()?)).map(Uid::from_raw);
    match &user.login {
        Some(login) => uid.is_some_and(|uid| login_of(uid) == *login),
        None => uid.is_some_and(|uid| User::from_uid(uid).is_ok_and(|found| found.is_some())),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::{UserId, UserStatus};

    #[test]
    fn a_user_can_sign_in_with_the_login_that_a_caller_of_their_user_id_has() {
        for (login, uid, expected) in [
            (Some("daemon"), None, true),
            (Some("daemon"), uid_of("daemon"), true),
            (None, uid_of("daemon"), true),
            (Some("daemon"), Some(0), false),
            (Some("uid-4000000"), Some(4_000_000), true),
            (Some("ben"), Some(4_000_000), false),
            (Some("no-such-login"), None, false),
            (None, Some(4_000_000), false),
            (None, None, false),
        ] {
            let bound = user::User {
                id: UserId(1),
                email: None,
                login: login.map(str::to_owned),
                uid,
                status: UserStatus::Active,
                created: crate::host::clock::now(),
                keys: 0,
                version: 1,
            };
            assert_eq!(can_sign_in(&bound), expected, "{login:?} {uid:?}");
        }
    }
}
