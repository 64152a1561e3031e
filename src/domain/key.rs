//! Integration API keys: what they are and in which state.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use serde::Deserialize;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::Instant;
use super::application::ApplicationId;
use super::source::AllowedSources;
use super::text::{Name, Note};
use super::until_unused::UntilUnused;
use super::user::{Creator, UserId};

/// What is known of an accepted key: enough to serve the request and to log it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The key ID: public and safe to log.
    pub id: KeyId,
    /// The name given by the user; not unique.
    pub name: Name,
    /// The name of the Application that the key belongs to.
    pub application: Name,
    /// The platform's slug; none for a generic key.
    pub platform: Option<String>,
    /// Production or test.
    pub key_type: KeyType,
    /// The instant (UTC) from which the key is rejected.
    pub expires: Instant,
}

/// The public part of a key: 10 base62 characters. It is never reused and is safe to log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KeyId::LENGTH]);

impl KeyId {
    /// Characters of a key ID.
    pub const LENGTH: usize = 10;

    /// An ID for lookups whose result does not matter.
    pub const PROBE: Self = Self([b'0'; Self::LENGTH]);

    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only base62 bytes get in (see `from_str` and `from_base62`), so this is always ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The bytes must be base62.
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

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a key ID is {} letters and digits", KeyId::LENGTH)]
pub struct NotAKeyId;

/// Whether a key is for production or for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum KeyType {
    /// `ik_live_...`
    Production,
    /// `ik_test_...`: rejected where only production keys are accepted.
    Test,
}

impl KeyType {
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The word in JSON, on the command line and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The word in the key's text.
    #[must_use]
    pub fn infix(self) -> &'static str {
        match self {
            Self::Production => "live",
            Self::Test => "test",
        }
    }
}

/// Whether a key is for one's own software or for a third-party platform.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    Generic,
    ThirdParty {
        /// The slug in the catalog, such as `braze`.
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

    #[must_use]
    pub fn from_platform(platform: Option<String>) -> Self {
        platform.map_or(Self::Generic, |platform| Self::ThirdParty { platform })
    }

    /// The value in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::ThirdParty { .. } => "third_party",
        }
    }
}

/// The state of a key at an instant. A deleted key has none: only a tombstone remains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum KeyState {
    Valid,
    /// Valid, and expires within the setting `expires_soon`.
    ExpiresSoon,
    Expired,
    /// Rejected until it is enabled again.
    Disabled,
    /// Ended, and a successor took its place.
    Replaced,
    /// Always rejected: its use is an alarm.
    Canary,
}

impl KeyState {
    /// In the order in which a filter steps through them.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The word in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Valid => "Valid",
            Self::ExpiresSoon => "Expires soon",
            Self::Expired => "Expired",
            Self::Disabled => "Disabled",
            Self::Replaced => "Replaced",
            Self::Canary => "Canary",
        }
    }
}

/// A key without its hash: nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub id: KeyId,
    pub application: ApplicationId,
    /// Not unique.
    pub name: Name,
    /// `ik_live_<id>`, safe to show.
    pub prefix: String,
    pub kind: KeyKind,
    pub key_type: KeyType,
    pub created: Instant,
    pub creator: Creator,
    /// The instant from which it is rejected.
    pub expires: Instant,
    pub disabled: Option<Instant>,
    /// The instant from which it is accepted again, if it is disabled for a time.
    pub disabled_until: Option<Instant>,
    /// When the secret reached its holder: shown, copied, written or piped. None if it never did.
    pub delivered: Option<Instant>,
    pub last_used: Option<Instant>,
    pub last_used_from: Option<String>,
    pub replaces: Option<KeyId>,
    pub replaced_by: Option<KeyId>,
    /// The expiration date that it had before it was replaced, if that is later: its overlap can be extended up to it.
    pub latest_expires: Option<Instant>,
    /// A predecessor that ends when it is no longer used, before it expires.
    pub until_unused: Option<Box<UntilUnused>>,
    /// Who to ask before it is deleted.
    pub owner: Option<Name>,
    pub note: Option<Note>,
    pub allowed_sources: AllowedSources,
    /// Always rejected: its use is an alarm.
    pub is_canary: bool,
    /// The last use of a canary key.
    pub canary_used: Option<Instant>,
    /// Uses of a canary key up to this instant were acknowledged.
    pub acknowledged: Option<Instant>,
    /// Grows with each change by an administrator. A change that was decided on an older version is rejected.
    pub version: i64,
}

