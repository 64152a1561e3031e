//! Passwords in the format of libpq: `host:port:database:user:password`, one a line.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::domain::postgres_url::Host;
use crate::domain::secret::Secret;
use crate::domain::text::inert;

/// What a password is looked up by.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Login<'a> {
    pub(in crate::store) host: &'a Host,
    pub(in crate::store) port: u16,
    pub(in crate::store) database: &'a str,
    pub(in crate::store) user: &'a str,
}

/// The content of a password file.
pub(in crate::store) struct PasswordFile(Zeroizing<Vec<u8>>);

impl PasswordFile {
    /// Reads a file. One that does not exist is empty.
    ///
    /// # Errors
    /// A sentence, when the file must be ignored: others can read it, or it cannot be read.
    pub(in crate::store) fn read(path: &Path) -> Result<Self, String> {
        let ignored = |why: &str| Err(format!("{} was ignored: {why}", inert(&path.to_string_lossy())));
        let mut file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self(Vec::new().into())),
            Err(error) => return ignored(&error.to_string()),
        };
        let mut content = Zeroizing::new(Vec::new());
        match file.metadata() {
            Ok(metadata) if !metadata.is_file() => ignored("it is not a regular file"),
            Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
                ignored("its mode lets other users read it (run \"chmod 0600\" on it)")
            }
            Ok(_) => match file.read_to_end(&mut content) {
                Ok(_) => Ok(Self(content)),
                Err(error) => ignored(&error.to_string()),
            },
            Err(error) => ignored(&error.to_string()),
        }
    }

    /// Returns the password of the first line that matches.
    pub(in crate::store) fn find(&self, login: Login<'_>) -> Option<Secret> {
        self.0.split(|byte| *byte == b'\n').find_map(|line| {
            let line = std::str::from_utf8(line).ok()?;
            let line = line.strip_suffix('\r').unwrap_or(line);
            password(line, login)
        })
    }
}

fn password(line: &str, login: Login<'_>) -> Option<Secret> {
    if line.starts_with('#') {
        return None;
    }
    let (host, rest) = field(line)?;
    let (port, rest) = field(rest)?;
    let (database, rest) = field(rest)?;
    let (user, rest) = field(rest)?;
    let matches = |field: &str, value: &str| field == "*" || *unescaped(field) == *value;
    let is_host = match login.host {
        Host::Tcp(name) => matches(host, name),
        // As in libpq, "localhost" stands for a Unix socket too.
        Host::Unix(folder) => matches(host, "localhost") || matches(host, &folder.to_string_lossy()),
    };
    let found = is_host
        && matches(port, &login.port.to_string())
        && matches(database, login.database)
        && matches(user, login.user);
    let password = field(rest).map_or(rest, |(password, _)| password);
    (found && !password.is_empty()).then(|| Secret::new(std::mem::take(&mut *unescaped(password))))
}

/// The text up to the next colon that is not escaped, and what follows.
fn field(text: &str) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            ':' => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

fn unescaped(field: &str) -> Zeroizing<String> {
    // No reallocation leaves a copy.
    let mut text = Zeroizing::new(String::with_capacity(field.len()));
    let mut rest = field.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => text.push(rest.next().unwrap_or('\\')),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(content: &str, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
        let file = PasswordFile(content.as_bytes().to_vec().into());
        let host = host.parse().unwrap();
        file.find(Login { host: &host, port, database, user }).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn the_first_line_that_matches_counts() {
        let content = "# comment\n\nbroken\ndb:5432:keydesk:ana:one\r\ndb:*:keydesk:*:two\n*:*:*:bob:three\n";
        assert_eq!(find(content, "db", 5432, "keydesk", "ana").as_deref(), Some("one"));
        assert_eq!(find(content, "db", 6432, "keydesk", "ana").as_deref(), Some("two"));
        assert_eq!(find(content, "other", 1, "x", "bob").as_deref(), Some("three"));
        assert_eq!(find(content, "other", 1, "x", "ana"), None);
    }

    #[test]
    fn colons_and_backslashes_are_escaped() {
        let content = "\\:\\:1:5432:a\\\\b:ana:p\\:w\\\\d:ignored\n::1:5432:x:ana:y";
        assert_eq!(find(content, "::1", 5432, "a\\b", "ana").as_deref(), Some("p:w\\d"));
        assert_eq!(find(content, "::1", 5432, "x", "ana"), None);
        // A wildcard is a whole field, and not escaped.
        assert_eq!(find("d*:*:*:*:x\n\\*:*:*:*:y", "db", 1, "x", "y"), None);
    }

    #[test]
    fn localhost_stands_for_a_socket_too() {
        assert_eq!(find("localhost:*:*:*:x", "/run/postgresql", 1, "d", "u").as_deref(), Some("x"));
        assert_eq!(find("/run/postgresql:*:*:*:x", "/run/postgresql", 1, "d", "u").as_deref(), Some("x"));
        assert_eq!(find("/tmp:*:*:*:x", "/run/postgresql", 1, "d", "u"), None);
    }

    #[test]
    fn a_file_that_others_can_read_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        assert!(PasswordFile::read(&path).unwrap().0.is_empty());
        std::fs::write(&path, "*:*:*:*:hunter2").unwrap();
        for mode in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let warning = PasswordFile::read(&path).err().unwrap();
            assert!(warning.contains("chmod 0600") && !warning.contains("hunter2"), "{warning}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(!PasswordFile::read(&path).unwrap().0.is_empty());
        assert!(PasswordFile::read(folder.path()).err().unwrap().contains("not a regular file"));
    }
}
