//! Leak triage: what a found text is, and which key it belongs to.

use std::collections::HashSet;

use chrono::TimeDelta;
use strum::IntoStaticStr;

use super::reads::{self, KeyDetails, Remains};
use super::text;
use crate::domain::Instant;
use crate::domain::expiry::relative;
use crate::domain::key::{Key, KeyId, KeyState};
use crate::domain::key_finder::{Form, FoundText, KeyFinder, Prefixes};
use crate::domain::secret::Secret;
use crate::domain::text::Name;
use crate::domain::token::Prefix;
use crate::domain::user::Creator;
use crate::host::clock::Zone;
use crate::store::keys::TextOf;
use crate::store::{Reader, StoreError, applications, database, keys, users};

/// What a found text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum FoundState {
    /// Requests that use it are accepted.
    Live,
    Disabled,
    /// Expired, or replaced by a successor.
    Expired,
    Deleted,
    /// It must not be used: its use is an alarm.
    Canary,
    /// It has the prefix of this database and belongs to no key of it.
    Unknown,
    /// It has another prefix.
    Foreign,
    /// Its checksum is wrong.
    Malformed,
}

impl FoundState {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Live => "Live",
            Self::Disabled => "Disabled",
            Self::Expired => "Expired",
            Self::Deleted => "Deleted",
            Self::Canary => "Canary",
            Self::Unknown => "Unknown",
            Self::Foreign => "Foreign",
            Self::Malformed => "Malformed",
        }
    }

    fn of(key: &Key, now: Instant) -> Self {
        match key.state(now, TimeDelta::zero()) {
            KeyState::Valid | KeyState::ExpiresSoon => Self::Live,
            KeyState::Disabled => Self::Disabled,
            KeyState::Expired | KeyState::Replaced => Self::Expired,
            KeyState::Canary => Self::Canary,
        }
    }
}

/// Why a text is taken for that of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// SHA-256 of the whole text is that of the key.
    Hash,
    /// Only the key ID is known: the rest is missing, or is not that of the key.
    KeyId,
}

/// The key that a text belongs to, or seems to belong to.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "only ever behind a box")]
pub enum Known {
    Key { details: KeyDetails, application: Option<Name> },
    Deleted { remains: Remains, by: Option<Creator>, application: Option<Name> },
}

/// A found text and what it is. It contains nothing secret.
#[derive(Clone, Debug)]
pub struct Identified {
    pub text: FoundText,
    pub state: FoundState,
    pub proof: Proof,
    /// The key or the tombstone with its ID.
    pub known: Option<Box<Known>>,
}

impl Identified {
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        self.known.as_deref().map(|known| match known {
            Known::Key { details, .. } => &details.key.name,
            Known::Deleted { remains, .. } => &remains.tombstone.name,
        })
    }

    /// The name of its Application; none when that was deleted.
    #[must_use]
    pub fn application(&self) -> Option<&Name> {
        self.known.as_deref().and_then(|known| match known {
            Known::Key { application, .. } | Known::Deleted { application, .. } => application.as_ref(),
        })
    }

    /// The key, unless it was deleted.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        match self.known.as_deref() {
            Some(Known::Key { details, .. }) => Some(&details.key),
            _ => None,
        }
    }

    /// Who to ask before the key is deleted.
    #[must_use]
    pub fn owner(&self) -> Option<&Name> {
        self.key().and_then(|key| key.owner.as_ref())
    }

    /// The last accepted use, or that of a canary key, and its source address.
    #[must_use]
    pub fn last_used(&self) -> (Option<Instant>, Option<&str>) {
        match self.known.as_deref() {
            Some(Known::Key { details: KeyDetails { key, .. }, .. }) => {
                (key.last_used.or(key.canary_used), key.last_used_from.as_deref())
            }
            Some(Known::Deleted { remains: Remains { tombstone, .. }, .. }) => {
                (tombstone.last_used, tombstone.last_used_from.as_deref())
            }
            None => (None, None),
        }
    }

    /// Says in one sentence what it is.
    #[must_use]
    pub fn verdict(&self, zone: &Zone, now: Instant) -> String {
        let exact = |at: Instant| format!("{} ({})", zone.show(at), relative(at, now));
        match (self.state, self.known.as_deref()) {
            (FoundState::Live, Some(Known::Key { details: KeyDetails { key, .. }, .. })) => {
                format!("Requests that use it are accepted until {}.", exact(key.expires))
            }
            (FoundState::Disabled, Some(Known::Key { details: KeyDetails { key, .. }, .. })) => {
                let since = key.disabled.map(|at| format!(" since {}", exact(at))).unwrap_or_default();
                match key.disabled_until {
                    Some(until) => {
                        format!("It is disabled{since} and will be accepted again {}.", exact(until))
                    }
                    None => format!("It is disabled{since}, and can be enabled again."),
                }
            }
            (FoundState::Expired, Some(Known::Key { details: KeyDetails { key, .. }, .. })) => {
                let by = key.replaced_by.map(|by| format!(", and was replaced by {by}")).unwrap_or_default();
                format!("It expired {}{by}.", exact(key.ended(now).unwrap_or(key.expires)))
            }
            (FoundState::Deleted, Some(Known::Deleted { remains, by, .. })) => {
                let by = by.as_ref().map(|by| format!(" by {}", text::creator(by))).unwrap_or_default();
                format!("It was deleted {}{by}.", exact(remains.tombstone.deleted))
            }
            (FoundState::Canary, _) => {
                "It is a canary key: requests that use it are rejected and raise an alarm.".to_owned()
            }
            (FoundState::Foreign, _) => {
                format!("It belongs to another installation: its prefix is {}.", self.text.prefix)
            }
            (FoundState::Malformed, None) => {
                "Its checksum is wrong: it is damaged, mistyped or made up.".to_owned()
            }
            (FoundState::Malformed, Some(known)) => {
                format!("Its checksum is wrong, but its key ID is that of {}: a damaged copy.", named(known))
            }
            (_, Some(known)) => format!(
                "It is not a key of this database: its key ID is that of {}, but its secret is another one.",
                named(known)
            ),
            (_, None) => "It is not a key of this database.".to_owned(),
        }
    }

    /// Returns the command that rejects a live key at once; none where it is not live.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        let key = self.key().filter(|_| self.state == FoundState::Live)?;
        Some(match key.replaced_by {
            Some(_) => format!("keydesk keys overlap {} --end", key.id),
            None => format!("keydesk keys rotate {} --leaked", key.id),
        })
    }

    /// What follows the state where it is unproven.
    #[must_use]
    pub fn unproven_mark(&self) -> &'static str {
        match self.text.form {
            Form::Truncated { .. } => " (unproven)",
            Form::Whole(_) | Form::Damaged => "",
        }
    }

    /// Says why the verdict is unproven; none where it is proven.
    #[must_use]
    pub fn caveat(&self) -> Option<String> {
        match self.text.form {
            Form::Truncated { secret_chars: 0 } => Some(
                "Unproven: this is only the key prefix, which contains nothing of the secret.".to_owned(),
            ),
            Form::Truncated { secret_chars } => Some(format!(
                "Unproven: the text is truncated ({} of the secret), so only the key ID identifies it.",
                text::count(u64::try_from(secret_chars).unwrap_or(u64::MAX), "character")
            )),
            Form::Whole(_) | Form::Damaged => None,
        }
    }
}

