//! The known head: the last head of an audit log that one administrator has seen, and the keys deleted before it.
//!
//! It is stored outside the database, in the administrator's state directory. A log that was shortened or rewritten is
//! detected by it, and deleted keys that a restored backup contains are named.

use std::fmt::Write;

use super::audit::ChainHead;
use super::key::KeyId;

/// The first line of the text.
const MARK: &str = "keydesk known head 1";
/// The last line. A truncated text does not have it.
const END: &str = "end";

/// Maximum number of deletions that are kept, the latest ones.
pub const MOST_DELETED: usize = 2_000;

/// What one administrator knows of one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownHead {
    pub head: ChainHead,
    /// Keys deleted before the head, the latest last.
    pub deleted: Vec<KeyId>,
}

impl KnownHead {
    /// Moves to a later head; `deleted` are the keys deleted since the present one.
    pub fn advance(&mut self, head: ChainHead, deleted: impl IntoIterator<Item = KeyId>) {
        self.head = head;
        self.deleted.extend(deleted);
        let excess = self.deleted.len().saturating_sub(MOST_DELETED);
        self.deleted.drain(..excess);
    }

    /// Returns its text form, one fact per line.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{MARK}\nhead {}\n", self.head);
        for id in &self.deleted {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "deleted {id}");
        }
        text + END + "\n"
    }

    /// Parses its text form; none when the text is truncated or malformed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != MARK {
            return None;
        }
        let head = lines.next()?.strip_prefix("head ")?.parse().ok()?;
        let mut deleted = Vec::new();
        for line in lines {
            if line == END {
                return Some(Self { head, deleted });
            }
            deleted.push(line.strip_prefix("deleted ")?.parse().ok()?);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::ChainHash;

    fn known() -> KnownHead {
        let head = ChainHead { number: 12, hash: ChainHash::genesis(b"x") };
        KnownHead { head, deleted: vec!["7Qm2x9KdPa".parse().unwrap(), KeyId::PROBE] }
    }

    #[test]
    fn a_truncated_or_changed_text_is_rejected() {
        let text = known().to_text();
        assert_eq!(KnownHead::parse(&text), Some(known()));
        for length in 0..text.len() - 1 {
            assert_eq!(KnownHead::parse(&text[..length]), None, "{length}");
        }
        assert_eq!(KnownHead::parse(&text.replace("deleted 7", "deleted -")), None);
    }

    #[test]
    fn only_the_latest_deletions_are_kept() {
        let mut known = known();
        known.advance(known.head, std::iter::repeat_n(KeyId::PROBE, MOST_DELETED));
        assert_eq!(known.deleted, vec![KeyId::PROBE; MOST_DELETED]);
    }
}
