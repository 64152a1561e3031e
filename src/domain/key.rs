//! Integration API keys: what they are and in which state.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::Instant;
use super::application::ApplicationId;
use super::text::Name;
use super::user::{Creator, UserId};

/// What whoever lets a key in may know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The public part: safe to log.
    pub id: KeyId,
    /// What people call it.
    pub name: Name,
    /// The name of its Application.
    pub application: Name,
    /// The platform's slug; none for a generic key.
    pub platform: Option<String>,
    /// Production or test.
    pub key_type: KeyType,
    /// From this instant (UTC) on it will be refused.
    pub expires: Instant,
}

/// The public part of a key: 10 base62 characters. It identifies the key for ever and is safe to log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KeyId::LENGTH]);

impl KeyId {
    /// Characters of a key ID.
    pub const LENGTH: usize = 10;

    /// An ID to look up when it does not matter which.
    pub const PROBE: Self = Self([b'0'; Self::LENGTH]);

    /// The ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only base62 bytes get in (see `from_str` and `from_base62`), so this is always ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// From 10 bytes that are base62 already.
    pub(super) fn from_base62(bytes: [u8; Self::LENGTH]) -> Self {
        debug_assert!(bytes.iter().all(u8::is_ascii_alphanumeric));
        Self(bytes)
    }
}

impl FromStr for KeyId {
    type Err = NotAKeyId;

    fn from_str(text: &str) -> Result<Self, NotAKeyId> {
        let bytes: [u8; Self::LENGTH] = text.as_bytes().try_into().map_err(|_| NotAKeyId)?;
        if bytes.iter().all(u8::is_ascii_alphanumeric) { Ok(Self(bytes)) } else { Err(NotAKeyId) }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text is not 10 base62 characters.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a key ID is {} letters and digits", KeyId::LENGTH)]
pub struct NotAKeyId;

/// Whether a key may be used in production, or in tests only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum KeyType {
    /// `ik_live_...`
    Production,
    /// `ik_test_...`: refused where only production keys are let in.
    Test,
}

impl KeyType {
    /// Both, in the order in which they are offered.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The word in JSON, on the command line and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The word inside the key's text.
    #[must_use]
    pub fn infix(self) -> &'static str {
        match self {
            Self::Production => "live",
            Self::Test => "test",
        }
    }
}

/// A word is none of those allowed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be one of: {allowed}")]
pub struct UnknownWord {
    /// The words that would have been right.
    pub allowed: &'static str,
}

/// Whom a key is made for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Used by one's own integration layer.
    Generic,
    /// Made for a third-party platform, named by its slug in the catalogue.
    ThirdParty {
        /// The slug, such as `braze`.
        platform: String,
    },
}

impl KeyKind {
    /// The platform's slug; none for a generic key.
    #[must_use]
    pub fn platform(&self) -> Option<&str> {
        match self {
            Self::Generic => None,
            Self::ThirdParty { platform } => Some(platform),
        }
    }

    /// From the platform's slug or none.
    #[must_use]
    pub fn from_platform(platform: Option<String>) -> Self {
        platform.map_or(Self::Generic, |platform| Self::ThirdParty { platform })
    }

    /// The word in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::ThirdParty { .. } => "third_party",
        }
    }
}

/// What a key is at an instant. A deleted key is no state: its row is gone, a tombstone remains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum KeyState {
    /// Works, and goes on working beyond the time of `expires_soon`.
    Valid,
    /// Works, but not for long.
    ExpiresSoon,
    /// Refused: its time has come.
    Expired,
    /// Refused: an admin paused it. Reversible.
    Disabled,
}

impl KeyState {
    /// All, in the order in which a filter steps through them.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The state of a key. Expiry wins over disabling, since it cannot be taken back.
    #[must_use]
    pub fn of(expires: Instant, disabled: bool, now: Instant, soon: TimeDelta) -> Self {
        if expires <= now {
            Self::Expired
        } else if disabled {
            Self::Disabled
        } else if expires - now <= soon {
            Self::ExpiresSoon
        } else {
            Self::Valid
        }
    }

    /// The word in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The words on the screen.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Valid => "Valid",
            Self::ExpiresSoon => "Expires soon",
            Self::Expired => "Expired",
            Self::Disabled => "Disabled",
        }
    }
}

