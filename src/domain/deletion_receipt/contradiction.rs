//! What speaks against the receipt of a deletion.

use crate::domain::audit::ChainHead;

/// A contradiction in the receipt of a deletion, or between it and the database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// The text is not JSON, or a field is missing, unknown or has another type.
    #[error("the file is not the receipt of a deletion: {reason}")]
    Unreadable { reason: String },
    #[error(
        "the format {format:?} is unknown to this version of keydesk: the receipt was changed, or a newer version made it"
    )]
    UnknownFormat { format: String },
    /// The document reads as the same values, but keydesk would write it with other bytes.
    #[error("the receipt is not written as keydesk writes it: it was changed")]
    Rewritten,
    #[error("the digest does not match: the receipt was changed")]
    Digest,
    #[error("the hash of the audit entry is not that of head_after: the entry or a head was changed")]
    EntryHash,
    /// Two fields of the document that must have the same value, or follow from one another.
    #[error("{one} and {other} do not match")]
    Fields { one: &'static str, other: &'static str },
    #[error("{earlier} is later than {later}")]
    Order { earlier: &'static str, later: &'static str },
    /// The receipt itself says that the key was accepted after its deletion.
    #[error("the key was accepted after its deletion: {requests} or more requests")]
    Accepted { requests: u64 },

    // With the database:
    #[error("the receipt is from another database")]
    OtherDatabase,
    #[error("the audit log is broken at entry {number}: {reason}")]
    BrokenLog { number: u64, reason: &'static str },
    /// The log has no entry with this number.
    #[error("the audit log ends at entry {end}, before {what}, entry {}: the log was shortened, or an older backup was restored", head.number)]
    LogEnds { end: u64, what: &'static str, head: ChainHead },
    #[error(
        "entry {} of the audit log is not the one of {what}: the log was rewritten, or an older backup was restored \
         and used",
        head.number
    )]
    OtherEntry { what: &'static str, head: ChainHead },
    #[error("the audit log has no entry of the deletion")]
    NoEntry,
    #[error("the deleted key exists again and may be accepted")]
    Restored,
    #[error("the database has no tombstone of the key")]
    NoTombstone,
    /// A field of the document that the database contradicts.
    #[error("the database has another value of {field}")]
    Database { field: &'static str },
    /// The database has recorded more accepted requests after the deletion than the receipt.
    #[error(
        "requests with the key were accepted after its deletion: {requests} or more, and {receipt} according to the receipt"
    )]
    AcceptedSince { requests: u64, receipt: u64 },
}

impl Contradiction {
    /// The stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::UnknownFormat { .. } => "unknown_format",
            Self::Rewritten => "rewritten",
            Self::Digest => "digest",
            Self::EntryHash => "entry_hash",
            Self::Fields { .. } => "fields",
            Self::Order { .. } => "order",
            Self::Accepted { .. } | Self::AcceptedSince { .. } => "accepted",
            Self::OtherDatabase => "other_database",
            Self::BrokenLog { .. } => "broken_log",
            Self::LogEnds { .. } => "log_shortened",
            Self::OtherEntry { .. } => "log_rewritten",
            Self::NoEntry => "no_entry",
            Self::Restored => "restored",
            Self::NoTombstone => "no_tombstone",
            Self::Database { .. } => "database",
        }
    }
}
