//! Commitments of audit entries to facts that the log must not contain.
//!
//! A commitment is SHA-256 over facts that decide about access. Anyone who has the facts can check that they match the
//! entry, but no one can derive them from it. The facts of a key include the hash of its secret, which has 256 random
//! bits. Those of a user include a random salt that is stored only with the user and erased with them: afterwards the
//! entry cannot be connected with an email or a login.

use sha2::{Digest, Sha256};

use super::key::KeyId;
use super::token::{Entropy, EntropyError};

const KEY: &[u8] = b"keydesk key commitment v1";
const USER: &[u8] = b"keydesk user commitment v1";

/// SHA-256 over facts that decide about access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Commitment(pub [u8; 32]);

/// The facts that decide whether a key is accepted, besides the fields in the log.
#[derive(Clone, Copy, Debug)]
pub struct KeyFacts<'a> {
    pub id: KeyId,
    /// SHA-256 of its text.
    pub hash: &'a [u8; 32],
    /// The start of its text: `ik_live_<id>`.
    pub prefix: &'a str,
    pub application: i64,
    pub key_type: &'a str,
}

/// The facts that decide who is a user of the database.
#[derive(Clone, Copy, Debug)]
pub struct UserFacts<'a> {
    pub id: i64,
    /// Random, stored only with the user.
    pub salt: &'a Salt,
    pub email: &'a str,
    pub login: Option<&'a str>,
    pub uid: Option<u32>,
}

/// 256 random bits.
pub type Salt = [u8; 32];

/// Draws the salt of a new user.
pub fn draw_salt(entropy: &mut dyn Entropy) -> Result<Salt, EntropyError> {
    let mut salt = [0; 32];
    entropy.fill(&mut salt)?;
    Ok(salt)
}

impl Commitment {
    /// The commitment of the entry that creates a key.
    #[must_use]
    pub fn to_key(facts: &KeyFacts<'_>) -> Self {
        hash(
            KEY,
            &[
                Some(facts.id.as_str().as_bytes()),
                Some(facts.hash),
                Some(facts.prefix.as_bytes()),
                Some(&facts.application.to_be_bytes()),
                Some(facts.key_type.as_bytes()),
            ],
        )
    }

    /// The commitment of the entry that adds a user.
    #[must_use]
    pub fn to_user(facts: &UserFacts<'_>) -> Self {
        hash(
            USER,
            &[
                Some(&facts.id.to_be_bytes()),
                Some(facts.salt),
                Some(facts.email.as_bytes()),
                facts.login.map(str::as_bytes),
                facts.uid.map(u32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice),
            ],
        )
    }
}

fn hash(domain: &[u8], fields: &[Option<&[u8]>]) -> Commitment {
    let mut hasher = Sha256::new();
    hasher.update(domain);
    for field in fields {
        update(&mut hasher, *field);
    }
    Commitment(hasher.finalize().into())
}

/// Adds a field to a hash. Different lists of fields give different bytes.
pub(crate) fn update(hasher: &mut Sha256, field: Option<&[u8]>) {
    match field {
        None => hasher.update([0]),
        Some(bytes) => {
            hasher.update([1]);
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_of_a_key_is_in_its_commitment() {
        let id: KeyId = "7Qm2x9KdPa".parse().unwrap();
        let facts =
            KeyFacts { id, hash: &[1; 32], prefix: "ik_live_x", application: 1, key_type: "production" };
        let others = [
            KeyFacts { id: KeyId::PROBE, ..facts },
            KeyFacts { hash: &[2; 32], ..facts },
            KeyFacts { prefix: "ik_live_", ..facts },
            KeyFacts { application: 2, ..facts },
            KeyFacts { key_type: "test", ..facts },
        ];
        assert_eq!(Commitment::to_key(&facts), Commitment::to_key(&facts));
        for other in others {
            assert_ne!(Commitment::to_key(&facts), Commitment::to_key(&other), "{other:?}");
        }
    }

    #[test]
    fn every_fact_of_a_user_is_in_their_commitment() {
        let facts = UserFacts { id: 1, salt: &[1; 32], email: "a@x", login: None, uid: None };
        let others = [
            UserFacts { id: 2, ..facts },
            UserFacts { salt: &[2; 32], ..facts },
            UserFacts { email: "b@x", ..facts },
            UserFacts { login: Some(""), ..facts },
            UserFacts { uid: Some(0), ..facts },
        ];
        for other in others {
            assert_ne!(Commitment::to_user(&facts), Commitment::to_user(&other), "{other:?}");
        }
    }
}
