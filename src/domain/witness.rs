//! What one admin remembers of a database's audit log: the last head that they saw, and which keys were deleted.
//!
//! It is kept where whoever changes the database cannot reach it, so that a log that was shortened or written anew is
//! noticed, and so that keys that a restored backup has brought back to life can be named.

use std::fmt::Write;

use super::audit::ChainHead;
use super::key::KeyId;

/// The first line of the text.
const MARK: &str = "keydesk witness 1";
/// The last line, so that half a text is known as that.
const END: &str = "end";

/// How many deletions are remembered: the latest.
pub const MOST_DELETED: usize = 2_000;

/// What is remembered of one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The last head that was seen.
    pub head: ChainHead,
    /// Keys that were deleted before it, the latest last.
    pub deleted: Vec<KeyId>,
}

impl Memory {
    /// Remembers a head, and what was deleted since the one before.
    pub fn advance(&mut self, head: ChainHead, deleted: impl IntoIterator<Item = KeyId>) {
        self.head = head;
        self.deleted.extend(deleted);
        let forgotten = self.deleted.len().saturating_sub(MOST_DELETED);
        self.deleted.drain(..forgotten);
    }

    /// As text, a line for each fact.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{MARK}\nhead {}\n", self.head);
        for id in &self.deleted {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "deleted {id}");
        }
        text + END + "\n"
    }

    /// From its text; none when that is not whole.
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

    fn memory() -> Memory {
        let head = ChainHead { number: 12, hash: ChainHash::genesis(b"x") };
        Memory { head, deleted: vec!["7Qm2x9KdPa".parse().unwrap(), KeyId::PROBE] }
    }

    #[test]
    fn it_reads_back_whole_or_not_at_all() {
        let text = memory().to_text();
        assert_eq!(Memory::parse(&text), Some(memory()));
        for length in 0..text.len() - 1 {
            assert_eq!(Memory::parse(&text[..length]), None, "{length}");
        }
        assert_eq!(Memory::parse(&text.replace("deleted 7", "deleted -")), None);
    }

    #[test]
    fn only_the_latest_deletions_are_kept() {
        let mut memory = memory();
        memory.advance(memory.head, std::iter::repeat_n(KeyId::PROBE, MOST_DELETED));
        assert_eq!(memory.deleted, vec![KeyId::PROBE; MOST_DELETED]);
    }
}