/// `the deleted key "Checkout"`.
fn named(known: &Known) -> String {
    match known {
        Known::Key { details, .. } => format!("the key \"{}\"", details.key.name),
        Known::Deleted { remains, .. } => format!("the deleted key \"{}\"", remains.tombstone.name),
    }
}

/// Returns a search for keys of this database.
///
/// # Errors
/// When the database cannot be read.
pub fn key_finder(r: &Reader<'_>, prefixes: Prefixes) -> Result<KeyFinder, StoreError> {
    Ok(KeyFinder::new(database::prefix(r)?, prefixes))
}

/// Identifies a text that was found by a search with the prefix of this database.
///
/// # Errors
/// When the database cannot be read.
pub fn identify(
    r: &Reader<'_>,
    own: &Prefix,
    text: FoundText,
    now: Instant,
) -> Result<Identified, StoreError> {
    let is_own = text.prefix == *own;
    let known = if is_own { known(r, text.id, now)? } else { None };
    let state_by_id = match &known {
        Some(Known::Key { details, .. }) => FoundState::of(&details.key, now),
        Some(Known::Deleted { .. }) => FoundState::Deleted,
        None => FoundState::Unknown,
    };
    let (state, proof) = match &text.form {
        Form::Damaged => (FoundState::Malformed, Proof::KeyId),
        Form::Whole(_) | Form::Truncated { .. } if !is_own => (FoundState::Foreign, Proof::KeyId),
        Form::Truncated { .. } => (state_by_id, Proof::KeyId),
        Form::Whole(hash) => match keys::text_of(r, text.id, hash)? {
            TextOf::Key | TextOf::Deleted => (state_by_id, Proof::Hash),
            TextOf::Nothing => (FoundState::Unknown, Proof::KeyId),
        },
    };
    Ok(Identified { text, state, proof, known: known.map(Box::new) })
}

/// Identifies the keys in a text, each of them once, at most `most`.
///
/// # Errors
/// When the database cannot be read.
pub fn identify_all(
    r: &Reader<'_>,
    text: &Secret,
    most: usize,
    now: Instant,
) -> Result<Vec<Identified>, StoreError> {
    let finder = key_finder(r, Prefixes::All)?;
    let (mut texts, mut seen) = (Vec::new(), HashSet::new());
    finder.find(text.expose().as_bytes(), |text| {
        if texts.len() < most && seen.insert((text.displayed(), std::mem::discriminant(&text.form))) {
            texts.push(text);
        }
    });
    identify_again(r, texts, now)
}

/// Identifies found texts again, after the data have changed.
///
/// # Errors
/// When the database cannot be read.
pub fn identify_again(
    r: &Reader<'_>,
    texts: Vec<FoundText>,
    now: Instant,
) -> Result<Vec<Identified>, StoreError> {
    let own = database::prefix(r)?;
    texts.into_iter().map(|text| identify(r, &own, text, now)).collect()
}

/// Reads the key or the tombstone with an ID.
fn known(r: &Reader<'_>, id: KeyId, now: Instant) -> Result<Option<Known>, StoreError> {
    let application = |id| Ok::<_, StoreError>(applications::get(r, id)?.map(|application| application.name));
    if let Some(details) = reads::key_details(r, id, now)? {
        let application = application(details.key.application)?;
        return Ok(Some(Known::Key { details, application }));
    }
    let Some(remains) = reads::remains(r, id, now)? else { return Ok(None) };
    let by = users::get(r, remains.tombstone.deleted_by)?.map(|user| Creator {
        id: user.id,
        email: user.email,
        status: user.status,
    });
    let application = application(remains.tombstone.application)?;
    Ok(Some(Known::Deleted { remains, by, application }))
}
