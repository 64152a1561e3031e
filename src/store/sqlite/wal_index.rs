//! Detects commits to a file without a lock.
//!
//! The wal-index (the file `-shm`) begins with two copies of a header that each commit writes before COMMIT returns. While
//! they are as they were, nothing was committed: SQLite's own readers compare them in the same way
//! (<https://sqlite.org/walformat.html#the_wal_index_header>). `PRAGMA data_version` compares them too, but within a read
//! transaction, which takes and releases a lock of the kernel. That takes most of the time of a verification, and threads
//! that do it at the same time wait for each other.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use nix::libc;

use crate::host::files::FileIdentity;

/// Both copies of the header, of 48 bytes each.
pub(super) type Header = [u8; 96];

/// The wal-index of a database that SQLite has open.
#[derive(Debug)]
pub(super) struct WalIndex(Arc<File>);

/// All files that were opened. Closing one would release the locks that SQLite holds on it in this process (POSIX).
static OPEN: Mutex<Vec<(FileIdentity, Arc<File>)>> = Mutex::new(Vec::new());

impl WalIndex {
    /// None when it cannot be opened. SQLite must have it open.
    pub(super) fn open(database: &Path) -> Option<Self> {
        let mut name = database.as_os_str().to_owned();
        name.push("-shm");
        let path = Path::new(&name);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody has locks on a file that was removed.
        open.retain(|(_, file)| file.metadata().is_ok_and(|file| file.nlink() > 0));
        let wanted = FileIdentity::of(&std::fs::symlink_metadata(path).ok()?);
        if let Some((_, file)) = open.iter().find(|(known, _)| *known == wanted) {
            return Some(Self(Arc::clone(file)));
        }
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = Arc::new(OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?);
        let opened = file.metadata().ok().filter(std::fs::Metadata::is_file).as_ref().map(FileIdentity::of);
        // Another file than the one that was found stays open too.
        open.push((opened.unwrap_or(wanted), Arc::clone(&file)));
        (opened == Some(wanted)).then_some(Self(file))
    }

    /// None when it cannot be read.
    pub(super) fn header(&self) -> Option<Header> {
        let mut header = [0; 96];
        self.0.read_exact_at(&mut header, 0).ok().map(|()| header)
    }
}
