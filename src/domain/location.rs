//! Where a database is: a file, or a PostgreSQL server.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::postgres_url::{PostgresUrl, UrlError};
use super::text::inert;
use super::user::Account;

/// The place of a database, as `--db` and `KEYDESK_DB` name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// An SQLite file.
    File(PathBuf),
    /// Shared, since errors name it too.
    Postgres(Arc<PostgresUrl>),
}

impl Location {
    /// Parses a path or a URL. `postgres://` and `postgresql://` name a server, everything else is a path.
    ///
    /// # Errors
    /// When the text is a URL that is not valid, or of another scheme. No error contains a password.
    pub fn parse(text: &OsStr) -> Result<Self, UrlError> {
        match text.to_str() {
            Some(url) if PostgresUrl::is_one(url) => PostgresUrl::parse(url).map(Self::from),
            Some(url) if has_scheme(url) => Err(UrlError::Scheme),
            None if has_scheme(&text.to_string_lossy()) => Err(UrlError::NotUnicode),
            _ => Ok(Self::File(text.into())),
        }
    }

    /// The path, if this is a file.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// What the users of the database sign in with.
    #[must_use]
    pub fn account(&self) -> Account {
        match self {
            Self::File(_) => Account::Login,
            Self::Postgres(_) => Account::Role,
        }
    }

    /// The text that [`Self::parse`] takes, as it is: for JSON, the environment and state files.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Postgres(url) => url.to_string(),
        }
    }
}

/// The text of a location as an argument for a shell, quoted where it must be.
#[must_use]
pub fn as_argument(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Whether a text starts with a scheme and `://`.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once("://") else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Without a password, with control characters made visible.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.pad(&inert(&path.to_string_lossy())),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl From<&Self> for Location {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<PostgresUrl> for Location {
    fn from(url: PostgresUrl) -> Self {
        Self::Postgres(Arc::new(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Location, UrlError> {
        Location::parse(OsStr::new(text))
    }

    #[test]
    fn an_argument_is_quoted_where_a_shell_would_change_it() {
        assert_eq!(as_argument("postgres://ana@db.internal/keydesk"), "postgres://ana@db.internal/keydesk");
        assert_eq!(as_argument("/srv/it's $(here).db"), "'/srv/it'\\''s $(here).db'");
    }

    #[test]
    fn the_scheme_decides() {
        assert!(matches!(parse("postgres://db.internal/keydesk"), Ok(Location::Postgres(_))));
        assert!(matches!(parse("postgresql:///keydesk"), Ok(Location::Postgres(_))));
        for path in ["keydesk.db", "/var/lib/keydesk/keydesk.db", "postgres:/x", "./postgres://x", "a b://c"]
        {
            assert_eq!(parse(path), Ok(Location::File(path.into())), "{path}");
        }
    }

    #[test]
    fn other_schemes_are_rejected_without_their_text() {
        for url in ["mysql://root:hunter2@db/keydesk", "postgress://ana:hunter2@db", "sqlite:///keydesk.db"] {
            let error = parse(url).unwrap_err();
            assert_eq!(error, UrlError::Scheme);
            assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("hunter2"));
        }
    }
}
