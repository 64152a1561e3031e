//! Sentences that both front ends say.

use crate::domain::Instant;
use crate::domain::expiry::relative;
use crate::domain::key::Key;
use crate::domain::text::inert;
use crate::domain::user::{Creator, UserStatus};
use crate::store::NotAllowed;

/// The first question about a new key.
pub const THIRD_PARTY_QUESTION: &str = "Do you want to use this API Key with a 3rd party service?";

/// The name of the view of the keys of all Applications.
pub const ALL_APPLICATIONS: &str = "All Applications";

/// Warns of a name that does not tell a new key from another.
pub const NAME_IN_USE: &str = "Another key of this Application has this name.";

/// Said while a new secret can be seen.
pub const SECRET_SHOWN_ONCE: &str =
    "You cannot display the API key after this step. If you lose the value, create a new API key.";

/// Said before a key is deleted.
pub const DELETION_IS_FINAL: &str = "Deleting an API key cannot be undone. The software that uses that key immediately \
                                     loses access to the Integration API.";

/// Said before a user is deleted.
pub const DELETING_A_USER: &str = "Deleting a user cannot be undone. Their email is erased. \
                                   The keys that they created work until they expire.";

/// Said before the caller is made read-only.
pub const DISABLING_YOURSELF: &str =
    "You will have read-only access, and only another active user can enable you again.";

/// Returns ` (this is you)`, with a leading space; empty for others.
#[must_use]
pub fn you(is_you: bool) -> &'static str {
    if is_you { " (this is you)" } else { "" }
}

/// Returns why the caller is read-only.
#[must_use]
pub fn read_only(reason: &NotAllowed) -> String {
    let who = match reason {
        NotAllowed::Unknown { login } => {
            format!("the login {} belongs to no user of this database", inert(login))
        }
        NotAllowed::Disabled { email } => format!("the user {} is disabled", inert(email)),
    };
    format!("{who}: you have read-only access")
}

/// Returns what a caller who is read-only can do about it.
#[must_use]
pub fn how_to_get_access(reason: &NotAllowed) -> String {
    match reason {
        NotAllowed::Unknown { login } => {
            format!("Ask an active user to run: keydesk users add YOU@EXAMPLE.COM --login {}", inert(login))
        }
        NotAllowed::Disabled { email } => {
            format!("Ask an active user to run: keydesk users enable {}", inert(email))
        }
    }
}

/// Returns the creator of a key as people read it.
#[must_use]
pub fn creator(creator: &Creator) -> String {
    match (&creator.email, creator.status) {
        (Some(email), UserStatus::Disabled) => format!("{email} (disabled)"),
        (Some(email), _) => email.to_string(),
        (None, _) => "(deleted user)".to_owned(),
    }
}

/// Returns ` from ADDRESS`, with a leading space; empty when the address is not known.
#[must_use]
pub fn from_address(address: Option<&str>) -> String {
    address.map(|address| format!(" from {}", inert(address))).unwrap_or_default()
}

/// Said of a key whose use is not known.
const NO_RECORDED_USE: &str = "No recorded use";

/// Returns when a key was last used before it is deleted, and how old that knowledge is: endpoints record use within a
/// second.
#[must_use]
pub fn last_use_before_deletion(at: Option<Instant>, from: Option<&str>, now: Instant) -> String {
    match at {
        None => format!("{NO_RECORDED_USE} as of 1 s ago"),
        Some(_) => last_use(at, from, now),
    }
}

/// Returns when a key was last used, and from where.
#[must_use]
pub fn last_use(at: Option<Instant>, from: Option<&str>, now: Instant) -> String {
    at.map_or_else(
        || NO_RECORDED_USE.to_owned(),
        |at| format!("Last used {}{}", relative(at, now), from_address(from)),
    )
}

/// Returns the use of a key. Requests are counted by UTC days, the last of `days` being today.
#[must_use]
pub fn use_of(key: &Key, days: &[u64], now: Instant) -> String {
    let last = last_use_before_deletion(key.last_used, key.last_used_from.as_deref(), now);
    let mut latest = days.iter().rev().copied();
    let (Some(today), Some(yesterday), Some(_)) = (latest.next(), latest.next(), key.last_used) else {
        return last;
    };
    format!(
        "{} today and {yesterday} yesterday (UTC), {} in 30 days. {last}.",
        count(today, "request"),
        days.iter().sum::<u64>()
    )
}

/// Returns a number with a noun: `1 key`, `3 keys`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Returns what becomes of the old key after a rotation. `expires` is its expiration date as the front end writes it.
#[must_use]
pub fn old_key_after_rotation(old: &Key, now: Instant, expires: &str) -> String {
    let used = last_use(old.last_used, old.last_used_from.as_deref(), now);
    if old.expires <= now || old.disabled.is_some() {
        format!("The old key {} is rejected. {used}.", old.prefix)
    } else {
        format!("The old key {} works until {expires}. {used}.", old.prefix)
    }
}

/// Returns whether a key has been used since another one replaced it.
#[must_use]
pub fn still_in_use(used: bool) -> &'static str {
    if used { "yes, since rotation" } else { "not since rotation" }
}
