//! New files that are created atomically, with mode 0600 regardless of the umask.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::libc;
use tempfile::NamedTempFile;

use super::files::folder_of;

/// The file was not written, and no part of it is left.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file, link or directory of that name exists.
    #[error("{} already exists: choose another name", .0.display())]
    Exists(PathBuf),
    #[error("could not write {}: {reason}", path.display())]
    Failed { path: PathBuf, reason: String },
}

/// Checks early whether a new file can be created at a path.
pub fn check_new(path: &Path) -> Result<(), WriteError> {
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(WriteError::Exists(path.to_owned()));
    }
    let failed = |reason: String| WriteError::Failed { path: path.to_owned(), reason };
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(failed(format!("{} is not a directory", folder.display())));
    }
    nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).map_err(|error| failed(error.to_string()))
}

/// A file that is written under a temporary name in the same directory. [`NewFile::finish`] renames it, and fails where
/// the name is taken. Dropping it before deletes it.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    folder: File,
    file: NamedTempFile,
}

impl NewFile {
    /// Creates the temporary file.
    ///
    /// # Errors
    /// When the name exists, or the directory cannot be written.
    pub fn begin(path: &Path) -> Result<Self, WriteError> {
        check_new(path)?;
        let failed =
            |error: io::Error| WriteError::Failed { path: path.to_owned(), reason: error.to_string() };
        // Opened before anything is created, so that a failure leaves nothing behind.
        let folder = File::open(folder_of(path)).map_err(failed)?;
        let file = temporary(path, Access::Owner).map_err(failed)?;
        Ok(Self { path: path.to_owned(), folder, file })
    }

    #[must_use]
    pub fn part(&self) -> &Path {
        self.file.path()
    }

    /// Syncs and renames the file, and returns its size in bytes.
    ///
    /// # Errors
    /// When the name exists by now, or the disk cannot be written. The file is deleted then.
    pub fn finish(self) -> Result<u64, WriteError> {
        let Self { path, folder, file } = self;
        let failed = |error: &io::Error| WriteError::Failed { path: path.clone(), reason: error.to_string() };
        let bytes = file.as_file().metadata().map_err(|error| failed(&error))?.len();
        file.as_file().sync_all().map_err(|error| failed(&error))?;
        file.persist_noclobber(&path).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => WriteError::Exists(path.clone()),
            _ => failed(&error.error),
        })?;
        // Makes the rename survive a power failure. Some file systems cannot sync a directory and return EINVAL.
        match folder.sync_all() {
            Err(error) if error.raw_os_error() != Some(libc::EINVAL) => {
                let _ = std::fs::remove_file(&path);
                Err(failed(&error))
            }
            _ => Ok(bytes),
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes a new file with a line break after the text.
///
/// # Errors
/// Those of [`NewFile::begin`] and [`NewFile::finish`].
pub fn write_new(path: &Path, text: &str) -> Result<(), WriteError> {
    let mut file = NewFile::begin(path)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .map_err(|error| WriteError::Failed { path: path.to_owned(), reason: error.to_string() })?;
    file.finish().map(drop)
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only its owner, regardless of the umask.
    Owner,
    Umask,
}

/// Replaces a file or link atomically: readers see the old or the new text.
///
/// The file is not synced: after a power failure it may have the old text, or none. Only for data that can be lost.
pub fn replace(path: &Path, text: &[u8], access: Access) -> io::Result<()> {
    let mut file = temporary(path, access)?;
    file.write_all(text)?;
    file.persist(path)?;
    Ok(())
}

/// A temporary file in the directory of a path.
pub(super) fn temporary(path: &Path, access: Access) -> io::Result<NamedTempFile> {
    let mode = Permissions::from_mode(match access {
        Access::Owner => 0o600,
        Access::Umask => 0o666,
    });
    let file = tempfile::Builder::new()
        .prefix(".keydesk-")
        .suffix(".part")
        .permissions(mode.clone())
        .tempfile_in(folder_of(path))?;
    if access == Access::Owner {
        // The umask may have removed the owner's permissions.
        file.as_file().set_permissions(mode)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn names(folder: &Path) -> Vec<String> {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn the_name_appears_only_when_the_file_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        let mut file = NewFile::begin(&path).unwrap();
        file.write_all(b"text").unwrap();
        assert!(!path.exists());
        assert_eq!(file.finish().unwrap(), 4);
        assert_eq!(std::fs::read(&path).unwrap(), b"text");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["list.csv"]);
    }

    #[test]
    fn a_dropped_file_leaves_nothing_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        drop(NewFile::begin(&path).unwrap());
        assert_eq!(names(folder.path()), [""; 0]);
        let file = NewFile::begin(&path).unwrap();
        std::fs::write(&path, "quicker").unwrap();
        assert!(matches!(file.finish(), Err(WriteError::Exists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"quicker");
        assert_eq!(names(folder.path()), ["list.csv"]);
        assert!(matches!(NewFile::begin(&path), Err(WriteError::Exists(_))));
    }

    #[test]
    fn a_new_file_is_private_and_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        write_new(&path, "text").unwrap();
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("text\n", 0o600));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn an_existing_file_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("there");
        std::fs::write(&path, "old").unwrap();
        assert!(matches!(write_new(&path, "new"), Err(WriteError::Exists(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
        assert!(matches!(write_new(&link, "new"), Err(WriteError::Exists(_))));
        assert!(matches!(write_new(&folder.path().join("no/folder"), "x"), Err(WriteError::Failed { .. })));
    }

    #[test]
    fn the_longest_possible_name_works() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x".repeat(255));
        write_new(&path, "text").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "text\n");
    }

    #[test]
    fn a_replaced_file_is_private_and_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head");
        for text in ["old", "new"] {
            replace(&path, text.as_bytes(), Access::Owner).unwrap();
            assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), mode(&path)), (text, 0o600));
        }
        assert_eq!(names(folder.path()), ["head"]);
    }
}
