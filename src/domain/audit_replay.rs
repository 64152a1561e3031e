//! Replays the audit log: computes the state that the database must have.
//!
//! For each key it keeps only fingerprints of eight bytes, so that a log of a million entries needs little memory. Fields
//! are combined by exclusive or: a change removes the old value and adds the new one. Therefore an operation that changes
//! one of [`KEY_FIELDS`] must log the value before and after, and one that creates or deletes a key must log
//! [`AuditAction::KeyCreated`] or [`AuditAction::KeyDeleted`].
//!
//! The fingerprints are keyed with random bits for each replay, so that no one can choose values that cancel each other
//! out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::ops::{BitXor, BitXorAssign};

use serde::Deserialize;

use super::Instant;
use super::audit::{AuditAction, AuditEntry};
use super::commitment::Commitment;
use super::expiry::rfc3339;
use super::key::KeyId;
use super::user::UserStatus;

/// The fields of a key in the log, by their names there. A tombstone keeps the first [`LASTING_FIELDS`].
pub const KEY_FIELDS: [&str; 18] = [
    "name",
    "platform",
    "type",
    "throwaway",
    "expires",
    "disabled",
    "disabled until",
    "delivered",
    "unused since",
    "acknowledged",
    "latest expiration",
    "replaces",
    "replaced by",
    "ends when unused for",
    "owner",
    "note",
    "allowed sources",
    "canary",
];

/// Number of fields in a tombstone.
pub const LASTING_FIELDS: usize = 4;

/// A fingerprint of facts, independent of their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts(u64);

impl BitXor for Facts {
    type Output = Self;

    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl BitXorAssign for Facts {
    fn bitxor_assign(&mut self, other: Self) {
        self.0 ^= other.0;
    }
}

#[derive(Clone, Debug, Default)]
pub struct Fingerprints(RandomState);

impl Fingerprints {
    fn of(&self, fact: impl Hash) -> Facts {
        Facts(self.0.hash_one(fact))
    }

    /// A field with its value.
    #[must_use]
    pub fn field(&self, field: &str, value: &str) -> Facts {
        self.of((field, value))
    }

    /// The actor and the time.
    #[must_use]
    pub fn by(&self, actor: i64, at: Instant) -> Facts {
        self.of(("by", actor, at.timestamp()))
    }

    /// The Application of a key.
    #[must_use]
    pub fn within(&self, application: Option<i64>) -> Facts {
        self.of(("within", application))
    }

    /// The commitment of an entry.
    #[must_use]
    pub fn commitment(&self, commitment: Option<Commitment>) -> Facts {
        self.of(("commitment", commitment))
    }
}

/// The state of a key according to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyRecord {
    pub all: Facts,
    /// The fields that its tombstone will keep.
    pub lasting: Facts,
}

/// The state of a user according to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRecord {
    pub status: UserStatus,
    /// The commitment of the entry that added them; none once they are deleted.
    pub binding: Facts,
}

/// Two entries that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The number of the later one.
    pub number: u64,
    pub what: String,
}

/// Maximum number of contradictions that are kept.
const MOST_CONTRADICTIONS: usize = 20;

/// The state that the database must have.
#[derive(Clone, Debug, Default)]
pub struct AuditReplay {
    pub fingerprints: Fingerprints,
    /// The prefix of keys that the database was set up with.
    pub prefix: Option<String>,
    pub keys: BTreeMap<KeyId, KeyRecord>,
    pub deleted: BTreeMap<KeyId, Facts>,
    /// The names of existing Applications.
    pub applications: BTreeMap<i64, String>,
    /// Users, also deleted ones.
    pub users: BTreeMap<i64, UserRecord>,
    pub contradictions: Vec<Contradiction>,
}

/// A [`Change`](super::audit::Change) in an entry.
#[derive(Deserialize)]
struct BorrowedChange<'a> {
    #[serde(borrow)]
    field: Cow<'a, str>,
    #[serde(borrow, default)]
    before: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    after: Option<BorrowedText<'a>>,
}

/// In an `Option`, serde would make a `Cow` owned.
#[derive(Deserialize)]
struct BorrowedText<'a>(#[serde(borrow)] Cow<'a, str>);

