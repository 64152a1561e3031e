//! Environment files: one variable gets a new value, atomically, and everything else stays as it is.
//!
//! The new text goes into a temporary file in the same directory, which gets the owner, mode, access control list and
//! extended attributes of the file and then its name. Readers and a power failure see the old or the new file.

use std::fs::{File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc;
use nix::unistd::{AccessFlags, access};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::attributes;
use super::files::{FileIdentity, folder_of};
use super::new_file::{Access, temporary};
use super::regular_file::other_kind;
use crate::domain::env_file::{EnvFileError, Place, VariableName, find};

/// The maximum size of an environment file, in bytes.
const MOST: u64 = 1 << 20;
/// How long to wait for another session that changes the same file.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The file is as it was, unless the reason says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    #[error("{} is {kind}, not a regular file", path.display())]
    NotRegular { path: PathBuf, kind: &'static str },
    #[error("{} has several names (hard links), and only one of them would get the new file", .0.display())]
    Linked(PathBuf),
    #[error("could not change {}: {source}", path.display())]
    Unclear { path: PathBuf, source: EnvFileError },
    #[error("could not change {}: {} is not writable, and the file is replaced as a whole", path.display(), folder.display())]
    Folder { path: PathBuf, folder: PathBuf },
    #[error("could not change {}: another program changed it at the same time", .0.display())]
    Changed(PathBuf),
    #[error("could not change {}: {reason}", path.display())]
    Failed { path: PathBuf, reason: String },
}

impl ChangeError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing(path) => Some(format!(
                "check the path, or create the file with: install -m 600 /dev/null {}",
                path.display()
            )),
            Self::NotRegular { path, .. } => {
                let target = path.canonicalize().ok().filter(|target| target.is_file());
                target.map(|target| format!("use the path of the file itself: {}", target.display()))
            }
            Self::Linked(_) => Some("copy the file, so that each name has its own".into()),
            Self::Unclear { source: EnvFileError::Duplicate { .. }, .. } => {
                Some("keep one of the lines and delete the others".into())
            }
            Self::Unclear { .. } => Some("write the variable alone on its line, as NAME=value".into()),
            Self::Folder { folder, .. } => {
                Some(format!("run keydesk as a user who can write to {}", folder.display()))
            }
            Self::Changed(_) | Self::Failed { .. } => None,
        }
    }
}

/// A variable in an environment file.
#[derive(Clone, Debug)]
pub struct EnvFile {
    path: PathBuf,
    name: VariableName,
}

/// A file as it was read, locked against other sessions of keydesk.
struct Present {
    file: File,
    metadata: Metadata,
    text: Zeroizing<Vec<u8>>,
}

/// A change that can be undone.
pub struct Changed {
    path: PathBuf,
    before: Zeroizing<Vec<u8>>,
    after: Zeroizing<Vec<u8>>,
}

