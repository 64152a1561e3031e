//! The text of a key: `ik_live_<id>_<secret>`.
//!
//! | part | what |
//! |---|---|
//! | `ik` | the database's prefix, 2 to 8 letters and digits |
//! | `live`, `test` | the type |
//! | 10 base62 characters | the key ID |
//! | 43 base62 characters | 256 random bits |
//! | 6 base62 characters | CRC-32 (ISO-HDLC) of all that stands before |
//!
//! A double click selects the whole key, since it contains only letters, digits and underscores. The checksum detects a
//! mistyped or truncated key without a read of the database.

use std::fmt;
use std::str::FromStr;

use zeroize::{Zeroize, Zeroizing};

use super::key::{KeyId, KeyType};
use super::secret::Secret;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// `live` or `test`.
const INFIX_CHARS: usize = 4;
const RANDOM_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;
/// Characters of the last part of a key.
pub(super) const SECRET_CHARS: usize = RANDOM_CHARS + CHECKSUM_CHARS;

/// A source of random bits: the operating system, or a seeded one in tests.
pub trait Entropy {
    /// Fills all of `bytes`.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

#[derive(Debug, thiserror::Error)]
#[error("the operating system returned no random bits: {reason}; no key was created")]
pub struct EntropyError {
    pub reason: String,
}

/// The start of all keys of a database: 2 to 8 ASCII letters and digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Default for Prefix {
    fn default() -> Self {
        Self("ik".into())
    }
}

impl Prefix {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key prefix, safe to show and to log: `ik_live_<id>`.
    #[must_use]
    pub fn displayed(&self, key_type: KeyType, id: KeyId) -> String {
        format!("{}_{}_{id}", self.0, key_type.infix())
    }
}

impl FromStr for Prefix {
    type Err = NotAPrefix;

    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        if is_prefix(text.as_bytes()) { Ok(Self(text.to_owned())) } else { Err(NotAPrefix) }
    }
}

fn is_prefix(text: &[u8]) -> bool {
    (2..=8).contains(&text.len()) && are_base62(text)
}

/// Looks at all of them, several at once.
fn are_base62(text: &[u8]) -> bool {
    text.iter().fold(true, |all, byte| all & byte.is_ascii_alphanumeric())
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a prefix must have 2 to 8 letters and digits")]
pub struct NotAPrefix;

/// Draws a key ID with equally likely characters.
pub fn draw_id(entropy: &mut dyn Entropy) -> Result<KeyId, EntropyError> {
    let mut id = [0_u8; KeyId::LENGTH];
    let mut filled = 0;
    while filled < id.len() {
        let mut bytes = [0_u8; 16];
        entropy.fill(&mut bytes)?;
        // 248 is the largest multiple of 62 in a byte: what lies above would make the first letters likelier.
        for byte in bytes.into_iter().filter(|b| *b < 248) {
            if let Some(slot) = id.get_mut(filled) {
                *slot = ALPHABET[usize::from(byte % 62)];
                filled += 1;
            }
        }
    }
    Ok(KeyId::from_base62(id))
}

/// Creates the text of a key from 256 random bits.
pub fn draw_secret(
    prefix: &Prefix,
    key_type: KeyType,
    id: KeyId,
    entropy: &mut dyn Entropy,
) -> Result<Secret, EntropyError> {
    let mut bits = Zeroizing::new([0_u8; 32]);
    entropy.fill(bits.as_mut_slice())?;
    // One allocation of the final size: growing would leave a copy of the secret behind.
    let mut text = String::with_capacity(prefix.0.len() + 6 + KeyId::LENGTH + 1 + SECRET_CHARS);
    text.push_str(&prefix.displayed(key_type, id));
    text.push('_');
    let mut digits = Zeroizing::new([0_u8; RANDOM_CHARS]);
    base62(&mut bits, digits.as_mut_slice());
    text.extend(digits.iter().map(|d| char::from(*d)));
    let checksum = checksum(text.as_bytes());
    text.extend(checksum.iter().map(|d| char::from(*d)));
    Ok(Secret::new(text))
}

/// Writes a big-endian number as base62 digits, most significant first, and wipes the number.
fn base62(number: &mut [u8; 32], digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in number.iter_mut() {
            let value = (rest << 8) | u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            rest = value % 62;
        }
        *digit = ALPHABET[usize::try_from(rest).unwrap_or_default()];
    }
    number.zeroize();
}

fn checksum(text: &[u8]) -> [u8; CHECKSUM_CHARS] {
    let mut rest = crc32fast::hash(text);
    let mut digits = [0; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(rest % 62).unwrap_or_default()];
        rest /= 62;
    }
    digits
}

/// The parts of a well-formed text. Only the database knows whether it is a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub id: KeyId,
    pub key_type: KeyType,
}

/// The form or the checksum is wrong. The error contains nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an API key, or a mistyped or truncated one")]
pub struct Malformed;

/// Parses a presented text and checks its checksum.
pub fn parse(text: &str) -> Result<Claim, Malformed> {
    let claim = shape(text).ok_or(Malformed)?;
    if has_right_checksum(text) { Ok(claim) } else { Err(Malformed) }
}

/// Whether a text ends with the checksum of what stands before it.
pub(super) fn has_right_checksum(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.split_last_chunk().is_some_and(|(body, end)| *end == checksum(body))
}