impl Key {
    /// `soon` is how long before its end a key expires soon. A key that has ended is never `Disabled`: it cannot be
    /// enabled again.
    #[must_use]
    pub fn state(&self, now: Instant, soon: TimeDelta) -> KeyState {
        if self.is_canary {
            KeyState::Canary
        } else if self.ended(now).is_some() {
            if self.replaced_by.is_some() { KeyState::Replaced } else { KeyState::Expired }
        } else if self.is_disabled(now) {
            KeyState::Disabled
        } else if self.expires - now <= soon {
            KeyState::ExpiresSoon
        } else {
            KeyState::Valid
        }
    }

    /// The instant at which it expired, or ended since it was no longer used; none if it has not. A canary key never ends:
    /// its use is an alarm until it is deleted.
    #[must_use]
    pub fn ended(&self, now: Instant) -> Option<Instant> {
        if self.is_canary {
            return None;
        }
        let unused = self.until_unused.as_ref().and_then(|rule| rule.ended(self.last_used, now));
        let expired = (self.expires <= now).then_some(self.expires);
        unused.into_iter().chain(expired).min()
    }

    /// The expiration date without regard to its replacement.
    #[must_use]
    pub fn own_expiration(&self) -> Instant {
        self.latest_expires.unwrap_or(self.expires)
    }

    /// Whether it is disabled at an instant. Where the clock was set back to before it was disabled for a time, it is not:
    /// no outage is longer than was announced.
    #[must_use]
    pub fn is_disabled(&self, now: Instant) -> bool {
        self.outage().is_some_and(|outage| outage.covers(now))
    }

    /// When it was disabled and for how long, also if that is over; none if it was enabled since.
    #[must_use]
    pub fn outage(&self) -> Option<Outage> {
        Outage::new(self.disabled, self.disabled_until)
    }

    /// Whether it is disabled until it is enabled again.
    #[must_use]
    pub fn stays_disabled(&self) -> bool {
        self.outage().is_some_and(|outage| outage.until.is_none())
    }

    /// The instant until which it is disabled, where that ends by itself.
    #[must_use]
    pub fn is_disabled_until(&self, now: Instant) -> Option<Instant> {
        self.disabled_until.filter(|_| self.is_disabled(now))
    }

    /// Whether it is a canary key with a use that was not acknowledged.
    #[must_use]
    pub fn has_alarm(&self) -> bool {
        self.is_canary && self.canary_used > self.acknowledged
    }

    /// Whether a key is still used after its successor was delivered at `since`. None when it is no longer valid.
    #[must_use]
    pub fn is_still_used(&self, since: Instant, now: Instant) -> Option<bool> {
        let works = !self.is_canary && !self.is_disabled(now) && self.ended(now).is_none();
        works.then(|| self.last_used.is_some_and(|used| used > since))
    }
}

/// The time in which a key is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    pub since: Instant,
    /// The instant from which it is accepted again; none: when it is enabled again.
    pub until: Option<Instant>,
}

impl Outage {
    /// The outage of a key that was disabled at an instant, if it was, until another one.
    #[must_use]
    pub fn new(disabled: Option<Instant>, until: Option<Instant>) -> Option<Self> {
        disabled.map(|since| Self { since, until })
    }

    /// Whether it is in progress at an instant.
    #[must_use]
    pub fn covers(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| self.since <= now && now < until)
    }
}

/// What a key is created for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Access to the Integration API.
    Access,
    /// A diagnosis, which deletes it again: left out of reports on keys that need attention.
    Throwaway,
    /// Nothing: its use is an alarm.
    Canary,
}

/// What remains of a deleted key. It cannot make the key valid again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    pub id: KeyId,
    pub name: Name,
    /// May be deleted too.
    pub application: ApplicationId,
    pub prefix: String,
    pub deleted: Instant,
    pub deleted_by: UserId,
    /// The last accepted use before the deletion.
    pub last_used: Option<Instant>,
    pub last_used_from: Option<String>,
    /// The first rejected use after the deletion.
    pub first_refused: Option<Instant>,
    pub first_refused_from: Option<String>,
}

