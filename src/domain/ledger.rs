//! What there must be if the audit log tells everything: its entries replayed.
//!
//! Of each key only a fingerprint of what the log says is kept, in eight bytes, so that a log of a million entries
//! can be replayed in little memory. Fields come and go by exclusive or: a change takes the old value out and puts the
//! new one in. So an operation that changes one of [`KEY_FIELDS`] must log the value before and the value after, and one
//! that makes or deletes a key must say so with [`AuditAction::KeyCreated`] or [`AuditAction::KeyDeleted`], whatever
//! else it says.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Instant;
use super::audit::{AuditAction, AuditEntry};
use super::key::KeyId;
use super::user::UserStatus;

/// The fields of a key that the log tells, as they are called there.
pub const KEY_FIELDS: [&str; 5] = ["name", "platform", "type", "expires", "disabled"];

/// A fingerprint of fields with their values, whatever their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts(u64);

impl Facts {
    /// The facts with one more; or without it, when it was there.
    #[must_use]
    pub fn and(self, field: &str, value: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (field, value).hash(&mut hasher);
        Self(self.0 ^ hasher.finish())
    }

    /// The facts with who did something where and when.
    #[must_use]
    pub fn by(self, actor: i64, application: Option<i64>, at: Instant) -> Self {
        let mut hasher = DefaultHasher::new();
        ("by", actor, application, at.timestamp()).hash(&mut hasher);
        Self(self.0 ^ hasher.finish())
    }
}

/// Two entries that cannot both be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The number of the later one.
    pub number: u64,
    /// What is wrong.
    pub what: String,
}

/// How many contradictions are kept; where there are more, the log is of no use anyway.
const MOST_CONTRADICTIONS: usize = 20;

/// What there must be.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Keys that exist.
    pub keys: BTreeMap<KeyId, Facts>,
    /// Keys that were deleted.
    pub deleted: BTreeMap<KeyId, Facts>,
    /// Applications that exist: what they are called.
    pub applications: BTreeMap<i64, String>,
    /// Users, also deleted ones.
    pub users: BTreeMap<i64, UserStatus>,
    /// Entries that cannot be true.
    pub contradictions: Vec<Contradiction>,
}

impl Ledger {
    /// Takes the next entry.
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
        match action {
            Some(AuditAction::KeyCreated) => {
                let application = entry.application.map(|application| application.0);
                let facts = change(Facts::default().by(entry.actor.0, application, entry.at), entry);
                let again = self.deleted.contains_key(&id) || self.keys.insert(id, facts).is_some();
                if again {
                    self.contradict(entry, format!("key {id} is created a second time"));
                }
            }
            Some(AuditAction::KeyDeleted) => {
                let facts = Facts::default().by(entry.actor.0, None, entry.at);
                let again = self.deleted.insert(id, facts).is_some();
                if self.keys.remove(&id).is_none() && !again {
                    self.contradict(entry, format!("key {id} is deleted, and was never created"));
                } else if again {
                    self.contradict(entry, format!("key {id} is deleted a second time"));
                }
            }
            _ => match self.keys.get_mut(&id) {
                Some(facts) => *facts = change(*facts, entry),
                None => self.contradict(entry, format!("key {id} is changed, and does not exist")),
            },
        }
    }

    fn user(&mut self, id: i64, action: Option<AuditAction>, entry: &AuditEntry) {
        let status = match action {
            Some(AuditAction::SetUp | AuditAction::UserAdded) => {
                if self.users.insert(id, UserStatus::Active).is_some() {
                    self.contradict(entry, format!("user {id} is added a second time"));
                }
                return;
            }
            Some(AuditAction::UserDisabled) => UserStatus::Disabled,
            Some(AuditAction::UserEnabled) => UserStatus::Active,
            Some(AuditAction::UserDeleted) => UserStatus::Deleted,
            _ => return,
        };
        match self.users.insert(id, status) {
            Some(UserStatus::Deleted) | None => {
                self.contradict(entry, format!("user {id} is changed, and does not exist"));
            }
            Some(_) => {}
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
            self.contradict(entry, format!("Application {id}: this cannot follow what was before"));
        }
    }

    fn contradict(&mut self, entry: &AuditEntry, what: String) {
        if self.contradictions.len() < MOST_CONTRADICTIONS {
            self.contradictions.push(Contradiction { number: entry.number, what });
        }
    }
}

/// The facts of a key after an entry. Fields that the log tells beside the key's own are left alone.
fn change(facts: Facts, entry: &AuditEntry) -> Facts {
    let changes = entry.changes();
    let of_the_key = changes.iter().filter(|change| KEY_FIELDS.contains(&change.field.as_str()));
    of_the_key.fold(facts, |facts, change| {
        [&change.before, &change.after]
            .into_iter()
            .flatten()
            .fold(facts, |f, value| f.and(&change.field, value))
    })
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
        }
    }

    #[test]
    fn changes_add_up_to_what_there_is() {
        let mut ledger = Ledger::default();
        ledger.take(&entry(
            1,
            AuditAction::KeyCreated,
            &[Change::to("name", "A"), Change::to("expires", "x")],
        ));
        ledger.take(&entry(2, AuditAction::KeyDisabled, &[Change::to("disabled", "now")]));
        ledger.take(&entry(3, AuditAction::KeyEnabled, &[Change::from("disabled", "now")]));
        ledger.take(&entry(4, AuditAction::KeyDelivered, &[Change::to("elsewhere", "z")]));
        let begun = Facts::default().by(1, Some(2), DateTime::from_timestamp(1_000, 0).unwrap());
        let facts: Vec<Facts> = ledger.keys.values().copied().collect();
        assert_eq!(facts, [begun.and("expires", "x").and("name", "A")]);
        ledger.take(&entry(5, AuditAction::KeyDeleted, &[Change::from("name", "A")]));
        assert!(ledger.keys.is_empty() && ledger.deleted.len() == 1 && ledger.contradictions.is_empty());
    }

    #[test]
    fn what_cannot_be_is_noticed() {
        let mut ledger = Ledger::default();
        ledger.take(&entry(1, AuditAction::KeyDisabled, &[]));
        ledger.take(&entry(2, AuditAction::KeyCreated, &[]));
        ledger.take(&entry(3, AuditAction::KeyDeleted, &[]));
        ledger.take(&entry(4, AuditAction::KeyDeleted, &[]));
        ledger.take(&entry(5, AuditAction::KeyCreated, &[]));
        let numbers: Vec<u64> = ledger.contradictions.iter().map(|c| c.number).collect();
        assert_eq!(numbers, [1, 4, 5]);
    }
}