impl EnvFile {
    #[must_use]
    pub fn new(path: PathBuf, name: VariableName) -> Self {
        Self { path, name }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn name(&self) -> &VariableName {
        &self.name
    }

    /// Checks early whether the variable can be changed: with everything but the new text. Returns the mode of the file
    /// if others than its owner can read it.
    ///
    /// # Errors
    /// When it cannot be changed.
    pub fn check(&self) -> Result<Option<u32>, ChangeError> {
        let present = self.read()?;
        self.find(&present)?;
        twin(&self.path, &present, b"")?;
        let mode = present.metadata.mode() & 0o7777;
        Ok((mode & 0o044 != 0).then_some(mode))
    }

    /// Gives the variable a value of letters, digits and underscores.
    ///
    /// # Errors
    /// When it cannot be changed. The file is as it was then.
    pub fn set(&self, value: &str) -> Result<Changed, ChangeError> {
        let present = self.read()?;
        let after = self.find(&present)?.with_value(&present.text, value);
        replace(&self.path, &present, &after)?;
        let changed = Changed { path: self.path.clone(), before: present.text, after };
        // Makes the rename survive a power failure. Some file systems cannot sync a directory and return EINVAL.
        match File::open(folder_of(&self.path)).and_then(|folder| folder.sync_all()) {
            Err(error) if error.raw_os_error() != Some(libc::EINVAL) => {
                let failed = failed(&self.path, &error);
                Err(changed.undo().err().unwrap_or(failed))
            }
            _ => Ok(changed),
        }
    }

    fn read(&self) -> Result<Present, ChangeError> {
        read(&self.path)
    }

    fn find(&self, present: &Present) -> Result<Place, ChangeError> {
        find(&present.text, &self.name)
            .map_err(|source| ChangeError::Unclear { path: self.path.clone(), source })
    }
}

impl Changed {
    /// Puts the old text back, unless another program has changed the file since.
    ///
    /// # Errors
    /// When it cannot be put back. The file then has the new value.
    pub fn undo(self) -> Result<(), ChangeError> {
        let Self { path, before, after } = self;
        let present = read(&path)?;
        if *present.text != *after {
            return Err(ChangeError::Changed(path));
        }
        replace(&path, &present, &before)
    }
}

fn failed(path: &Path, error: &io::Error) -> ChangeError {
    ChangeError::Failed { path: path.to_owned(), reason: error.to_string() }
}

/// Opens and locks the file that has this name, and reads it.
fn read(path: &Path) -> Result<Present, ChangeError> {
    let failed = |error| failed(path, &error);
    let mut waited = Duration::ZERO;
    loop {
        let (file, metadata) = open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if waited < PATIENCE => {
                std::thread::sleep(LOOK_AGAIN);
                waited += LOOK_AGAIN;
                continue;
            }
            Err(TryLockError::WouldBlock) => return Err(ChangeError::Changed(path.to_owned())),
            // Some file systems have no locks. The comparison before the rename remains.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        // Another session has replaced it meanwhile.
        if !is_same(path, &metadata) && waited < PATIENCE {
            waited += LOOK_AGAIN;
            continue;
        }
        if metadata.len() > MOST {
            let reason = format!("it is larger than {MOST} bytes");
            return Err(ChangeError::Failed { path: path.to_owned(), reason });
        }
        // The whole capacity at once: a buffer that grows leaves a copy behind.
        let length = usize::try_from(metadata.len()).unwrap_or_default();
        let mut text = Zeroizing::new(vec![0; length]);
        (&file).read_exact(&mut text).map_err(failed)?;
        return Ok(Present { file, metadata, text });
    }
}

/// Opens a regular file without following links.
fn open(path: &Path) -> Result<(File, Metadata), ChangeError> {
    let fail = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ChangeError::Missing(path.to_owned()),
        _ => failed(path, &error),
    };
    let accept = |metadata: &Metadata| match other_kind(metadata.file_type()) {
        Some(kind) => Err(ChangeError::NotRegular { path: path.to_owned(), kind }),
        None if metadata.nlink() > 1 => Err(ChangeError::Linked(path.to_owned())),
        None => Ok(()),
    };
    accept(&std::fs::symlink_metadata(path).map_err(fail)?)?;
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    accept(&metadata)?;
    Ok((file, metadata))
}

/// Whether a path still has the same file, unchanged.
fn is_same(path: &Path, seen: &Metadata) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|now| {
        FileIdentity::of(&now) == FileIdentity::of(seen)
            && (now.len(), now.mtime(), now.mtime_nsec(), now.ctime(), now.ctime_nsec())
                == (seen.len(), seen.mtime(), seen.mtime_nsec(), seen.ctime(), seen.ctime_nsec())
    })
}

fn replace(path: &Path, present: &Present, text: &[u8]) -> Result<(), ChangeError> {
    let twin = twin(path, present, text)?;
    if !is_same(path, &present.metadata) {
        return Err(ChangeError::Changed(path.to_owned()));
    }
    twin.persist(path).map_err(|error| failed(path, &error.error))?;
    Ok(())
}

/// A temporary file with a text, and with the owner, mode and attributes of the file. Only this user can read it before
/// it is complete.
fn twin(path: &Path, present: &Present, text: &[u8]) -> Result<NamedTempFile, ChangeError> {
    let folder = folder_of(path);
    if access(folder, AccessFlags::W_OK | AccessFlags::X_OK).is_err() {
        return Err(ChangeError::Folder { path: path.to_owned(), folder: folder.to_owned() });
    }
    let write = || {
        let mut twin = temporary(path, Access::Owner)?;
        twin.write_all(text)?;
        equal(twin.as_file(), present)?;
        Ok(twin)
    };
    write().map_err(|error| failed(path, &error))
}

