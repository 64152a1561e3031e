//! Claims on rotations, as locks of the operating system.
//!
//! A claim is a lock on one byte of a file beside the database, one byte for each key ID. The operating system holds it:
//! a process that is killed leaves no claim, and one that delivers for an hour keeps its claim. The file stays empty
//! and is never deleted, since another session may be about to open it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc;

use crate::domain::key::KeyId;
use crate::host::{byte_lock, files};
use crate::store::StoreError;

/// How often a waiting session tries again.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// Claims keys, all or none. Waits up to `patience` for each. Returns the file with the locks, or the key that another
/// session has claimed.
pub(in crate::store) fn claim(
    database: &Path,
    ids: &[KeyId],
    patience: Duration,
) -> Result<Result<File, KeyId>, StoreError> {
    let path = place(database);
    let fault =
        |error: io::Error| StoreError::File { what: "lock", path: path.clone(), reason: error.to_string() };
    let file = open(database, &path).map_err(fault)?;
    for id in ids {
        let mut waited = Duration::ZERO;
        while !byte_lock::try_lock(&file, byte_of(*id)).map_err(fault)? {
            if waited >= patience {
                return Ok(Err(*id));
            }
            std::thread::sleep(LOOK_AGAIN);
            waited += LOOK_AGAIN;
        }
    }
    Ok(Ok(file))
}

fn place(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push("-rotations");
    database.with_file_name(name)
}

fn open(database: &Path, path: &Path) -> io::Result<File> {
    match files::create_beside(database, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => drop(other?),
    }
    OpenOptions::new().append(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

/// The byte of a key: its ID as a number in base 62, which is less than 2^60.
fn byte_of(id: KeyId) -> i64 {
    id.as_str().bytes().fold(0, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            _ => byte.saturating_sub(b'a') + 36,
        };
        number * 62 + i64::from(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_byte_of_its_own() {
        let byte = |id: &str| byte_of(id.parse().unwrap());
        assert_eq!((byte("0000000000"), byte("000000000z"), byte("0000000010")), (0, 61, 62));
        assert_eq!(byte("zzzzzzzzzz"), 62_i64.pow(10) - 1);
    }
}
