//! Finds the texts of keys in arbitrary bytes: logs, configuration files, programs, pasted text.
//!
//! The search looks for `_live_` and `_test_`, with the prefix before it where only one is looked for, and then reads the
//! few bytes around it. Its time is linear in the size of every input.
//!
//! A key needs no boundary around it: it is found behind an escape sequence, in a URL, or between letters. The checksum
//! tells where its prefix begins.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr_iter, memmem};
use zeroize::Zeroizing;

use super::key::{KeyId, KeyType};
use super::secret::KeyHash;
use super::token::{Prefix, SECRET_CHARS, has_right_checksum};

const LONGEST_PREFIX: usize = 8;
/// Characters of `_live_` and of `_test_`.
const INFIX: usize = 6;
/// Bytes that decide what follows an infix: from its start to the end of the secret.
const REACH: usize = INFIX + KeyId::LENGTH + 1 + SECRET_CHARS;
/// Bytes that a stream holds at most.
const BUFFER: usize = 256 * 1024;

/// Which keys are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefixes {
    /// Keys with the prefix of this database.
    Own,
    /// Keys with any prefix.
    All,
}

/// A text that has the form of a key, or of its beginning. It contains nothing secret.
#[derive(Clone, Debug)]
pub struct FoundText {
    /// The line on which it begins, counted from 1.
    pub line: u64,
    pub prefix: Prefix,
    pub key_type: KeyType,
    pub id: KeyId,
    pub form: Form,
}

impl FoundText {
    /// The key prefix, safe to show: `ik_live_<id>`.
    #[must_use]
    pub fn displayed(&self) -> String {
        self.prefix.displayed(self.key_type, self.id)
    }
}

/// How much of a key a text is.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// All of it, with the right checksum.
    Whole(KeyHash),
    /// As much as a whole key, with a wrong checksum.
    Damaged,
    /// The key prefix and fewer characters of the secret than it has, possibly none.
    Truncated { secret_chars: usize },
}

