//! Entries of the audit log and their hash chain.
//!
//! `hash = SHA-256(domain, length-prefixed fields, previous hash)`. The chain starts with the random identity of the
//! database, so that entries of one database are not valid in another. Entries contain user numbers instead of emails, so
//! that the email of a deleted user can be erased.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::Instant;
use super::application::ApplicationId;
use super::commitment::{self, Commitment};
use super::key::KeyId;
use super::user::UserId;

/// Separates these hashes from any other use of SHA-256.
const DOMAIN: &[u8] = b"keydesk audit entry v1";
const GENESIS: &[u8] = b"keydesk audit chain v1";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AuditAction {
    /// The database got its first user and Application.
    SetUp,
    #[strum(serialize = "application.created")]
    ApplicationCreated,
    #[strum(serialize = "application.renamed")]
    ApplicationRenamed,
    /// After an entry for each of its keys.
    #[strum(serialize = "application.deleted")]
    ApplicationDeleted,
    #[strum(serialize = "key.created")]
    KeyCreated,
    /// The secret of a new key was shown, copied, written or piped.
    #[strum(serialize = "key.delivered")]
    KeyDelivered,
    #[strum(serialize = "key.disabled")]
    KeyDisabled,
    #[strum(serialize = "key.enabled")]
    KeyEnabled,
    /// Uses of a canary key were acknowledged.
    #[strum(serialize = "key.acknowledged")]
    CanaryAcknowledged,
    /// The entry is about the predecessor.
    #[strum(serialize = "key.rotated")]
    KeyRotated,
    /// Its name, owner, note or allowed sources were changed.
    #[strum(serialize = "key.edited")]
    KeyEdited,
    /// When the old key of a rotation ends was changed.
    #[strum(serialize = "key.overlap_changed")]
    KeyOverlapChanged,
    /// A predecessor ended since it was no longer used, or expired while it waited for that.
    #[strum(serialize = "key.ended")]
    KeyEnded,
    /// The entry is about the key that it replaced.
    #[strum(serialize = "key.successor_deleted")]
    SuccessorDeleted,
    /// The entry is about the key that took its place. It replaces the one before.
    #[strum(serialize = "key.predecessor_deleted")]
    PredecessorDeleted,
    #[strum(serialize = "key.deleted")]
    KeyDeleted,
    #[strum(serialize = "user.added")]
    UserAdded,
    /// The user is read-only.
    #[strum(serialize = "user.disabled")]
    UserDisabled,
    #[strum(serialize = "user.enabled")]
    UserEnabled,
    /// Their email was erased too.
    #[strum(serialize = "user.deleted")]
    UserDeleted,
}

impl AuditAction {
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The action in the database, in JSON and in the hash.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::SetUp => "Database set up",
            Self::ApplicationCreated => "Application created",
            Self::ApplicationRenamed => "Application renamed",
            Self::ApplicationDeleted => "Application deleted",
            Self::KeyCreated => "Key created",
            Self::KeyDelivered => "Secret delivered",
            Self::KeyDisabled => "Key disabled",
            Self::KeyEnabled => "Key enabled",
            Self::CanaryAcknowledged => "Canary acknowledged",
            Self::KeyRotated => "Key rotated",
            Self::KeyEdited => "Key edited",
            Self::KeyOverlapChanged => "Overlap changed",
            Self::KeyEnded => "Key ended",
            Self::SuccessorDeleted => "Successor deleted",
            Self::PredecessorDeleted => "Predecessor deleted",
            Self::KeyDeleted => "Key deleted",
            Self::UserAdded => "User added",
            Self::UserDisabled => "User disabled",
            Self::UserEnabled => "User enabled",
            Self::UserDeleted => "User deleted",
        }
    }
}

/// A field with its value before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub field: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
}

impl Change {
    /// A field that had no value before.
    #[must_use]
    pub fn to(field: &str, after: impl Into<String>) -> Self {
        Self { field: field.into(), before: None, after: Some(after.into()) }
    }

