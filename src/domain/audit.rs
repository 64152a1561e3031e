//! Entries of the audit log and the chain of hashes that holds them together.
//!
//! `hash = SHA-256(domain, length-prefixed fields, previous hash)`. The chain starts from the database's
//! random identity, so that entries of one database do not fit into another. Emails are not in it: entries
//! name user numbers, so that a deleted user's email can go and the log stays whole.

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

/// What sets these hashes apart from any other use of SHA-256.
const DOMAIN: &[u8] = b"keydesk audit entry v1";
const GENESIS: &[u8] = b"keydesk audit chain v1";

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AuditAction {
    /// The database got its first user and Application.
    SetUp,
    /// An Application was created.
    #[strum(serialize = "application.created")]
    ApplicationCreated,
    /// An Application got another name.
    #[strum(serialize = "application.renamed")]
    ApplicationRenamed,
    /// An Application was deleted, after its keys.
    #[strum(serialize = "application.deleted")]
    ApplicationDeleted,
    /// A key was created.
    #[strum(serialize = "key.created")]
    KeyCreated,
    /// The secret of a new key was handed over.
    #[strum(serialize = "key.delivered")]
    KeyDelivered,
    /// A key was paused.
    #[strum(serialize = "key.disabled")]
    KeyDisabled,
    /// A paused key was let in again.
    #[strum(serialize = "key.enabled")]
    KeyEnabled,
    /// A successor took the key's place.
    #[strum(serialize = "key.rotated")]
    KeyRotated,
    /// A key was deleted.
    #[strum(serialize = "key.deleted")]
    KeyDeleted,
    /// A user was added.
    #[strum(serialize = "user.added")]
    UserAdded,
    /// A user may change nothing any more.
    #[strum(serialize = "user.disabled")]
    UserDisabled,
    /// A disabled user may change things again.
    #[strum(serialize = "user.enabled")]
    UserEnabled,
    /// A user was deleted and their email wiped.
    #[strum(serialize = "user.deleted")]
    UserDeleted,
}

impl AuditAction {
    /// All of them.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The word in the database, in JSON and in the hash.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The words on the screen.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::SetUp => "Database set up",
            Self::ApplicationCreated => "Application created",
            Self::ApplicationRenamed => "Application renamed",
            Self::ApplicationDeleted => "Application deleted",
            Self::KeyCreated => "Key created",
            Self::KeyDelivered => "Secret handed over",
            Self::KeyDisabled => "Key disabled",
            Self::KeyEnabled => "Key enabled",
            Self::KeyRotated => "Key rotated",
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
    /// The field's name.
    pub field: String,
    /// The value before, if there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<String>,
    /// The value after, if there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
}

impl Change {
    /// A field that has come to have a value.
    #[must_use]
    pub fn to(field: &str, after: impl Into<String>) -> Self {
        Self { field: field.into(), before: None, after: Some(after.into()) }
    }

    /// A field whose value is gone.
    #[must_use]
    pub fn from(field: &str, before: impl Into<String>) -> Self {
        Self { field: field.into(), before: Some(before.into()), after: None }
    }

    /// A field whose value has changed.
    #[must_use]
    pub fn between(field: &str, before: impl Into<String>, after: impl Into<String>) -> Self {
        Self { field: field.into(), before: Some(before.into()), after: Some(after.into()) }
    }
}

/// What an operation has to say of itself; without it no change can be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// What was done.
    pub action: AuditAction,
    /// The Application it was done to, or in.
    pub application: Option<ApplicationId>,
    /// The key it was done to.
    pub key: Option<KeyId>,
    /// The user it was done to.
    pub user: Option<UserId>,
    /// Fields before and after. Never an email, a login, a secret or a hash.
    pub changes: Vec<Change>,
    /// A commitment to what must not be among the changes.
    pub commitment: Option<Commitment>,
}

impl AuditRecord {
    /// A record of an action on nothing in particular yet.
    #[must_use]
    pub fn new(action: AuditAction) -> Self {
        Self { action, application: None, key: None, user: None, changes: Vec::new(), commitment: None }
    }

    /// Names the Application.
    #[must_use]
    pub fn application(self, application: ApplicationId) -> Self {
        Self { application: Some(application), ..self }
    }

    /// Names the key.
    #[must_use]
    pub fn key(self, key: KeyId) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Names the user it was done to.
    #[must_use]
    pub fn user(self, user: UserId) -> Self {
        Self { user: Some(user), ..self }
    }

    /// Adds a commitment.
    #[must_use]
    pub fn commitment(self, commitment: Commitment) -> Self {
        Self { commitment: Some(commitment), ..self }
    }

    /// Adds a field.
    #[must_use]
    pub fn change(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }
}

/// An entry as its bytes go into the chain: everything as text that is stored, nothing derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number: 1, 2, 3... without gaps.
    pub number: u64,
    /// When it was done.
    pub at: Instant,
    /// Who did it.
    pub actor: UserId,
    /// The login number it was done under.
    pub actor_uid: u32,
    /// The word for what was done (see [`AuditAction::as_str`]).
    pub action: String,
    /// The Application it was done to, or in.
    pub application: Option<ApplicationId>,
    /// The key it was done to.
    pub key: Option<KeyId>,
    /// The user it was done to.
    pub user: Option<UserId>,
    /// The changes as they are stored: a JSON array of [`Change`].
    pub changes: String,
    /// A commitment to what is not among the changes.
    pub commitment: Option<Commitment>,
}

impl AuditEntry {
    /// The words on the screen for what was done; an action of a newer keydesk stands as it is.
    #[must_use]
    pub fn label(&self) -> String {
        self.action.parse().map_or_else(
            |_| super::text::inert(&self.action),
            |action: AuditAction| action.label().to_owned(),
        )
    }

    /// The fields before and after; none when the stored text is damaged (the chain will say so).
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        serde_json::from_str(&self.changes).unwrap_or_default()
    }

    /// The hash of this entry after the one with `previous`.
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

/// A link of the chain: SHA-256, 32 bytes. Not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// Where the chain of a database with this random identity starts.
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

/// A text is no hash of the chain, or no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is no link of an audit log")]
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

/// The end of the chain as somebody saw it: `12:3f9a...`, the number of the last entry and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainHead {
    /// The number of the last entry; 0 when there is none.
    pub number: u64,
    /// Its hash, or where the chain starts.
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