/// A search for keys, shared by all streams.
#[derive(Clone, Debug)]
pub struct KeyFinder {
    own: Prefix,
    prefixes: Prefixes,
    searches: [(KeyType, memmem::Finder<'static>); 2],
}

impl KeyFinder {
    /// `own` is the prefix of the database.
    #[must_use]
    pub fn new(own: Prefix, prefixes: Prefixes) -> Self {
        let before = match prefixes {
            Prefixes::Own => own.as_str(),
            Prefixes::All => "",
        };
        let search = |key_type: KeyType| {
            let needle = format!("{before}_{}_", key_type.infix());
            (key_type, memmem::Finder::new(needle.as_bytes()).into_owned())
        };
        let searches = [search(KeyType::Production), search(KeyType::Test)];
        Self { own, prefixes, searches }
    }

    /// The prefix of the database.
    #[must_use]
    pub fn own(&self) -> &Prefix {
        &self.own
    }

    /// Begins to read an input.
    #[must_use]
    pub fn stream(&self) -> KeyStream<'_> {
        KeyStream {
            finder: self,
            buffer: Zeroizing::new(vec![0; BUFFER]),
            filled: 0,
            undecided: 0,
            counted: 0,
            line: 1,
        }
    }

    /// Finds the keys of a text that is in memory already.
    pub fn find(&self, text: &[u8], mut each: impl FnMut(FoundText)) {
        let mut lines = Lines { line: 1, counted: 0 };
        self.search(text, 0..text.len(), &mut lines, &mut each);
    }

    /// Bytes of the needle before the infix.
    fn lead(&self) -> usize {
        match self.prefixes {
            Prefixes::Own => self.own.as_str().len(),
            Prefixes::All => 0,
        }
    }

    /// Looks at every infix that begins in a range.
    fn search(
        &self,
        window: &[u8],
        range: std::ops::Range<usize>,
        lines: &mut Lines,
        each: &mut impl FnMut(FoundText),
    ) {
        let lead = self.lead();
        let next = |(_, finder): &(KeyType, memmem::Finder<'_>), from: usize| {
            let start = from.saturating_sub(lead);
            let found = finder.find(window.get(start..)?)?;
            Some(start + found + lead).filter(|at| *at < range.end)
        };
        let mut upcoming = self.searches.each_ref().map(|search| next(search, range.start));
        while let Some(at) = upcoming.iter().flatten().min().copied() {
            for (search, upcoming) in self.searches.iter().zip(&mut upcoming) {
                if *upcoming == Some(at) {
                    if let Some((start, found)) = self.examine(window, at, search.0) {
                        each(FoundText { line: lines.of(window, start), ..found });
                    }
                    *upcoming = next(search, at + 1);
                }
            }
        }
    }

    /// Reads the text around an infix. Returns it with its start.
    fn examine(&self, window: &[u8], at: usize, key_type: KeyType) -> Option<(usize, FoundText)> {
        let after = window.get(at + INFIX..)?;
        let (id, rest) = after.split_first_chunk::<{ KeyId::LENGTH }>()?;
        let id = std::str::from_utf8(id).ok()?.parse().ok()?;
        let secret_chars = match rest.split_first() {
            Some((b'_', secret)) => leading(secret.iter().take(SECRET_CHARS)),
            // More than a key ID.
            Some((other, _)) if other.is_ascii_alphanumeric() => return None,
            _ => 0,
        };
        let end = at + INFIX + KeyId::LENGTH + 1 + secret_chars;
        // Only ASCII, so that it can be cut anywhere.
        let before = leading(window.get(..at)?.iter().rev().take(LONGEST_PREFIX + 1));
        let of = |length: usize, form: Form| {
            let prefix = std::str::from_utf8(window.get(at - length..at)?).ok()?.parse().ok()?;
            Some((at - length, FoundText { line: 0, prefix, key_type, id, form }))
        };
        let own = Some(self.own.as_str().len()).filter(|length| {
            window.get(..at).is_some_and(|text| text.ends_with(self.own.as_str().as_bytes()))
                && *length <= before
        });
        if secret_chars < SECRET_CHARS {
            // Without a checksum, the prefix begins where the letters and digits begin.
            return of(own.unwrap_or(before), Form::Truncated { secret_chars });
        }
        let longer = match self.prefixes {
            Prefixes::Own => 0..0,
            Prefixes::All => 2..before.min(LONGEST_PREFIX) + 1,
        };
        let whole = own.into_iter().chain(longer).find_map(|length| {
            let text = std::str::from_utf8(window.get(at - length..end)?).ok()?;
            has_right_checksum(text).then(|| (length, KeyHash::of(text)))
        });
        match whole {
            Some((length, hash)) => of(length, Form::Whole(hash)),
            None => of(own.unwrap_or(before), Form::Damaged),
        }
    }
}

/// The number of letters and digits at the start.
fn leading<'a>(bytes: impl Iterator<Item = &'a u8>) -> usize {
    bytes.take_while(|byte| byte.is_ascii_alphanumeric()).count()
}

/// The number of the line up to which was counted.
struct Lines {
    line: u64,
    counted: usize,
}

impl Lines {
    /// The line of a position. Positions only grow.
    fn of(&mut self, window: &[u8], at: usize) -> u64 {
        let passed = window.get(self.counted..at).unwrap_or_default();
        self.line += memchr_iter(b'\n', passed).count() as u64;
        self.counted = self.counted.max(at);
        self.line
    }
}

/// Finds keys in an input of any size, piece by piece, in constant memory, which is wiped on drop.
///
/// Fill [`KeyStream::space`], say with [`KeyStream::advance`] how much of it was filled, and end with
/// [`KeyStream::finish`], after which the next input can begin.
pub struct KeyStream<'a> {
    finder: &'a KeyFinder,
    buffer: Zeroizing<Vec<u8>>,
    /// Bytes of the buffer that contain input.
    filled: usize,
    /// Where the first infix could begin that was not looked at.
    undecided: usize,
    /// Bytes of the buffer whose lines are counted in `line`.
    counted: usize,
    line: u64,
}