impl AuditReplay {
    pub fn take(&mut self, entry: &AuditEntry) {
        let action = entry.action.parse().ok();
        if let Some(id) = entry.key {
            self.key(id, action, entry);
        } else if let Some(user) = entry.user {
            self.user(user.0, action, entry);
        } else if let Some(application) = entry.application {
            self.application(application.0, action, entry);
        }
    }

    fn key(&mut self, id: KeyId, action: Option<AuditAction>, entry: &AuditEntry) {
        let by = self.fingerprints.by(entry.actor.0, entry.at);
        match action {
            Some(AuditAction::KeyCreated) => {
                let application =
                    self.fingerprints.within(entry.application.map(|application| application.0));
                let commitment = self.fingerprints.commitment(entry.commitment);
                let mut state = KeyRecord { all: by, lasting: Facts::default() };
                for (field, facts) in self.changes(entry) {
                    state.all ^= facts;
                    if KEY_FIELDS[..LASTING_FIELDS].contains(&&*field) {
                        state.lasting ^= facts;
                    }
                }
                state.lasting ^= application ^ commitment;
                state.all ^= application ^ commitment;
                let again = self.deleted.contains_key(&id) || self.keys.insert(id, state).is_some();
                if again {
                    self.contradict(entry, format!("key {id} is created a second time"));
                }
            }
            Some(AuditAction::KeyDeleted) => {
                let key = self.keys.remove(&id);
                let lasting = key.unwrap_or_default().lasting;
                let again = self.deleted.insert(id, lasting ^ by).is_some();
                if key.is_none() && !again {
                    self.contradict(entry, format!("key {id} is deleted, but was never created"));
                } else if again {
                    self.contradict(entry, format!("key {id} is deleted a second time"));
                }
            }
            _ => {
                let (mut changed, mut lasting) = (Facts::default(), Facts::default());
                for (field, facts) in self.changes(entry) {
                    changed ^= facts;
                    if KEY_FIELDS[..LASTING_FIELDS].contains(&&*field) {
                        lasting ^= facts;
                    }
                }
                if action == Some(AuditAction::KeyDelivered) {
                    changed ^= self.fingerprints.field("delivered", &rfc3339(entry.at));
                }
                match self.keys.get_mut(&id) {
                    Some(state) => {
                        state.all ^= changed;
                        state.lasting ^= lasting;
                    }
                    None => self.contradict(entry, format!("key {id} is changed, but does not exist")),
                }
            }
        }
    }

