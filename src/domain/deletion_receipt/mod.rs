//! The receipt of a deletion: one document that says which key was deleted, when and by whom, with the entry of the audit
//! log and what is needed to find it in the hash chain.
//!
//! | field | content |
//! |---|---|
//! | `format` | name and version of this format |
//! | `key` | the tombstone: key ID, key prefix, name and Application (both at the deletion), when and by which user |
//! | `last_accepted` | the last accepted request with the key, and its source address |
//! | `accepted_since` | accepted requests later than the second of the deletion, at least; 0 unless something is wrong |
//! | `first_rejected` | the first rejected request after the deletion |
//! | `entry` | the entry of the deletion with all fields that its hash covers |
//! | `head_before`, `head_after` | the head of the log before and after that entry |
//! | `chain_start` | the start of the chain: a hash of the identity of the database |
//! | `made` | when the receipt was made, by which version of keydesk, and the head at that time |
//! | `digest` | SHA-256 of all lines before it |
//!
//! The three fields about use are what endpoints have recorded. `accepted_since` is derived from the last recorded use of
//! the key, from the daily counts of the days after the deletion, and from requests that are recorded but not counted yet.
//! A request that was not recorded is in none of them.
//!
//! There is one way to write a document, and a file with other bytes is rejected. The digest finds accidental changes.
//! Anyone can calculate a new one, so that only a signature proves who made the receipt.

mod contradiction;
mod wire;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Instant;
use super::application::ApplicationId;
use super::audit::{AuditAction, AuditEntry, ChainHash, ChainHead};
use super::commitment::Commitment;
use super::inert_json;
use super::key::{KeyId, Tombstone};
use super::token::displayed_id;
use super::user::UserId;
pub use contradiction::Contradiction;

const FORMAT: &str = "keydesk deletion receipt 1";
/// How formats of other versions begin.
const FORMATS: &str = "keydesk deletion receipt ";
/// What the line of the digest begins with, and what follows it.
const DIGEST: &str = "  \"digest\": ";
const END: &str = "\n}\n";

/// A document as it is written. See the module for its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletionReceipt {
    format: String,
    pub key: DeletedKey,
    pub last_accepted: Option<RecordedUse>,
    pub accepted_since: u64,
    pub first_rejected: Option<RecordedUse>,
    pub entry: LoggedDeletion,
    #[serde(with = "wire::text")]
    pub head_before: ChainHead,
    #[serde(with = "wire::text")]
    pub head_after: ChainHead,
    #[serde(with = "wire::text")]
    pub chain_start: ChainHash,
    pub made: Made,
    #[serde(with = "wire::text")]
    digest: ChainHash,
}

/// The tombstone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletedKey {
    #[serde(with = "wire::text")]
    pub id: KeyId,
    pub prefix: String,
    pub name: String,
    /// The name of its Application when the key was deleted.
    pub application: String,
    #[serde(with = "wire::instant")]
    pub deleted: Instant,
    /// The number of the user. Their email may be erased later.
    pub deleted_by: i64,
}

/// A recorded request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedUse {
    #[serde(with = "wire::instant")]
    pub at: Instant,
    /// The source address; none where it was not known.
    pub from: Option<String>,
}

impl RecordedUse {
    /// Returns the use that a tombstone has recorded, if any.
    #[must_use]
    pub fn of(at: Option<Instant>, from: Option<&str>) -> Option<Self> {
        at.map(|at| Self { at, from: from.map(str::to_owned) })
    }
}

/// The entry of the deletion, as [`AuditEntry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedDeletion {
    pub number: u64,
    #[serde(with = "wire::instant")]
    pub at: Instant,
    pub actor: i64,
    pub actor_uid: u32,
    pub action: String,
    pub application: Option<i64>,
    #[serde(with = "wire::text")]
    pub key: KeyId,
    pub user: Option<i64>,
    /// The exact text: the hash covers its bytes.
    pub changes: String,
    #[serde(with = "wire::commitment")]
    pub commitment: Option<Commitment>,
}

impl LoggedDeletion {
    /// Returns the fields of an entry about a key.
    fn new(entry: AuditEntry, key: KeyId) -> Self {
        Self {
            number: entry.number,
            at: entry.at,
            actor: entry.actor.0,
            actor_uid: entry.actor_uid,
            action: entry.action,
            application: entry.application.map(|application| application.0),
            key,
            user: entry.user.map(|user| user.0),
            changes: entry.changes,
            commitment: entry.commitment,
        }
    }

    fn entry(&self) -> AuditEntry {
        AuditEntry {
            number: self.number,
            at: self.at,
            actor: UserId(self.actor),
            actor_uid: self.actor_uid,
            action: self.action.clone(),
            application: self.application.map(ApplicationId),
            key: Some(self.key),
            user: self.user.map(UserId),
            changes: self.changes.clone(),
            commitment: self.commitment,
        }
    }
}

/// The making of the receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    #[serde(with = "wire::instant")]
    pub at: Instant,
    /// The version of the program.
    pub keydesk: String,
    /// The head of the audit log at that time.
    #[serde(with = "wire::text")]
    pub head: ChainHead,
}

/// What the receipt of a deletion is made from.
#[derive(Clone, Debug)]
pub struct DeletionFacts {
    pub tombstone: Tombstone,
    /// The name of the Application when the key was deleted.
    pub application: String,
    /// See the module for what it is derived from.
    pub accepted_since: u64,
    pub entry: AuditEntry,
    pub head_before: ChainHead,
    pub head_after: ChainHead,
    pub chain_start: ChainHash,
    pub made: Made,
}