/// A key as the database knows it, without its hash: nothing in here is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The public part.
    pub id: KeyId,
    /// The Application whose Integration API it opens, and no other's.
    pub application: ApplicationId,
    /// What people call it; not unique.
    pub name: Name,
    /// The displayed part of the text: `ik_live_<id>`.
    pub prefix: String,
    /// Generic or third-party.
    pub kind: KeyKind,
    /// Production or test.
    pub key_type: KeyType,
    /// When it was created.
    pub created: Instant,
    /// Who created it; the email only while that user is not deleted.
    pub creator: Creator,
    /// From this instant on it is refused.
    pub expires: Instant,
    /// Since when it is paused, if it is.
    pub disabled: Option<Instant>,
    /// When the secret was handed over; none if it was never shown (rotate such a key).
    pub delivered: Option<Instant>,
    /// The last accepted use.
    pub last_used: Option<Instant>,
    /// The address of the last accepted use.
    pub last_used_from: Option<String>,
    /// The key that this one succeeded.
    pub replaces: Option<KeyId>,
    /// The key that succeeded this one.
    pub replaced_by: Option<KeyId>,
    /// Grows with each change by an admin; a change that was decided on an older version is refused.
    pub version: i64,
}

impl Key {
    /// The state at an instant; `soon` is how long before the end a key counts as expiring soon.
    #[must_use]
    pub fn state(&self, now: Instant, soon: TimeDelta) -> KeyState {
        KeyState::of(self.expires, self.disabled.is_some(), now, soon)
    }

    /// Whether a key whose successor was handed over at `since` is used all the same; `None` when it works no more.
    #[must_use]
    pub fn is_still_used(&self, since: Instant, now: Instant) -> Option<bool> {
        let works = self.disabled.is_none() && now < self.expires;
        works.then(|| self.last_used.is_some_and(|used| used > since))
    }
}

/// What a key is created for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Access to the Integration API.
    Access,
    /// A diagnosis, which deletes it again: left out of reports on keys that need attention.
    Throwaway,
}

/// What remains of a deleted key. It can never make the key valid again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The public part.
    pub id: KeyId,
    /// What people called it.
    pub name: Name,
    /// The Application it belonged to; the number remains when that is deleted too.
    pub application: ApplicationId,
    /// The displayed part of the text.
    pub prefix: String,
    /// When it was deleted.
    pub deleted: Instant,
    /// Who deleted it.
    pub deleted_by: UserId,
    /// The last accepted use before, if there was one.
    pub last_used: Option<Instant>,
    /// Where that came from.
    pub last_used_from: Option<String>,
    /// When somebody was first refused with it after the deletion.
    pub first_refused: Option<Instant>,
    /// Where that came from.
    pub first_refused_from: Option<String>,
}

/// What one asks for when creating a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// The Application it will belong to.
    pub application: ApplicationId,
    /// What people will call it.
    pub name: Name,
    /// Generic or third-party.
    pub kind: KeyKind,
    /// Production or test.
    pub key_type: KeyType,
    /// From this instant on it will be refused.
    pub expires: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};

    fn at(seconds: i64) -> Instant {
        DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default()
    }

    #[test]
    fn refused_from_the_very_instant_of_its_expiration() {
        let soon = TimeDelta::days(7);
        let state = |now| KeyState::of(at(1_000), false, at(now), soon);
        assert_eq!(state(999), KeyState::ExpiresSoon);
        assert_eq!(state(1_000), KeyState::Expired);
        assert_eq!(state(1_001), KeyState::Expired);
    }

    #[test]
    fn seven_days_are_soon_and_a_second_more_is_not() {
        let soon = TimeDelta::days(7);
        let expires = at(7 * 86_400);
        assert_eq!(KeyState::of(expires, false, at(0), soon), KeyState::ExpiresSoon);
        assert_eq!(KeyState::of(expires, false, at(-1), soon), KeyState::Valid);
    }

    #[test]
    fn disabled_keys_expire_too() {
        let soon = TimeDelta::days(7);
        assert_eq!(KeyState::of(at(10), true, at(0), soon), KeyState::Disabled);
        assert_eq!(KeyState::of(at(10), true, at(10), soon), KeyState::Expired);
    }

    #[test]
    fn key_ids_are_ten_base62_characters() {
        assert_eq!("7Qm2x9KdPa".parse::<KeyId>().map(|id| id.to_string()), Ok("7Qm2x9KdPa".into()));
        for wrong in ["", "7Qm2x9KdP", "7Qm2x9KdPaa", "7Qm2x9Kd_a", "7Qm2x9Kdé"] {
            assert_eq!(wrong.parse::<KeyId>(), Err(NotAKeyId), "{wrong}");
        }
    }
}
