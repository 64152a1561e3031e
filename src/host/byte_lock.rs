//! Advisory locks on single bytes of a file. The system releases a lock when its holder ends, even if it is killed.

use std::fs::File;
use std::io;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// Locks one byte of a file that is open for writing, without waiting. Returns `false` when it is locked already.
///
/// The lock ends when the file is closed. On Linux it belongs to the open file, so two sessions of one process exclude
/// each other too; elsewhere it belongs to the process.
#[allow(
    clippy::cast_possible_truncation,
    clippy::unnecessary_cast,
    reason = "the constants are small, and wider than the fields on some systems"
)]
pub fn try_lock(file: &File, byte: i64) -> io::Result<bool> {
    let lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    #[cfg(target_os = "linux")]
    let set = FcntlArg::F_OFD_SETLK(&lock);
    #[cfg(not(target_os = "linux"))]
    let set = FcntlArg::F_SETLK(&lock);
    match fcntl(file, set) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_has_one_holder_until_it_closes_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("locks");
        let open = || std::fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let (first, second) = (open(), open());
        assert!(try_lock(&first, 1 << 59).unwrap());
        assert!(!try_lock(&second, 1 << 59).unwrap());
        assert!(try_lock(&second, (1 << 59) + 1).unwrap(), "another byte is free");
        drop(first);
        assert!(try_lock(&second, 1 << 59).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0, "nothing is written");
    }
}