impl From<DeletionFacts> for DeletionReceipt {
    fn from(facts: DeletionFacts) -> Self {
        let tombstone = facts.tombstone;
        let mut receipt = Self {
            format: FORMAT.to_owned(),
            last_accepted: RecordedUse::of(tombstone.last_used, tombstone.last_used_from.as_deref()),
            accepted_since: facts.accepted_since,
            first_rejected: RecordedUse::of(tombstone.first_refused, tombstone.first_refused_from.as_deref()),
            entry: LoggedDeletion::new(facts.entry, tombstone.id),
            head_before: facts.head_before,
            head_after: facts.head_after,
            chain_start: facts.chain_start,
            made: facts.made,
            digest: ChainHash([0; 32]),
            key: DeletedKey {
                id: tombstone.id,
                prefix: tombstone.prefix,
                name: tombstone.name.as_str().to_owned(),
                application: facts.application,
                deleted: tombstone.deleted,
                deleted_by: tombstone.deleted_by.0,
            },
        };
        receipt.digest = digest(&receipt.to_text());
        receipt
    }
}

/// A document that was read, with what contradicts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadReceipt {
    pub receipt: DeletionReceipt,
    /// Empty when the document is consistent.
    pub contradictions: Vec<Contradiction>,
}

impl DeletionReceipt {
    /// Reads a document, and checks everything that it alone can show.
    ///
    /// # Errors
    /// When it cannot be read at all.
    pub fn read(bytes: &[u8]) -> Result<ReadReceipt, Contradiction> {
        #[derive(Deserialize)]
        struct Format {
            format: String,
        }
        let unreadable = |reason: String| Contradiction::Unreadable { reason };
        let text = std::str::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
        let receipt: Self = match serde_json::from_str::<Format>(text) {
            Ok(Format { format }) if format != FORMAT && format.starts_with(FORMATS) => {
                return Err(Contradiction::UnknownFormat { format });
            }
            _ => serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?,
        };
        let mut contradictions = Vec::new();
        let canonical = receipt.to_text();
        if receipt.digest != digest(&canonical) {
            contradictions.push(Contradiction::Digest);
        }
        if canonical != text {
            contradictions.push(Contradiction::Rewritten);
        }
        contradictions.extend(receipt.contradictions());
        Ok(ReadReceipt { receipt, contradictions })
    }

    /// Returns the document: the one way to write it.
    #[must_use]
    pub fn to_text(&self) -> String {
        inert_json::lines(self)
    }

    /// Returns what contradicts itself, without the digest and the way in which it is written.
    #[must_use]
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let mut found = Vec::new();
        if self.format != FORMAT {
            found.push(Contradiction::UnknownFormat { format: self.format.clone() });
        }
        if self.entry.entry().hash(&self.head_before.hash) != self.head_after.hash {
            found.push(Contradiction::EntryHash);
        }
        for (matches, one, other) in self.matching() {
            if !matches {
                found.push(Contradiction::Fields { one, other });
            }
        }
        for (earlier, name, later, other) in self.order() {
            if earlier > later {
                found.push(Contradiction::Order { earlier: name, later: other });
            }
        }
        if self.accepted_since > 0 {
            found.push(Contradiction::Accepted { requests: self.accepted_since });
        }
        found
    }

    /// Fields that must match, each pair with whether it does.
    fn matching(&self) -> [(bool, &'static str, &'static str); 13] {
        let (key, entry) = (&self.key, &self.entry);
        let (before, after, last) = (self.head_before, self.head_after, self.made.head);
        let changes = entry.entry().changes();
        let logged = |field: &str| changes.iter().find(|change| change.field == field)?.before.as_deref();
        let used_since = self.last_accepted.as_ref().is_some_and(|used| used.at > key.deleted);
        [
            (entry.action == AuditAction::KeyDeleted.as_str(), "entry.action", "the deletion of a key"),
            (entry.user.is_none(), "entry.user", "the deletion of a key"),
            (entry.key == key.id, "entry.key", "key.id"),
            (displayed_id(&key.prefix) == Some(key.id), "key.prefix", "key.id"),
            (logged("name") == Some(key.name.as_str()), "entry.changes", "key.name"),
            (entry.at == key.deleted, "entry.at", "key.deleted"),
            (entry.actor == key.deleted_by, "entry.actor", "key.deleted_by"),
            (before.number.checked_add(1) == Some(entry.number), "head_before", "entry.number"),
            (after.number == entry.number, "head_after", "entry.number"),
            (before.number != 0 || before.hash == self.chain_start, "head_before", "chain_start"),
            (last.number >= after.number, "made.head", "head_after"),
            (last.number != after.number || last == after, "made.head", "head_after"),
            (used_since == (self.accepted_since > 0), "last_accepted", "accepted_since"),
        ]
    }

    /// Instants that must be in order.
    fn order(&self) -> Vec<(Instant, &'static str, Instant, &'static str)> {
        let (deleted, made) = (self.key.deleted, self.made.at);
        let mut order = vec![(deleted, "key.deleted", made, "made.at")];
        if let Some(used) = &self.last_accepted {
            order.push((used.at, "last_accepted.at", made, "made.at"));
        }
        if let Some(rejected) = &self.first_rejected {
            order.push((deleted, "key.deleted", rejected.at, "first_rejected.at"));
            order.push((rejected.at, "first_rejected.at", made, "made.at"));
        }
        order
    }
}

/// The digest of a document: SHA-256 of all lines before its own.
fn digest(document: &str) -> ChainHash {
    // Text in the document contains no line breaks: they are escaped.
    let body = document.strip_suffix(END).unwrap_or(document);
    let body = body.rfind(DIGEST).and_then(|at| body.get(..at)).unwrap_or(body);
    ChainHash(Sha256::digest(body.as_bytes()).into())
}

#[cfg(test)]
mod tests;