impl fmt::Debug for KeyStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyStream(redacted)")
    }
}

impl KeyStream<'_> {
    /// Free space for input, never empty.
    pub fn space(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.filled..).unwrap_or_default()
    }

    /// Takes the first bytes of the space as input, and calls `each` with the keys that were found.
    pub fn advance(&mut self, bytes: usize, mut each: impl FnMut(FoundText)) {
        self.filled = (self.filled + bytes).min(self.buffer.len());
        // What begins later may be continued by the next input.
        self.decide((self.filled + 1).saturating_sub(REACH), &mut each);
        self.drop_decided();
    }

    /// Ends the input.
    pub fn finish(&mut self, mut each: impl FnMut(FoundText)) {
        self.decide(self.filled, &mut each);
        (self.filled, self.undecided, self.counted, self.line) = (0, 0, 0, 1);
    }

    fn decide(&mut self, end: usize, each: &mut impl FnMut(FoundText)) {
        let mut lines = Lines { line: self.line, counted: self.counted };
        let window = self.buffer.get(..self.filled).unwrap_or_default();
        self.finder.search(window, self.undecided..end, &mut lines, each);
        (self.line, self.counted) = (lines.line, lines.counted);
        self.undecided = self.undecided.max(end);
    }

    /// Keeps what may be part of a key that was not looked at.
    fn drop_decided(&mut self) {
        let dropped = self.undecided.saturating_sub(LONGEST_PREFIX + 1);
        let mut lines = Lines { line: self.line, counted: self.counted };
        let window = self.buffer.get(..self.filled).unwrap_or_default();
        self.line = lines.of(window, dropped);
        self.counted = lines.counted.saturating_sub(dropped);
        self.buffer.copy_within(dropped..self.filled, 0);
        self.filled -= dropped;
        self.undecided -= dropped;
    }
}

