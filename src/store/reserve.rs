//! Space kept next to the database, so that a key can be revoked on a full disk.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

use crate::host::files;

/// Enough for the pages that a deletion writes into the write-ahead log, many times over.
const BYTES: u64 = 1 << 20;
/// The reserve is not taken from what others need: this much stays free.
const MARGIN: u64 = 256 << 10;

/// The reserve of an open database. When dropped, takes back what was released; by then the database is closed, and
/// its write-ahead log has returned its own space.
#[derive(Debug)]
pub(super) struct Reserve {
    database: PathBuf,
    is_released: bool,
}

impl Reserve {
    pub(super) fn of(database: &Path) -> Self {
        Self { database: database.to_owned(), is_released: false }
    }

    /// Returns the space to the disk, and whether there was any.
    pub(super) fn release(&mut self) -> bool {
        let released = std::fs::remove_file(beside(&self.database, "-reserve")).is_ok();
        self.is_released |= released;
        released
    }

    /// Takes the space, as far as the disk has it.
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

/// Whether the reserve is there, all of it.
pub(super) fn is_there(database: &Path) -> bool {
    std::fs::symlink_metadata(beside(database, "-reserve"))
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() >= BYTES)
}

/// Creates a missing reserve and replaces a short one. Returns whether there is one now.
pub(super) fn take(database: &Path) -> bool {
    is_there(database)
        || (files::free_space(database).is_none_or(|free| free >= BYTES + MARGIN) && create(database).is_ok())
}

/// Writes the reserve under another name and renames it, so that it is there entirely or not at all.
///
/// The name is always the same and its file is locked: a process that was killed leaves at most one, which the next
/// one overwrites.
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
    // Another session may have finished it between the opening and the lock.
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
