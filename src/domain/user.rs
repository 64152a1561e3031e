//! Users of the database.

use std::fmt;

use strum::{EnumString, IntoStaticStr};

use super::Instant;

/// The number of a user. It remains when the user is deleted: the audit log names users by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum UserStatus {
    Active,
    /// Read-only. Their keys work until they expire, and their email is shown.
    Disabled,
    /// Their keys work until they expire. Their email is erased.
    Deleted,
}

impl UserStatus {
    /// The word in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Disabled => "Disabled",
            Self::Deleted => "Deleted",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    pub id: UserId,
    /// None once the user is deleted.
    pub email: Option<Email>,
    pub status: UserStatus,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    /// None once the user is deleted.
    pub email: Option<Email>,
    /// The login name at the operating system, or the role of the server, that the user is bound to.
    pub login: Option<String>,
    /// The user ID of that login, where it was known. None for a user who was added on a server: a role is its name alone.
    pub uid: Option<u32>,
    pub status: UserStatus,
    pub created: Instant,
    /// Number of existing keys that the user created.
    pub keys: u64,
    /// Grows with each change. A change that was decided on an older version is rejected.
    pub version: i64,
}

/// What a login is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Account {
    /// Of the operating system: who works with a file.
    Login,
    /// Of a server: who works with its databases.
    Role,
}

impl Account {
    /// The heading of a column of logins.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::Role => "ROLE",
        }
    }

    /// The place in which a login exists.
    #[must_use]
    pub fn place(self) -> &'static str {
        match self {
            Self::Login => "this system",
            Self::Role => "the server",
        }
    }
}

/// Whether a login, to which a user may be bound, can be used to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    Possible,
    NoLogin,
    /// No such role can log in.
    NoRole,
    /// The role exists, and cannot make changes.
    NoRights,
}

impl SignIn {
    /// Returns why the login cannot be used; none where it can.
    #[must_use]
    pub fn problem(self) -> Option<&'static str> {
        match self {
            Self::Possible => None,
            Self::NoLogin => Some("this login does not exist on this system"),
            Self::NoRole => Some("this role does not exist on the server"),
            Self::NoRights => Some("this role lacks the rights of an administrator"),
        }
    }
}

/// Who works with a database: the operating system user of this process, or the role of the session on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// `getuid()`; for root, the user ID of the login session where the kernel knows it. The OID of a role.
    pub uid: u32,
    /// The login name of that user ID, or the name of the role.
    pub login: String,
}

/// An email address: two parts around one `@`, no white space, at most 254 bytes (RFC 5321).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

impl Email {
    /// RFC 5321, section 4.5.3.1.3.
    pub const MAX_BYTES: usize = 254;

    /// Trims an address and converts it to lower case.
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

    /// Does not check the syntax.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

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

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    #[error("an email address is required, such as ana@example.com")]
    Empty,
    #[error("an email address must have one @ between two parts, such as ana@example.com")]
    NoAt,
    #[error("an email address cannot contain spaces or invisible characters")]
    BadCharacter,
    #[error("an email address has at most {} bytes", Email::MAX_BYTES)]
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