    /// A field whose value was removed.
    #[must_use]
    pub fn from(field: &str, before: impl Into<String>) -> Self {
        Self { field: field.into(), before: Some(before.into()), after: None }
    }

    #[must_use]
    pub fn between(field: &str, before: impl Into<String>, after: impl Into<String>) -> Self {
        Self { field: field.into(), before: Some(before.into()), after: Some(after.into()) }
    }
}

/// The audit record of an operation. No change is committed without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    pub action: AuditAction,
    /// The Application that it is about, or that the key belongs to.
    pub application: Option<ApplicationId>,
    pub key: Option<KeyId>,
    pub user: Option<UserId>,
    /// Fields before and after. Never an email, a login, a secret or a hash.
    pub changes: Vec<Change>,
    /// A commitment to facts that must not be in the log.
    pub commitment: Option<Commitment>,
}

impl AuditRecord {
    #[must_use]
    pub fn new(action: AuditAction) -> Self {
        Self { action, application: None, key: None, user: None, changes: Vec::new(), commitment: None }
    }

    #[must_use]
    pub fn application(self, application: ApplicationId) -> Self {
        Self { application: Some(application), ..self }
    }

    #[must_use]
    pub fn key(self, key: KeyId) -> Self {
        Self { key: Some(key), ..self }
    }

    #[must_use]
    pub fn user(self, user: UserId) -> Self {
        Self { user: Some(user), ..self }
    }

    #[must_use]
    pub fn commitment(self, commitment: Commitment) -> Self {
        Self { commitment: Some(commitment), ..self }
    }

    #[must_use]
    pub fn change(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }
}

/// An entry as it is stored and hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// 1, 2, 3... without gaps.
    pub number: u64,
    pub at: Instant,
    pub actor: UserId,
    /// The user ID (uid) of the actor at the operating system.
    pub actor_uid: u32,
    /// See [`AuditAction::as_str`]. A newer version of keydesk may have more actions.
    pub action: String,
    /// The Application that it is about, or that the key belongs to.
    pub application: Option<ApplicationId>,
    pub key: Option<KeyId>,
    pub user: Option<UserId>,
    /// A JSON array of [`Change`].
    pub changes: String,
    /// A commitment to facts that are not in the log.
    pub commitment: Option<Commitment>,
}

impl AuditEntry {
    /// The action for display; an unknown one as it is stored.
    #[must_use]
    pub fn label(&self) -> String {
        self.action.parse().map_or_else(
            |_| super::text::inert(&self.action),
            |action: AuditAction| action.label().to_owned(),
        )
    }

    /// Empty when the stored text is damaged, which verification of the chain detects.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        serde_json::from_str(&self.changes).unwrap_or_default()
    }

    /// The hash of this entry, where `previous` is that of the entry before.
    #[must_use]
    pub fn hash(&self, previous: &ChainHash) -> ChainHash {
        let mut hasher = Sha256::new();
        hasher.update(DOMAIN);
        let mut field = |bytes: Option<&[u8]>| commitment::update(&mut hasher, bytes);
        field(Some(&self.number.to_be_bytes()));
        field(Some(&self.at.timestamp().to_be_bytes()));
        field(Some(&self.actor.0.to_be_bytes()));
        field(Some(&self.actor_uid.to_be_bytes()));
        field(Some(self.action.as_bytes()));
        field(self.application.map(|a| a.0.to_be_bytes()).as_ref().map(<[u8; 8]>::as_slice));
        field(self.key.as_ref().map(|k| k.as_str().as_bytes()));
        field(self.user.map(|u| u.0.to_be_bytes()).as_ref().map(<[u8; 8]>::as_slice));
        field(Some(self.changes.as_bytes()));
        field(self.commitment.as_ref().map(|commitment| commitment.0.as_slice()));
        field(Some(&previous.0));
        ChainHash(hasher.finalize().into())
    }
}