/// Gives a new file the owner, mode and attributes of another one, and syncs it.
fn equal(file: &File, present: &Present) -> io::Result<()> {
    let wanted = &present.metadata;
    attributes::copy(&present.file, file)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (wanted.uid(), wanted.gid()) {
        fchown(file, Some(wanted.uid()), Some(wanted.gid()))
            .map_err(|error| io::Error::other(format!("its owner and group cannot be kept: {error}")))?;
    }
    file.set_permissions(Permissions::from_mode(wanted.mode() & 0o7777))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(path: &Path) -> EnvFile {
        EnvFile::new(path.to_owned(), "KEY".parse().unwrap())
    }

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.env");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn names(folder: &Path) -> Vec<std::ffi::OsString> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn the_file_is_replaced_and_keeps_mode_and_owner() {
        let (folder, path) = written("# a\nKEY=old\n");
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let is_root = nix::unistd::geteuid().is_root();
        if is_root {
            fchown(File::open(&path).unwrap(), Some(12_345), Some(23_456)).unwrap();
        }
        let before = std::fs::metadata(&path).unwrap();
        assert_eq!(variable(&path).check().unwrap(), Some(0o640));
        let changed = variable(&path).set("new").unwrap();
        let after = std::fs::metadata(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"# a\nKEY=new\n");
        assert_eq!((before.mode(), before.uid(), before.gid()), (after.mode(), after.uid(), after.gid()));
        assert_eq!(is_root, after.uid() == 12_345);
        assert_ne!(before.ino(), after.ino(), "not written in place");
        changed.undo().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"# a\nKEY=old\n");
        assert_eq!(std::fs::metadata(&path).unwrap().mode(), before.mode());
        assert_eq!(names(folder.path()), ["app.env"]);
    }

    #[test]
    fn links_and_other_files_are_rejected() {
        let (folder, path) = written("KEY=old\n");
        let below = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink(&path, below("link")).unwrap();
        let error = variable(&below("link")).check().unwrap_err();
        assert!(error.to_string().ends_with("is a symbolic link, not a regular file"), "{error}");
        assert!(error.hint().unwrap().ends_with("app.env"));
        nix::unistd::mkfifo(&below("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(variable(&below("fifo")).check().is_err());
        assert!(variable(folder.path()).check().is_err());
        assert!(matches!(variable(&below("none")).check(), Err(ChangeError::Missing(_))));
        std::fs::write(below("large"), vec![b'#'; 1 + usize::try_from(MOST).unwrap()]).unwrap();
        assert!(variable(&below("large")).check().unwrap_err().to_string().contains("larger than"));
        std::fs::hard_link(&path, below("twin")).unwrap();
        assert!(matches!(variable(&path).set("new"), Err(ChangeError::Linked(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"KEY=old\n");
    }

    #[test]
    fn what_another_program_changed_is_not_overwritten() {
        let (folder, path) = written("KEY=old\n");
        let present = read(&path).unwrap();
        std::fs::write(&path, "KEY=old\nOTHER=1\n").unwrap();
        assert!(matches!(replace(&path, &present, b"KEY=new\n"), Err(ChangeError::Changed(_))));
        drop(present);
        let changed = variable(&path).set("new").unwrap();
        std::fs::write(&path, "KEY=new\nOTHER=2\n").unwrap();
        assert!(matches!(changed.undo(), Err(ChangeError::Changed(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"KEY=new\nOTHER=2\n");
        assert_eq!(names(folder.path()), ["app.env"]);
    }

    #[test]
    fn changes_at_the_same_time_are_all_there() {
        let (folder, path) = written("");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for number in 0..10 {
                        let name = format!("KEY_{thread}_{number}").parse().unwrap();
                        EnvFile::new(path.clone(), name).set("new").unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 40);
        assert_eq!(names(folder.path()), ["app.env"]);
    }
}