/// The properties of a key to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    pub application: ApplicationId,
    pub name: Name,
    pub kind: KeyKind,
    pub key_type: KeyType,
    /// The instant from which the key is rejected.
    pub expires: Instant,
    /// Who to ask before it is deleted.
    pub owner: Option<Name>,
    pub note: Option<Note>,
    pub allowed_sources: AllowedSources,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::UserStatus;
    use chrono::{DateTime, Utc};

    fn at(seconds: i64) -> Instant {
        DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default()
    }

    fn key(expires: i64) -> Key {
        Key {
            id: KeyId::PROBE,
            application: ApplicationId(1),
            name: Name::from_stored("Checkout".into()),
            prefix: "ik_live_0000000000".into(),
            kind: KeyKind::Generic,
            key_type: KeyType::Production,
            created: at(0),
            creator: Creator { id: UserId(1), email: None, status: UserStatus::Deleted },
            expires: at(expires),
            disabled: None,
            disabled_until: None,
            delivered: None,
            last_used: None,
            last_used_from: None,
            replaces: None,
            replaced_by: None,
            latest_expires: None,
            until_unused: None,
            owner: None,
            note: None,
            allowed_sources: AllowedSources::default(),
            is_canary: false,
            canary_used: None,
            acknowledged: None,
            version: 1,
        }
    }

    const SOON: TimeDelta = TimeDelta::days(7);

    #[test]
    fn a_key_is_expired_from_the_very_instant_of_its_expiration() {
        let state = |now| key(1_000).state(at(now), SOON);
        assert_eq!(
            [999, 1_000, 1_001].map(state),
            [KeyState::ExpiresSoon, KeyState::Expired, KeyState::Expired]
        );
    }

    #[test]
    fn seven_days_are_soon_and_a_second_more_is_not() {
        let key = key(7 * 86_400);
        assert_eq!(key.state(at(0), SOON), KeyState::ExpiresSoon);
        assert_eq!(key.state(at(-1), SOON), KeyState::Valid);
    }

    #[test]
    fn disabled_keys_expire_too() {
        let key = Key { disabled: Some(at(0)), ..key(10) };
        assert_eq!(key.state(at(0), SOON), KeyState::Disabled);
        assert_eq!(key.state(at(10), SOON), KeyState::Expired);
    }

    #[test]
    fn only_a_key_with_a_successor_is_replaced_and_only_once_it_has_ended() {
        let key = Key { replaced_by: Some(KeyId::PROBE), ..key(10) };
        assert_eq!(key.state(at(9), SOON), KeyState::ExpiresSoon);
        assert_eq!(key.state(at(10), SOON), KeyState::Replaced);
        let disabled = Key { disabled: Some(at(0)), ..key };
        assert_eq!(disabled.state(at(9), SOON), KeyState::Disabled);
        assert_eq!(disabled.state(at(10), SOON), KeyState::Replaced);
    }

    #[test]
    fn a_key_that_is_disabled_for_a_time_is_valid_before_and_after() {
        let key = Key { disabled: Some(at(100)), disabled_until: Some(at(400)), ..key(9_000_000) };
        let state = |now| key.state(at(now), SOON);
        assert_eq!(
            [99, 100, 399, 400].map(state),
            [KeyState::Valid, KeyState::Disabled, KeyState::Disabled, KeyState::Valid]
        );
    }

    #[test]
    fn a_canary_key_never_ends_and_a_use_is_an_alarm_until_it_is_acknowledged() {
        let canary = Key { is_canary: true, ..key(10) };
        assert_eq!([9, 11].map(|now| canary.state(at(now), SOON)), [KeyState::Canary; 2]);
        let alarm = |used, acknowledged: Option<i64>| {
            let (canary_used, acknowledged) = (Some(at(used)), acknowledged.map(at));
            Key { canary_used, acknowledged, ..canary.clone() }.has_alarm()
        };
        assert!(!canary.has_alarm());
        assert_eq!([alarm(5, None), alarm(5, Some(5)), alarm(6, Some(5))], [true, false, true]);
    }

    #[test]
    fn key_ids_are_ten_base62_characters() {
        assert_eq!("7Qm2x9KdPa".parse::<KeyId>().map(|id| id.to_string()), Ok("7Qm2x9KdPa".into()));
        for wrong in ["", "7Qm2x9KdP", "7Qm2x9KdPaa", "7Qm2x9Kd_a", "7Qm2x9Kdé"] {
            assert_eq!(wrong.parse::<KeyId>(), Err(NotAKeyId), "{wrong}");
        }
    }
}
