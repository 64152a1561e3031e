//! Disk space reserved next to the database, to revoke keys on a full disk.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

use crate::host::files;

/// Many times the size of the pages that a deletion writes to the write-ahead log.
const BYTES: u64 = 1 << 20;
/// Free space that is left for others when the reserve is created.
const MARGIN: u64 = 256 << 10;

/// The reserve of an open database. Dropping it reserves released space again. The database is closed by then, so that
/// its write-ahead log has freed its own space.
#[derive(Debug)]
pub(super) struct Reserve {
    database: PathBuf,
    is_released: bool,
}

impl Reserve {
    pub(super) fn of(database: &Path) -> Self {
        Self { database: database.to_owned(), is_released: false }
    }

    /// Frees the reserved space. Returns whether there was any, then or before.
    pub(super) fn release(&mut self) -> bool {
        self.is_released |= std::fs::remove_file(beside(&self.database, "-reserve")).is_ok();
        self.is_released
    }

    pub(super) fn is_released(&self) -> bool {
        self.is_released
    }

    /// Reserves the space, as far as available.
    pub(super) fn take(&mut self) {
        if take(&self.database) {
            self.is_released = false;
        }
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        if self.is_released {
            take(&self.database);
        }
    }
}

fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(end);
    database.with_file_name(name)
}

/// Whether the reserve has its full size.
pub(super) fn is_there(database: &Path) -> bool {
    std::fs::symlink_metadata(beside(database, "-reserve"))
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() >= BYTES)
}

/// Creates a missing reserve and replaces a short one. Returns whether it exists now.
pub(super) fn take(database: &Path) -> bool {
    is_there(database)
        || (files::free_space(database).is_none_or(|free| free >= BYTES + MARGIN) && create(database).is_ok())
}

/// Creates the reserve atomically, under another name that is renamed at the end.
///
/// The name is constant and the file is locked: a process that is killed leaves at most one, which the next one
/// overwrites.
fn create(database: &Path) -> io::Result<()> {
    let path = beside(database, "-reserve-new");
    let file = match files::create_beside(database, &path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&path)?
        }
        created => created?,
    };
    match file.try_lock() {
        Ok(()) => {}
        // Another session is creating it.
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Another session may have finished it between opening and locking.
    let metadata = file.metadata()?;
    if files::identity(&path) != Some(files::FileIdentity::of(&metadata)) {
        return Ok(());
    }
    if !metadata.is_file() || metadata.nlink() != 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let created = write(&file).and_then(|()| std::fs::rename(&path, beside(database, "-reserve")));
    if created.is_err() {
        let _ = std::fs::remove_file(&path);
    }
    created
}

fn write(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    let zeros = vec![0; 64 << 10];
    for _ in 0..BYTES / zeros.len() as u64 {
        file.write_all(&zeros)?;
    }
    Ok(())
}
