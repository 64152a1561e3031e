//! Sentences that both front ends say.

use chrono::TimeDelta;

use super::sources::{Moved, UsedSource};
use crate::domain::Instant;
use crate::domain::audit::Change;
use crate::domain::expiry::{in_short, in_words, relative, relative_short};
use crate::domain::key::Key;
use crate::domain::text::inert;
use crate::domain::user::{Creator, UserStatus};
use crate::store::NotAllowed;
use crate::store::usage::{Source, SourceAddress};

/// The first question about a new key.
pub const THIRD_PARTY_QUESTION: &str = "Do you want to use this API Key with a 3rd party service?";

/// The name of the view of the keys of all Applications.
pub const ALL_APPLICATIONS: &str = "All Applications";

/// Warns of a name that does not tell a new key from another.
pub const NAME_IN_USE: &str = "Another key of this Application has this name.";

/// Said of a new canary key.
pub const CANARY: &str = "Requests that use it are rejected and raise an alarm.";

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
        NotAllowed::Unknown { login, account } => {
            format!("the {account} {} belongs to no user of this database", inert(login))
        }
        NotAllowed::Disabled { email } => format!("the user {} is disabled", inert(email)),
    };
    format!("{who}: you have read-only access")
}

/// Returns what a caller who is read-only can do about it.
#[must_use]
pub fn how_to_get_access(reason: &NotAllowed) -> String {
    match reason {
        NotAllowed::Unknown { login, .. } => {
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

/// Returns the use of a key before something is done to it: how many requests of late, from how many sources, the last
/// one. Requests are counted by UTC days, the last of `days` being today; without days, only the last use is told.
#[must_use]
pub fn use_of(key: &Key, days: &[u64], sources: &[UsedSource], now: Instant) -> String {
    let (Some(used), [.., yesterday, today]) = (key.last_used, days) else {
        return last_use_before_deletion(key.last_used, key.last_used_from.as_deref(), now);
    };
    let start_of_today = now - TimeDelta::seconds(now.timestamp().rem_euclid(86_400));
    let (requests, since) = match (*yesterday, *today) {
        (0, 0) => match days.iter().sum() {
            0 => return last_use(key.last_used, key.last_used_from.as_deref(), now),
            sum => {
                let text = format!("{} in 30 days, none today or yesterday (UTC)", count(sum, "request"));
                (text, start_of_today - TimeDelta::days(29))
            }
        },
        (0, today) => (format!("{} in the last 24 hours", count(today, "request")), start_of_today),
        (yesterday, 0) => (
            format!("{} yesterday and none today (UTC)", count(yesterday, "request")),
            start_of_today - TimeDelta::days(1),
        ),
        (yesterday, today) => (
            format!("{} today and {yesterday} yesterday (UTC)", count(today, "request")),
            start_of_today - TimeDelta::days(1),
        ),
    };
    let from = from_sources(sources, since);
    let from = if from.is_empty() { from } else { format!(",{from}") };
    let last = from_address(key.last_used_from.as_deref());
    format!("{requests}{from}, the last {}{last}", relative(used, now))
}

/// Returns how many sources were in use since an instant: ` from 3 sources`, with a leading space; empty when none are
/// recorded.
fn from_sources(sources: &[UsedSource], since: Instant) -> String {
    let recent = || sources.iter().filter(|used| used.source.last >= since).map(|used| &used.source.address);
    let known = recent().filter(|address| matches!(address, SourceAddress::Known(_))).count();
    let is_unknown = recent().any(|address| *address == SourceAddress::Unknown);
    if recent().any(|address| *address == SourceAddress::Older) {
        return format!(" from more than {}", count(known as u64, "source"));
    }
    match (known, is_unknown) {
        (0, false) => String::new(),
        (0, true) => " from unknown addresses".into(),
        (known, false) => format!(" from {}", count(known as u64, "source")),
        (known, true) => format!(" from {} and unknown addresses", count(known as u64, "source")),
    }
}

/// Returns how many sources have moved to the successor; none when that is not known of any.
#[must_use]
pub fn moved_sources(sources: &[UsedSource]) -> Option<String> {
    let known = sources.iter().filter_map(|used| used.moved);
    let (all, moved) = (known.clone().count(), known.filter(|moved| *moved == Moved::Yes).count());
    (all > 0).then(|| moved_of(moved, all))
}

fn moved_of(moved: usize, all: usize) -> String {
    format!("{moved} of {}", count(all as u64, "source"))
}

/// Returns the use of a canary key by its sources.
#[must_use]
pub fn canary_use(sources: &[UsedSource], now: Instant) -> String {
    let Some(latest) = sources.iter().max_by_key(|used| used.source.last) else {
        return "never used".into();
    };
    let requests = sources.iter().map(|used| used.source.requests).sum();
    let last = relative(latest.source.last, now);
    format!("{}, the last {last} from {}", count(requests, "request"), latest.label())
}

/// How many sources are named in a sentence.
const NAMED: usize = 3;

/// The same with the addresses that have not moved.
#[must_use]
pub fn moved_and_left_sources(sources: &[UsedSource]) -> Option<String> {
    let known = sources.iter().filter(|used| used.moved.is_some());
    let (moved, left): (Vec<_>, Vec<_>) = known.partition(|used| used.moved == Some(Moved::Yes));
    let all = moved.len() + left.len();
    if all == 0 {
        return None;
    }
    let text = moved_of(moved.len(), all);
    let named: Vec<String> = left.iter().take(NAMED).map(|used| used.label()).collect();
    Some(match left.len().saturating_sub(NAMED) {
        _ if left.is_empty() => text,
        0 => format!("{text}, not yet {}", named.join(", ")),
        more => format!("{text}, not yet {} and {more} more", named.join(", ")),
    })
}

/// Returns that a successor lives shorter than the key that it replaces; none if it does not.
#[must_use]
pub fn limited_lifetime(before: &Key, successor: &Key) -> Option<String> {
    let life = successor.expires - successor.created;
    let days = u64::try_from(life.num_days()).unwrap_or_default();
    (life < before.expires - before.created)
        .then(|| format!("Its lifetime is limited to {} (max_lifetime).", count(days, "day")))
}

/// Returns the allowed sources of a key; none where any is allowed.
#[must_use]
pub fn allowed_sources(key: &Key) -> Option<String> {
    (!key.allowed_sources.is_any()).then(|| key.allowed_sources.to_string().replace(',', ", "))
}

/// Returns the names of changed fields: `owner and note`.
#[must_use]
pub fn fields(changes: &[Change]) -> String {
    let names: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Returns a warning about sources that a key is not accepted from, though it was used from there; none without any.
#[must_use]
pub fn sources_outside(sources: &[Source], now: Instant) -> Option<String> {
    let first = sources.first()?;
    let address = match &first.address {
        SourceAddress::Known(address) => inert(address),
        SourceAddress::Unknown | SourceAddress::Older => "an unknown address".to_owned(),
    };
    let more = match sources.len() - 1 {
        0 => String::new(),
        more => format!(" and {}", count(more as u64, "more source")),
    };
    Some(format!(
        "The key was used from {address} ({}){more}: requests from there are rejected.",
        relative(first.last, now)
    ))
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
    let prefix = &old.prefix;
    if let Some(until) = old.is_disabled_until(now).filter(|until| *until < old.expires) {
        let until = relative(until, now);
        format!("The old key {prefix} is disabled, works again {until}, and expires {expires}. {used}.")
    } else if old.ended(now).is_some() || old.is_disabled(now) {
        format!("The old key {prefix} is rejected. {used}.")
    } else if let Some(rule) = &old.until_unused {
        let length = in_words(rule.length);
        format!(
            "The old key {prefix} ends once its successor is in use and it has been unused for {length}, at the latest \
             {expires}. {used}."
        )
    } else {
        format!("The old key {prefix} works until {expires}. {used}.")
    }
}

/// Returns what it means that a predecessor ends when it is no longer used.
#[must_use]
pub fn when_unused(length: TimeDelta) -> String {
    format!(
        "It ends once its successor is in use and it has been unused for {}, at the latest at its own expiration. Time in \
         which use could not be recorded does not count.",
        in_words(length)
    )
}

/// Returns on what the end of a predecessor depends: `when unused for 24 h, last used 3 h ago`; none where it has ended or
/// ends at a date.
#[must_use]
pub fn ends_when(key: &Key, now: Instant) -> Option<String> {
    let rule = key.until_unused.as_ref().filter(|_| key.ended(now).is_none())?;
    let used = match key.last_used {
        Some(at) => format!("last used {}", relative_short(at, now)),
        None => "never used".to_owned(),
    };
    Some(format!("when unused for {}, {used}", in_short(rule.length)))
}

/// Returns when a predecessor ends at the earliest, or why it cannot end yet; none where it has ended or ends at a date.
/// `exact` writes an instant as the front end does.
#[must_use]
pub fn ends_at_the_earliest(key: &Key, now: Instant, exact: impl Fn(Instant) -> String) -> Option<String> {
    let rule = key.until_unused.as_ref().filter(|_| key.ended(now).is_none())?;
    Some(if rule.successor_used.is_none() {
        "not before its successor is used".to_owned()
    } else if key.stays_disabled() {
        "not while it is disabled".to_owned()
    } else {
        match rule.ends(key.last_used).filter(|end| *end < key.expires) {
            Some(end) if end > now => exact(end),
            Some(_) => "as soon as all use until then is recorded".to_owned(),
            None => exact(key.expires),
        }
    })
}

/// Returns whether a key has been used since another one replaced it.
#[must_use]
pub fn still_in_use(used: bool) -> &'static str {
    if used { "yes, since rotation" } else { "not since rotation" }
}