/// Whether an argument contains a whole secret, even a damaged one. Such an argument is rejected, since it is now in the
/// shell's history.
#[must_use]
pub fn holds_secret(text: &str) -> bool {
    // Tolerates what a careless copy adds or cuts: quotes, white space, the end.
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| {
        let mut parts = word.splitn(4, '_');
        let (Some(_), Some(infix), Some(id), Some(secret)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        matches!(infix, "live" | "test") && id.len() == KeyId::LENGTH && secret.len() >= 16
    })
}

/// The key ID in a key prefix (`ik_live_<id>`).
#[must_use]
pub fn displayed_id(text: &str) -> Option<KeyId> {
    let mut parts = text.splitn(3, '_');
    let (prefix, infix, id) = (parts.next()?, parts.next()?, parts.next()?);
    prefix.parse::<Prefix>().ok()?;
    key_type(infix)?;
    id.parse().ok()
}

fn key_type(infix: &str) -> Option<KeyType> {
    KeyType::ALL.iter().copied().find(|key_type| key_type.infix() == infix)
}

/// Reads from the end: only the length of the prefix varies.
fn shape(text: &str) -> Option<Claim> {
    let (rest, secret) = text.as_bytes().split_last_chunk::<SECRET_CHARS>()?;
    let (rest, id) = rest.strip_suffix(b"_")?.split_last_chunk::<{ KeyId::LENGTH }>()?;
    let (rest, infix) = rest.strip_suffix(b"_")?.split_last_chunk::<INFIX_CHARS>()?;
    let is_well_formed =
        is_prefix(rest.strip_suffix(b"_")?) && are_base62(infix) && are_base62(id) && are_base62(secret);
    let key_type = key_type(std::str::from_utf8(infix).ok()?)?;
    is_well_formed.then(|| Claim { id: KeyId::from_base62(*id), key_type })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Script(Vec<u8>, usize);

    impl Entropy for Script {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            for byte in bytes {
                *byte = self.0[self.1 % self.0.len()];
                self.1 += 1;
            }
            Ok(())
        }
    }

    struct Dry;

    impl Entropy for Dry {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), EntropyError> {
            Err(EntropyError { reason: "none".into() })
        }
    }

    fn make(bytes: Vec<u8>, key_type: KeyType) -> (KeyId, Secret) {
        let mut entropy = Script(bytes, 0);
        let id = draw_id(&mut entropy).unwrap();
        (id, draw_secret(&Prefix::default(), key_type, id, &mut entropy).unwrap())
    }

    #[test]
    fn a_known_text() {
        let id = "7Qm2x9KdPa".parse().unwrap();
        let secret =
            draw_secret(&Prefix::default(), KeyType::Production, id, &mut Script(vec![0xff], 0)).unwrap();
        let text = secret.expose();
        assert_eq!(text.len(), "ik_live_7Qm2x9KdPa_".len() + 49);
        // 2^256 - 1 in base 62, checked with another program.
        assert!(text.starts_with("ik_live_7Qm2x9KdPa_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"), "{text}");
    }

    #[test]
    fn without_randomness_no_key() {
        assert!(draw_id(&mut Dry).is_err());
        let id = "7Qm2x9KdPa".parse().unwrap();
        assert!(draw_secret(&Prefix::default(), KeyType::Test, id, &mut Dry).is_err());
    }

    #[test]
    fn prefixes_are_short_words() {
        for good in ["ik", "Acme2026", "A1"] {
            assert!(good.parse::<Prefix>().is_ok(), "{good}");
        }
        for bad in ["", "i", "ninechars", "i-k", "i_k", "ík"] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_displayed_prefix_names_the_key_and_is_no_secret() {
        assert_eq!(displayed_id("ik_live_7Qm2x9KdPa").map(|id| id.to_string()), Some("7Qm2x9KdPa".into()));
        assert_eq!(displayed_id("ik_prod_7Qm2x9KdPa"), None);
        assert!(!holds_secret("ik_live_7Qm2x9KdPa"));
        assert!(!holds_secret("Checkout_live_key of the Storefront"));
    }

    proptest! {
        #[test]
        fn what_is_made_parses(bytes in proptest::collection::vec(0_u8..248, 64..128), test in any::<bool>()) {
            let key_type = if test { KeyType::Test } else { KeyType::Production };
            let (id, secret) = make(bytes, key_type);
            prop_assert_eq!(parse(secret.expose()), Ok(Claim { id, key_type }));
            prop_assert!(holds_secret(secret.expose()));
        }

        #[test]
        fn one_wrong_character_is_found(bytes in proptest::collection::vec(0_u8..248, 64..128), at in 0_usize..68, with in "[0-9A-Za-z_]") {
            let (_, secret) = make(bytes, KeyType::Production);
            let mut text: Vec<char> = secret.expose().chars().collect();
            let with = with.chars().next().unwrap();
            prop_assume!(text[at] != with);
            text[at] = with;
            prop_assert_eq!(parse(&text.into_iter().collect::<String>()), Err(Malformed));
        }

        #[test]
        fn a_cut_key_is_found(bytes in proptest::collection::vec(0_u8..248, 64..128), keep in 0_usize..68) {
            let (_, secret) = make(bytes, KeyType::Production);
            prop_assert_eq!(parse(&secret.expose()[..keep]), Err(Malformed));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = (parse(&text), holds_secret(&text), displayed_id(&text));
        }
    }
}
