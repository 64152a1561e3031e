//! Users: who may change something, and who created a key.

use std::fmt;

use strum::{EnumString, IntoStaticStr};

use super::Instant;

/// The number of a user; it remains when the user is deleted, so that the log stays whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub i64);

/// Whether a user may change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum UserStatus {
    /// May look and change.
    Active,
    /// May look only. Their keys work until they expire, their email is shown.
    Disabled,
    /// Gone. Their keys work until they expire, their email is nowhere any more.
    Deleted,
}

impl UserStatus {
    /// The word in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The word on the screen.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Disabled => "Disabled",
            Self::Deleted => "Deleted",
        }
    }
}

/// The creator of a key as others may see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    /// The user's number.
    pub id: UserId,
    /// The email; none once the user is deleted (rule 4 of the product page).
    pub email: Option<Email>,
    /// Active, disabled or deleted.
    pub status: UserStatus,
}

/// Someone known to the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their number.
    pub id: UserId,
    /// Their email; none once deleted.
    pub email: Option<Email>,
    /// The login name at the operating system that they are bound to.
    pub login: Option<String>,
    /// The number of that login at the operating system.
    pub uid: Option<u32>,
    /// Active, disabled or deleted.
    pub status: UserStatus,
    /// When they were added.
    pub created: Instant,
    /// How many of the existing keys they created.
    pub keys: u64,
    /// Grows with each change; a change that was decided on an older version is refused.
    pub version: i64,
}

/// Who sits at the keyboard, as the operating system says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// `getuid()`, or for root the login's own number where the system knows it.
    pub uid: u32,
    /// The login name of that number.
    pub login: String,
}

/// An email address: something with one `@` between two parts, no white space, 254 bytes at most (RFC 5321).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

impl Email {
    /// The longest address that can be delivered to, in bytes (RFC 5321, section 4.5.3.1.3).
    pub const MAX_BYTES: usize = 254;

    /// Checks an address as it was typed; spaces at its ends are dropped, ASCII letters made small.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EmailError::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        if text.chars().any(|c| c.is_whitespace() || super::text::is_unsafe(c)) {
            return Err(EmailError::BadCharacter);
        }
        match text.split_once('@') {
            Some((local, host)) if !local.is_empty() && !host.is_empty() && !host.contains('@') => {
                Ok(Self(text.to_lowercase()))
            }
            _ => Err(EmailError::NoAt),
        }
    }

    /// The address as it was stored once; no check.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&super::text::inert(&self.0))
    }
}

/// Why a text is no email address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Nothing was typed.
    #[error("an email address is needed, such as ana@example.com")]
    Empty,
    /// No `@`, several, or nothing before or after it.
    #[error("an email address has one @ with something on either side, such as ana@example.com")]
    NoAt,
    /// White space, control or bidirectional characters.
    #[error("an email address has no spaces or invisible characters")]
    BadCharacter,
    /// Longer than mail systems allow.
    #[error("an email address has {} bytes at the most", Email::MAX_BYTES)]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_are_trimmed_and_small() {
        assert_eq!(
            Email::parse(" Ana@Example.com ").map(|e| e.as_str().to_owned()),
            Ok("ana@example.com".into())
        );
    }

    #[test]
    fn what_is_no_email_says_why() {
        assert_eq!(Email::parse(""), Err(EmailError::Empty));
        for text in ["ana", "@example.com", "ana@", "a@b@c"] {
            assert_eq!(Email::parse(text), Err(EmailError::NoAt), "{text}");
        }
        for text in ["a na@x", "a\u{202e}na@x", "a\u{1b}@x"] {
            assert_eq!(Email::parse(text), Err(EmailError::BadCharacter), "{text:?}");
        }
        assert_eq!(Email::parse(&format!("{}@x", "a".repeat(300))), Err(EmailError::TooLong));
    }
}