/// Returns a text, such as the name of a file, without the secrets of keys in it.
#[must_use]
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let (mut copied, mut from) = (0, 0);
    while let Some(found) = text.get(from..).and_then(|rest| rest.find('_')) {
        let at = from + found;
        from = at + 1;
        let is_infix = |key_type: &KeyType| {
            text.get(from..).is_some_and(|rest| {
                rest.strip_prefix(key_type.infix()).is_some_and(|rest| rest.starts_with('_'))
            })
        };
        if !KeyType::ALL.iter().any(is_infix) {
            continue;
        }
        let secret = at + INFIX + KeyId::LENGTH + 1;
        let is_id = |id: &str| id.strip_suffix('_').is_some_and(|id| id.parse::<KeyId>().is_ok());
        if text.get(at + INFIX..secret).is_some_and(is_id) {
            let length = leading(text.as_bytes().get(secret..).unwrap_or_default().iter());
            if length > 0 {
                shown.push_str(text.get(copied..secret).unwrap_or_default());
                shown.push_str("(secret)");
                copied = secret + length;
                from = copied;
            }
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::Secret;
    use crate::domain::token::{Entropy, EntropyError, draw_id, draw_secret};
    use proptest::prelude::*;

    /// Numbers that look random.
    struct Seed(u64);

    impl Entropy for Seed {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            for byte in bytes {
                self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = self.0.to_be_bytes()[0];
            }
            Ok(())
        }
    }

    fn key(prefix: &str, seed: u64) -> Secret {
        let mut seed = Seed(seed);
        let id = draw_id(&mut seed).unwrap();
        draw_secret(&prefix.parse().unwrap(), KeyType::Production, id, &mut seed).unwrap()
    }

    /// What was found, with the line, as a text: `3 ik_live_<id> whole`.
    fn described(found: &FoundText) -> String {
        let form = match found.form {
            Form::Whole(_) => "whole".to_owned(),
            Form::Damaged => "damaged".to_owned(),
            Form::Truncated { secret_chars } => format!("truncated {secret_chars}"),
        };
        format!("{} {} {form}", found.line, found.displayed())
    }

    fn found(prefixes: Prefixes, text: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        KeyFinder::new(Prefix::default(), prefixes).find(text, |found| all.push(described(&found)));
        all
    }

    /// The same, read in pieces.
    fn streamed(prefixes: Prefixes, text: &[u8], pieces: &[usize]) -> Vec<String> {
        let finder = KeyFinder::new(Prefix::default(), prefixes);
        let mut stream = finder.stream();
        let (mut all, mut rest, mut pieces) = (Vec::new(), text, pieces.iter().cycle());
        while !rest.is_empty() {
            let space = stream.space();
            let length = (*pieces.next().unwrap()).clamp(1, rest.len()).min(space.len());
            space[..length].copy_from_slice(&rest[..length]);
            rest = &rest[length..];
            stream.advance(length, |found| all.push(described(&found)));
        }
        stream.finish(|found| all.push(described(&found)));
        all
    }

    #[test]
    fn a_key_is_found_in_any_surroundings() {
        let secret = key("ik", 1);
        let (text, shown) = (secret.expose(), secret.expose()[..18].to_owned());
        for (before, after) in [
            ("", ""),
            ("KEY=\"", "\"\n"),
            ("\0\u{ff}", "\0"),
            ("\u{1b}[31m", "\u{1b}[0m"),
            ("key", "behind"),
            ("a_", "_b"),
        ] {
            let input = [before.as_bytes(), text.as_bytes(), after.as_bytes()].concat();
            assert_eq!(found(Prefixes::Own, &input), [format!("1 {shown} whole")], "{before:?}");
            assert_eq!(found(Prefixes::All, &input), [format!("1 {shown} whole")], "{before:?}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_whole_text() {
        let secret = key("ik", 2);
        let mut hashes = Vec::new();
        let input = format!("xx{}yy", secret.expose());
        KeyFinder::new(Prefix::default(), Prefixes::All).find(input.as_bytes(), |found| match found.form {
            Form::Whole(hash) => hashes.push(hash),
            other => panic!("{other:?}"),
        });
        assert!(hashes.len() == 1 && hashes[0].matches(&secret.hash()));
    }

    #[test]
    fn what_is_cut_or_changed_is_told_from_a_whole_key() {
        let secret = key("ik", 3);
        let (text, shown) = (secret.expose(), &secret.expose()[..18]);
        let told = |text: &str| found(Prefixes::Own, format!("\n{text} ").as_bytes());
        for length in 0..text.len() {
            let expected = match length {
                0..18 => vec![],
                18 => vec![format!("2 {shown} truncated 0")],
                _ => vec![format!("2 {shown} truncated {}", length - 19)],
            };
            assert_eq!(told(&text[..length]), expected, "{length}");
        }
        let last = if text.ends_with('0') { "1" } else { "0" };
        assert_eq!(told(&format!("{}{last}", &text[..67])), [format!("2 {shown} damaged")]);
        assert_eq!(told(&format!("{}x{}", &text[..18], &text[18..])), Vec::<String>::new());
    }

    #[test]
    fn foreign_keys_are_found_with_their_prefix_on_demand() {
        let keys = ["ik", "acme", "Ab", "longest8"].map(|prefix| key(prefix, 4));
        let input = keys.each_ref().map(Secret::expose).join("\n");
        assert_eq!(found(Prefixes::Own, input.as_bytes()).len(), 1);
        let id = &keys[0].expose()[8..18];
        let expected = [("1 ik", id), ("2 acme", id), ("3 Ab", id), ("4 longest8", id)]
            .map(|(start, id)| format!("{start}_live_{id} whole"));
        assert_eq!(found(Prefixes::All, input.as_bytes()), expected);
        // The checksum tells where a prefix begins, even behind letters.
        let glued = format!("token{}", keys[1].expose());
        assert_eq!(found(Prefixes::All, glued.as_bytes()), [format!("1 acme_live_{id} whole")]);
        // A prefix that ends like ours is not ours.
        assert_eq!(
            found(Prefixes::All, key("xik", 4).expose().as_bytes()),
            [format!("1 xik_live_{id} whole")]
        );
    }

    #[test]
    fn infixes_may_overlap() {
        let secret = key("live", 5);
        let input = format!("live_{}", secret.expose());
        let shown = &secret.expose()[..20];
        let finder = KeyFinder::new("live".parse().unwrap(), Prefixes::Own);
        let mut all = Vec::new();
        finder.find(input.as_bytes(), |found| all.push(described(&found)));
        assert_eq!(all, [format!("1 {shown} whole")]);
    }

    #[test]
    fn a_key_is_found_across_every_border_of_a_buffer() {
        let secret = key("ik", 6);
        let shown = &secret.expose()[..18];
        for before in BUFFER - 80..BUFFER + 10 {
            let mut input = vec![b'\n'; before];
            input.extend_from_slice(secret.expose().as_bytes());
            input.extend_from_slice(&vec![b'.'; BUFFER]);
            let expected = [format!("{} {shown} whole", before + 1)];
            assert_eq!(streamed(Prefixes::Own, &input, &[BUFFER]), expected, "{before}");
        }
    }

    #[test]
    fn names_of_files_are_shown_without_secrets() {
        let secret = key("ik", 7);
        let (text, shown) = (secret.expose(), &secret.expose()[..19]);
        assert_eq!(without_secrets(&format!("a/{text}.txt")), format!("a/{shown}(secret).txt"));
        assert_eq!(without_secrets(&format!("{text}/{text}é")), format!("{shown}(secret)/{shown}(secret)é"));
        for plain in ["", "a_live_b", "ik_live_7Qm2x9KdPa", "ik_live_7Qm2x9KdPa_", "_live_é_live_", shown] {
            assert_eq!(without_secrets(plain), plain);
        }
    }

    #[test]
    fn time_is_linear_in_hostile_input() {
        let hostile = ["_live_", "ik_live_", "ik_live_0000000000_", "_live_test_", "ik_live_ik_test_"];
        let seconds = |text: &str, times: usize| {
            let input = text.repeat(times);
            let start = std::time::Instant::now();
            for prefixes in [Prefixes::Own, Prefixes::All] {
                found(prefixes, input.as_bytes());
            }
            start.elapsed().as_secs_f64()
        };
        for text in hostile {
            // Quadratic time would be a hundred times as long. On a busy machine one measurement says little.
            let is_linear = || seconds(text, 100_000) < seconds(text, 10_000).max(0.001) * 40.0;
            assert!((0..20).any(|_| is_linear()), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn pieces_make_no_difference_and_nothing_panics(
            parts in proptest::collection::vec(prop_oneof![
                "\\PC{0,20}",
                "[a-z0-9]{0,9}_(live|test)_[a-zA-Z0-9]{8,11}(_[a-zA-Z0-9]{0,60})?\n?",
                any::<u64>().prop_map(|seed| key("ik", seed).expose().to_owned()),
                any::<u64>().prop_map(|seed| key("acme", seed).expose().to_owned()),
            ], 0..6),
            noise in proptest::collection::vec(any::<u8>(), 0..40),
            pieces in proptest::collection::vec(1_usize..90, 1..5),
        ) {
            let input = [parts.concat().as_bytes(), &noise, parts.join("\n").as_bytes()].concat();
            for prefixes in [Prefixes::Own, Prefixes::All] {
                prop_assert_eq!(streamed(prefixes, &input, &pieces), found(prefixes, &input));
            }
            let _ = without_secrets(&String::from_utf8_lossy(&input));
        }
    }
}