/// A hash of the chain: SHA-256. Not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// The start of the chain of a database with this random identity.
    #[must_use]
    pub fn genesis(identity: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(GENESIS);
        hasher.update((identity.len() as u64).to_be_bytes());
        hasher.update(identity);
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid audit log hash")]
pub struct NotALink;

impl FromStr for ChainHash {
    type Err = NotALink;

    fn from_str(text: &str) -> Result<Self, NotALink> {
        let bytes: &[u8; 64] = text.as_bytes().try_into().map_err(|_| NotALink)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(bytes.chunks_exact(2)) {
            let [high, low] = [digit(pair[0]).ok_or(NotALink)?, digit(pair[1]).ok_or(NotALink)?];
            *byte = high << 4 | low;
        }
        Ok(Self(hash))
    }
}

/// Number and hash of the last entry, written as `12:3f9a...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainHead {
    /// 0 when there is no entry.
    pub number: u64,
    /// The start of the chain when there is no entry.
    pub hash: ChainHash,
}

impl fmt::Display for ChainHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.hash)
    }
}

impl FromStr for ChainHead {
    type Err = NotALink;

    fn from_str(text: &str) -> Result<Self, NotALink> {
        let (number, hash) = text.split_once(':').ok_or(NotALink)?;
        Ok(Self { number: number.parse().map_err(|_| NotALink)?, hash: hash.parse()? })
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn entry() -> AuditEntry {
        AuditEntry {
            number: 1,
            at: DateTime::from_timestamp(1_000, 0).unwrap(),
            actor: UserId(1),
            actor_uid: 1000,
            action: AuditAction::KeyCreated.as_str().into(),
            application: Some(ApplicationId(2)),
            key: Some("7Qm2x9KdPa".parse().unwrap()),
            user: None,
            changes: r#"[{"field":"name","after":"Checkout"}]"#.into(),
            commitment: None,
        }
    }

    #[test]
    fn every_field_and_the_previous_hash_are_in_the_hash() {
        let start = ChainHash::genesis(b"identity");
        let hash = entry().hash(&start);
        assert_eq!(hash, entry().hash(&start));
        assert_ne!(hash, entry().hash(&ChainHash::genesis(b"another")));
        let others = [
            AuditEntry { number: 2, ..entry() },
            AuditEntry { at: DateTime::from_timestamp(1_001, 0).unwrap(), ..entry() },
            AuditEntry { actor: UserId(2), ..entry() },
            AuditEntry { actor_uid: 0, ..entry() },
            AuditEntry { action: "key.deleted".into(), ..entry() },
            AuditEntry { application: None, ..entry() },
            AuditEntry { key: None, ..entry() },
            AuditEntry { user: Some(UserId(2)), ..entry() },
            AuditEntry { changes: "[]".into(), ..entry() },
            AuditEntry { commitment: Some(Commitment([0; 32])), ..entry() },
        ];
        for other in others {
            assert_ne!(hash, other.hash(&start), "{other:?}");
        }
    }

    #[test]
    fn what_was_stored_reads_back() {
        assert_eq!(entry().changes(), vec![Change::to("name", "Checkout")]);
        assert_eq!(AuditEntry { changes: "not json".into(), ..entry() }.changes(), vec![]);
        assert_eq!(entry().label(), "Key created");
    }

    #[test]
    fn heads_are_read_as_they_are_written() {
        let head = ChainHead { number: 12, hash: ChainHash::genesis(b"x") };
        assert_eq!(head.to_string().parse(), Ok(head));
        for text in ["", "12", "12:", "x:00", "12:zz"] {
            assert_eq!(text.parse::<ChainHead>(), Err(NotALink), "{text}");
        }
    }

    #[test]
    fn every_action_has_its_own_word() {
        let words: std::collections::HashSet<_> = AuditAction::ALL.iter().map(|a| a.as_str()).collect();
        assert_eq!(words.len(), AuditAction::ALL.len());
    }
}
