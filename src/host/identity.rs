//! Who sits at the keyboard. `SUDO_USER` and `LOGNAME` are mere environment and are not asked.

use nix::unistd::{Uid, User, getuid};

use crate::domain::user::Caller;

/// `loginuid` of a process that nobody logged in for.
const NOBODY: u32 = u32::MAX;

/// The caller: `getuid()`; for root the login that the kernel remembers, where it remembers one.
#[must_use]
pub fn caller() -> Caller {
    let uid = getuid();
    let uid = if uid.is_root() { login_of_root().unwrap_or(uid) } else { uid };
    Caller { uid: uid.as_raw(), login: login_of(uid) }
}

/// Root may have logged in as somebody else. Where `loginuid` is unset anybody can claim it, so unset is root.
fn login_of_root() -> Option<Uid> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    let uid: u32 = text.trim().parse().ok()?;
    (uid != 0 && uid != NOBODY).then(|| Uid::from_raw(uid))
}

fn login_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("uid-{uid}"), |user| user.name)
}

/// The number of a login name on this machine.
#[must_use]
pub fn uid_of(login: &str) -> Option<u32> {
    User::from_name(login).ok().flatten().map(|user| user.uid.as_raw())
}

/// What to suggest as the caller's email: login and host.
#[must_use]
pub fn suggested_email(caller: &Caller) -> String {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    format!("{}@{}", caller.login, host.filter(|name| !name.is_empty()).as_deref().unwrap_or("localhost"))
}

/// What to tell whoever binds root: people who share it cannot be told apart.
#[must_use]
pub fn notice(caller: &Caller) -> Option<&'static str> {
    (caller.uid == 0)
        .then_some("This is root: people who share this login cannot be told apart in the audit log.")
}
