//! New files that appear under their name whole or not at all, with mode 0600 whatever the umask.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::libc;
use tempfile::NamedTempFile;

use super::files::folder_of;

/// A file was not written; nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Something has that name already, be it a link.
    #[error("{} is there already: choose another name", .0.display())]
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
        return Err(failed(format!("{} is no folder", folder.display())));
    }
    nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).map_err(|error| failed(error.to_string()))
}

/// A file being written under a temporary name in the same directory. [`NewFile::finish`] gives it its own name, and
/// fails where that is taken. Dropped before, it leaves nothing behind.
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
    /// When something has that name already, be it a link, or the directory cannot be written.
    pub fn begin(path: &Path) -> Result<Self, WriteError> {
        check_new(path)?;
        let failed =
            |error: io::Error| WriteError::Failed { path: path.to_owned(), reason: error.to_string() };
        // Opened before anything is created: what fails here leaves no trace.
        let folder = File::open(folder_of(path)).map_err(failed)?;
        let file = temporary(path, Access::Owner).map_err(failed)?;
        Ok(Self { path: path.to_owned(), folder, file })
    }

    #[must_use]
    pub fn part(&self) -> &Path {
        self.file.path()
    }

    /// Syncs the file, gives it its name and returns its size in bytes.
    ///
    /// # Errors
    /// When the name was taken meanwhile or the disk cannot be written. Nothing is left of the file then.
    pub fn finish(self) -> Result<u64, WriteError> {
        let Self { path, folder, file } = self;
        let failed = |error: &io::Error| WriteError::Failed { path: path.clone(), reason: error.to_string() };
        let bytes = file.as_file().metadata().map_err(|error| failed(&error))?.len();
        file.as_file().sync_all().map_err(|error| failed(&error))?;
        file.persist_noclobber(&path).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => WriteError::Exists(path.clone()),
            _ => failed(&error.error),
        })?;
        // The name must survive a power cut too. Some file systems cannot sync a directory and return EINVAL.
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
    /// Its owner alone, whatever the umask.
    Owner,
    /// Everyone whom the umask allows.
    Umask,
}

/// Writes a file in place of the one that is there, or of a link: readers see the old text or the new one, never a
/// part.
///
/// It is not synced: after a power cut the old text may be there, or none. Only for what can be done without.
pub fn replace(path: &Path, text: &[u8], access: Access) -> io::Result<()> {
    let mut file = temporary(path, access)?;
    file.write_all(text)?;
    file.persist(path)?;
    Ok(())
}

/// A temporary file in the directory of a path.
fn temporary(path: &Path, access: Access) -> io::Result<NamedTempFile> {
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
        // The umask may have taken our own permissions away.
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
    fn it_has_its_name_only_when_it_is_whole() {
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
    fn given_up_it_leaves_nothing_and_it_replaces_nothing() {
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
    fn a_new_file_is_private_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        write_new(&path, "text").unwrap();
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("text\n", 0o600));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn nothing_is_ever_replaced() {
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
    fn the_longest_name_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x".repeat(255));
        write_new(&path, "text").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "text\n");
    }

    #[test]
    fn a_replaced_file_is_private_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head");
        for text in ["old", "new"] {
            replace(&path, text.as_bytes(), Access::Owner).unwrap();
            assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), mode(&path)), (text, 0o600));
        }
        assert_eq!(names(folder.path()), ["head"]);
    }
}