    /// Applies the changes of a key's fields. Ignores other fields.
    fn changes<'a>(&self, entry: &'a AuditEntry) -> Vec<(Cow<'a, str>, Facts)> {
        // Borrowed, since a log has millions of them. An invalid one was detected by the chain.
        let changes: Vec<BorrowedChange<'_>> = serde_json::from_str(&entry.changes).unwrap_or_default();
        let facts = |change: BorrowedChange<'a>| {
            let values = [change.before, change.after].into_iter().flatten();
            let facts = values.map(|value| self.fingerprints.field(&change.field, &value.0));
            let facts = facts.fold(Facts::default(), |all, one| all ^ one);
            (change.field, facts)
        };
        let of_a_key = |change: &BorrowedChange<'_>| KEY_FIELDS.contains(&&*change.field);
        changes.into_iter().filter(of_a_key).map(facts).collect()
    }

    fn user(&mut self, id: i64, action: Option<AuditAction>, entry: &AuditEntry) {
        let status = match action {
            Some(AuditAction::SetUp | AuditAction::UserAdded) => {
                if action == Some(AuditAction::SetUp) {
                    let prefix = entry.changes().into_iter().find(|change| change.field == "prefix");
                    self.prefix = prefix.and_then(|prefix| prefix.after);
                }
                let binding = self.fingerprints.commitment(entry.commitment);
                if self.users.insert(id, UserRecord { status: UserStatus::Active, binding }).is_some() {
                    self.contradict(entry, format!("user {id} is added a second time"));
                }
                return;
            }
            Some(AuditAction::UserDisabled) => UserStatus::Disabled,
            Some(AuditAction::UserEnabled) => UserStatus::Active,
            Some(AuditAction::UserDeleted) => UserStatus::Deleted,
            _ => return,
        };
        let before = self.users.get(&id).copied();
        let binding = match (status, before) {
            (UserStatus::Deleted, _) | (_, None) => Facts::default(),
            (_, Some(user)) => user.binding,
        };
        self.users.insert(id, UserRecord { status, binding });
        if before.is_none_or(|user| user.status == UserStatus::Deleted) {
            self.contradict(entry, format!("user {id} is changed, but does not exist"));
        }
    }

    fn application(&mut self, id: i64, action: Option<AuditAction>, entry: &AuditEntry) {
        let name = || entry.changes().into_iter().find(|c| c.field == "name").and_then(|c| c.after);
        let known = match action {
            Some(AuditAction::ApplicationCreated) => {
                self.applications.insert(id, name().unwrap_or_default()).is_none()
            }
            Some(AuditAction::ApplicationRenamed) => {
                self.applications.insert(id, name().unwrap_or_default()).is_some()
            }
            Some(AuditAction::ApplicationDeleted) => self.applications.remove(&id).is_some(),
            _ => true,
        };
        if !known {
            self.contradict(entry, format!("Application {id}: contradicts an earlier entry"));
        }
    }

    fn contradict(&mut self, entry: &AuditEntry, what: String) {
        if self.contradictions.len() < MOST_CONTRADICTIONS {
            self.contradictions.push(Contradiction { number: entry.number, what });
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::application::ApplicationId;
    use crate::domain::audit::Change;
    use crate::domain::user::UserId;

    fn entry(number: u64, action: AuditAction, changes: &[Change]) -> AuditEntry {
        AuditEntry {
            number,
            at: DateTime::from_timestamp(1_000, 0).unwrap(),
            actor: UserId(1),
            actor_uid: 1000,
            action: action.as_str().into(),
            application: Some(ApplicationId(2)),
            key: Some("7Qm2x9KdPa".parse().unwrap()),
            user: None,
            changes: serde_json::to_string(changes).unwrap(),
            commitment: None,
        }
    }

    #[test]
    fn changes_add_up_to_what_there_is() {
        let mut replayed = AuditReplay::default();
        replayed.take(&entry(
            1,
            AuditAction::KeyCreated,
            &[Change::to("name", "A"), Change::to("expires", "x")],
        ));
        replayed.take(&entry(2, AuditAction::KeyDisabled, &[Change::to("disabled", "now")]));
        replayed.take(&entry(3, AuditAction::KeyEnabled, &[Change::from("disabled", "now")]));
        replayed.take(&entry(4, AuditAction::KeyDelivered, &[Change::to("elsewhere", "z")]));
        let of = replayed.fingerprints.clone();
        let at = DateTime::from_timestamp(1_000, 0).unwrap();
        let lasting = of.field("name", "A") ^ of.within(Some(2)) ^ of.commitment(None);
        let delivered = of.field("delivered", &rfc3339(at));
        let all = lasting ^ of.by(1, at) ^ of.field("expires", "x") ^ delivered;
        let keys: Vec<KeyRecord> = replayed.keys.values().copied().collect();
        assert_eq!(keys, [KeyRecord { all, lasting }]);
        replayed.take(&entry(5, AuditAction::KeyDeleted, &[Change::from("name", "A")]));
        assert!(replayed.keys.is_empty() && replayed.contradictions.is_empty());
        let deleted: Vec<Facts> = replayed.deleted.values().copied().collect();
        assert_eq!(deleted, [lasting ^ of.by(1, at)]);
    }

    #[test]
    fn what_cannot_be_is_noticed() {
        let mut replayed = AuditReplay::default();
        replayed.take(&entry(1, AuditAction::KeyDisabled, &[]));
        replayed.take(&entry(2, AuditAction::KeyCreated, &[]));
        replayed.take(&entry(3, AuditAction::KeyDeleted, &[]));
        replayed.take(&entry(4, AuditAction::KeyDeleted, &[]));
        replayed.take(&entry(5, AuditAction::KeyCreated, &[]));
        let numbers: Vec<u64> = replayed.contradictions.iter().map(|c| c.number).collect();
        assert_eq!(numbers, [1, 4, 5]);
    }
}
