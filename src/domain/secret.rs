//! The only type that contains the text of a key.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The full text of a key.
///
/// It cannot be printed by accident: `Debug` is redacted and there is no `Display`. Code that needs
/// the text calls [`Secret::expose`], which is easy to search for. The memory is wiped on drop.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Moves the text, so that no second copy remains.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Never log it, and never put it on a command line.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the whole text, which the database stores.
    ///
    /// A fast hash is right for 256 random bits (NIST SP 800-63B, section 5.1.2.2).
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// SHA-256 of a key's text: 32 bytes.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new("ik_live_canary".into());
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
        assert_eq!(format!("{:?}", secret.hash()), "KeyHash(redacted)");
    }

    #[test]
    fn hash_is_sha256_of_the_whole_text() {
        let hash = Secret::new("abc".into()).hash();
        assert_eq!(hash.as_bytes()[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(hash.as_bytes()[28..], [0xf2, 0x00, 0x15, 0xad]);
    }

    #[test]
    fn hashes_match_only_themselves() {
        assert!(KeyHash::of("a").matches(&KeyHash::of("a")));
        assert!(!KeyHash::of("a").matches(&KeyHash::of("b")));
    }
}
